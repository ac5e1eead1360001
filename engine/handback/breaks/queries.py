"""Reading breaks: one, a page of them, those that are about the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from handback.breaks.decisions import Decision
from handback.breaks.kinds import BreakKind, Resolution, Severity
from handback.errors import NotFound
from handback.ids import Prefix, public_id
from handback.partners.codes import ReasonClass
from handback.partners.lists import listed
from handback.partners.restricted import RESTRICTED, SHOWN
from handback.store.bulk import table_of
from handback.store.tables import Break, BreakProposal, Partner, Programme, Redemption

BREAK, PARTNER, PROGRAMME = table_of(Break), table_of(Partner), table_of(Programme)
PROPOSAL, REDEMPTION = table_of(BreakProposal), table_of(Redemption)

# What can be about one subject before somebody has to look at its redemption instead.
_EARLIER = 20


@dataclass(frozen=True, slots=True)
class Proposal:
    """A decision that waits for a second person; it has lapsed where the redemption moved since.

    `quantity` is what counts as credited, `version` where the redemption stood.
    """

    number: int
    decision: Decision
    redemption_id: int
    attempt: int
    version: int
    quantity: int
    actor: str
    comment: str
    proposed_at: datetime
    lapsed: bool


@dataclass(frozen=True, slots=True)
class BreakView:
    """A break as it stands. `facts` are what an operator needs beside, by kind."""

    break_id: int
    programme: str
    partner: str
    programme_id: int
    partner_id: int
    kind: BreakKind
    redemption_id: int | None
    attempt: int | None
    file_id: int | None
    ordinal: int | None
    quantity: int | None
    reason_code: str | None
    reason_class: ReasonClass
    raw: str | None
    facts: Mapping[str, str]
    reference: str | None
    owner: str | None
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    resolution: Resolution | None
    comment: str | None
    proposal: Proposal | None = None

    @property
    def severity(self) -> Severity:
        """How grave it is, by its kind."""
        return self.kind.severity

    @property
    def is_restricted(self) -> bool:
        """Whether not everybody may see why it is there."""
        return self.reason_class is RESTRICTED

    def masked(self) -> BreakView:
        """The break, as whoever may not see restricted reasons is shown it."""
        if not self.is_restricted:
            return self
        proposal = self.proposal and replace(self.proposal, comment="")
        return replace(
            self,
            reason_code=None,
            reason_class=SHOWN,
            raw=None,
            facts={},
            comment=None,
            proposal=proposal,
        )


@dataclass(frozen=True, slots=True)
class BreakFilter:
    """Which breaks of a programme a page holds; what is None, empty or False does not narrow.

    `overdue_at` leaves those that are open though they were due by then, `unowned` those that
    nobody has taken on, `proposed` those that wait for a second person.
    """

    programme: str
    partner: str | None = None
    kinds: Sequence[BreakKind] = ()
    severities: Sequence[Severity] = ()
    owner: str | None = None
    unowned: bool = False
    redemption_id: int | None = None
    file_id: int | None = None
    overdue_at: datetime | None = None
    proposed: bool = False
    include_closed: bool = False


def get(tx: sa.Connection, programme: str, break_id: int) -> BreakView:
    """One break of a programme. Raises NotFound."""
    selected = _views().where(PROGRAMME.c.name == programme, BREAK.c.break_id == break_id)
    row = tx.execute(selected).one_or_none()
    if row is None:
        raise NotFound(kind="break", id=public_id(Prefix.BREAK, break_id))
    return _view(row)


def page(tx: sa.Connection, wanted: BreakFilter, after: int, size: int) -> list[BreakView]:
    """Up to `size` breaks with an id above `after`, oldest first. Raises NotFound."""
    programme_id: sa.ColumnElement[int] = BREAK.c.programme_id
    if wanted.redemption_id is not None or wanted.file_id is not None:
        # These are few. Without statistics SQLite would rather walk the programme's open breaks,
        # and cannot where it is no bare column that is compared.
        programme_id = BREAK.c.programme_id + 0
    selected = (
        _views(programme_id)
        .where(BREAK.c.break_id > after, *_narrowed(wanted))
        .order_by(BREAK.c.break_id)
        .limit(size)
    )
    return listed(tx, selected, wanted, _view)


def _narrowed(wanted: BreakFilter) -> Iterator[sa.ColumnElement[bool]]:
    """The conditions of a filter, without those of programme and partner."""
    if not wanted.include_closed:
        yield BREAK.c.closed_at.is_(None)
    if wanted.kinds:
        yield BREAK.c.kind.in_([int(kind) for kind in wanted.kinds])
    if wanted.severities:
        grave = [int(kind) for kind in BreakKind if kind.severity in wanted.severities]
        yield BREAK.c.kind.in_(grave)
    if wanted.owner is not None:
        yield BREAK.c.owner == wanted.owner
    if wanted.unowned:
        yield BREAK.c.owner.is_(None)
    if wanted.redemption_id is not None:
        yield BREAK.c.redemption_id == wanted.redemption_id
    if wanted.file_id is not None:
        yield BREAK.c.file_id == wanted.file_id
    if wanted.overdue_at is not None:
        yield BREAK.c.due_at <= wanted.overdue_at
        yield BREAK.c.closed_at.is_(None)
    if wanted.proposed:
        yield PROPOSAL.c.number.is_not(None)


def earlier(tx: sa.Connection, view: BreakView) -> list[BreakView]:
    """The breaks before this one that were about the same, the newest first, at most 20.

    That is its redemption or, where none is known, its reference at that partner.
    """
    if view.redemption_id is not None:
        same = BREAK.c.redemption_id == view.redemption_id
    elif view.reference is not None:
        of_partner = BREAK.c.partner_id == view.partner_id
        same = of_partner & (BREAK.c.reference == view.reference)
    else:
        return []
    selected = _views(BREAK.c.programme_id + 0).where(same, BREAK.c.break_id < view.break_id)
    newest = selected.order_by(BREAK.c.break_id.desc()).limit(_EARLIER)
    return [_view(row) for row in tx.execute(newest)]


def locked(tx: sa.Connection, programme: str, break_id: int) -> BreakView:
    """One break as it stands, and stays until the end of the transaction. Raises NotFound.

    Its redemption, or the one to which its record is to be linked, is locked before it, as by
    everything that moves one and closes breaks.
    """
    found = get(tx, programme, break_id)
    about = found.redemption_id
    if about is None and found.proposal is not None:
        about = found.proposal.redemption_id
    if about is not None:
        lock_redemption(tx, about)
    row = sa.select(BREAK.c.break_id).where(BREAK.c.break_id == break_id)
    tx.execute(row.with_for_update())
    return get(tx, programme, break_id)


def lock_redemption(tx: sa.Connection, redemption_id: int) -> None:
    """Keep a redemption as it is until the end of the transaction."""
    row = sa.select(REDEMPTION.c.redemption_id).where(REDEMPTION.c.redemption_id == redemption_id)
    tx.execute(row.with_for_update())


def _views(
    programme_id: sa.ColumnElement[int] = BREAK.c.programme_id,
) -> sa.Select[tuple[object, ...]]:
    proposed = [PROPOSAL.c[name].label(f"proposal_{name}") for name in _PROPOSED]
    lapsed = (REDEMPTION.c.version != PROPOSAL.c.version).label("proposal_lapsed")
    is_open = (PROPOSAL.c.break_id == BREAK.c.break_id) & PROPOSAL.c.verdict.is_(None)
    return (
        sa.select(
            BREAK,
            PROGRAMME.c.name.label("programme"),
            PARTNER.c.name.label("partner"),
            *proposed,
            lapsed,
        )
        .join(PROGRAMME, PROGRAMME.c.programme_id == programme_id)
        .join(PARTNER, PARTNER.c.partner_id == BREAK.c.partner_id)
        .outerjoin(PROPOSAL, is_open)
        .outerjoin(REDEMPTION, REDEMPTION.c.redemption_id == PROPOSAL.c.redemption_id)
    )


_PROPOSED = (
    "number",
    "decision",
    "redemption_id",
    "attempt",
    "version",
    "quantity",
    "actor",
    "comment",
    "proposed_at",
)


def _proposal(row: sa.Row[tuple[object, ...]]) -> Proposal | None:
    if row.proposal_number is None:
        return None
    return Proposal(
        number=row.proposal_number,
        decision=Decision(row.proposal_decision),
        redemption_id=row.proposal_redemption_id,
        attempt=row.proposal_attempt,
        version=row.proposal_version,
        quantity=row.proposal_quantity,
        actor=row.proposal_actor,
        comment=row.proposal_comment,
        proposed_at=row.proposal_proposed_at,
        lapsed=bool(row.proposal_lapsed),
    )


def _view(row: sa.Row[tuple[object, ...]]) -> BreakView:
    return BreakView(
        break_id=row.break_id,
        programme=row.programme,
        partner=row.partner,
        programme_id=row.programme_id,
        partner_id=row.partner_id,
        kind=BreakKind(row.kind),
        redemption_id=row.redemption_id,
        attempt=row.attempt,
        file_id=row.file_id,
        ordinal=row.ordinal,
        quantity=row.quantity,
        reason_code=row.reason_code,
        reason_class=ReasonClass(row.reason_class),
        raw=row.raw,
        facts=json.loads(row.facts),
        reference=row.reference,
        owner=row.owner,
        opened_at=row.opened_at,
        due_at=row.due_at,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        resolution=None if row.resolution is None else Resolution(row.resolution),
        comment=row.comment,
        proposal=_proposal(row),
    )
