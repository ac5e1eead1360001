"""Reading payout batches: one, a page of them, and how far each is answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from handback.errors import NotFound
from handback.ids import Prefix, public_id
from handback.partners.lists import listed
from handback.payouts.outcomes import left_out_column, outcome_column
from handback.payouts.states import BatchState
from handback.store.bulk import table_of
from handback.store.tables import Attempt, Partner, PayoutBatch, Programme, Unit

ATTEMPT, BATCH = table_of(Attempt), table_of(PayoutBatch)
PARTNER, PROGRAMME, UNIT = table_of(Partner), table_of(Programme), table_of(Unit)


@dataclass(frozen=True, slots=True)
class BatchView:
    """A payout batch as it stands. `fingerprint` is the sha256 of its file."""

    batch_id: int
    programme: str
    partner: str
    unit: str
    sequence: int
    agreement_version: int
    state: BatchState
    record_count: int
    quantity: int
    file_name: str
    fingerprint: bytes
    size_bytes: int
    split_value: str | None
    due_by: datetime
    sealed_at: datetime
    delivered_at: datetime | None
    dispatched_at: datetime | None
    deadline_at: datetime | None
    settled_at: datetime | None
    recalled_at: datetime | None
    recalled_by: str | None
    recall_reason: str | None
    resent_at: datetime | None
    resent_by: str | None
    resent_as: str | None


@dataclass(frozen=True, slots=True)
class BatchFilter:
    """Which batches of a programme a page holds; what is None or empty does not narrow."""

    programme: str
    partner: str | None = None
    states: Sequence[BatchState] = ()
    overdue_at: datetime | None = None
    """Only those whose deadline is over by then, with something in them outstanding."""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a batch: so many attempts of so much quantity."""

    count: int
    quantity: int

    def __add__(self, other: Share) -> Share:
        return Share(self.count + other.count, self.quantity + other.quantity)


@dataclass(frozen=True, slots=True)
class BatchReport:
    """How far a batch is answered: sent = confirmed + rejected + open, and the quantity remainder.

    An attempt counts by the last answer to it; a confirmation that came back is rejected, and
    what the agreement reads into silence counts as the answer it stands for. `remainder` is what
    partial credits and returns left: given back, sent anew, let be, or borne by us. Its count is
    that of the attempts it is of, which are among the others.
    """

    batch_id: int
    sent: Share
    confirmed: Share
    rejected: Share
    open: Share
    remainder: Share


def get(tx: sa.Connection, programme: str, batch_id: int) -> BatchView:
    """One batch of a programme. Raises NotFound."""
    selected = _views().where(PROGRAMME.c.name == programme, BATCH.c.batch_id == batch_id)
    row = tx.execute(selected).one_or_none()
    if row is None:
        raise NotFound(kind="payout batch", id=public_id(Prefix.PAYOUT_BATCH, batch_id))
    return _view(row)


@dataclass(frozen=True, slots=True)
class BatchCommanded:
    """A batch as a command left it; `replayed` where the same request had been answered before."""

    batch: BatchView
    replayed: bool = False


class Owner(NamedTuple):
    """Whose a batch is, by number."""

    programme_id: int
    partner_id: int


def owner_of(tx: sa.Connection, programme: str, batch_id: int) -> Owner:
    """Whose a batch of a programme is. Raises NotFound."""
    select = sa.select(BATCH.c.programme_id, BATCH.c.partner_id).where(
        BATCH.c.batch_id == batch_id, PROGRAMME.c.name == programme
    )
    row = tx.execute(
        select.join(PROGRAMME, PROGRAMME.c.programme_id == BATCH.c.programme_id)
    ).one_or_none()
    if row is None:
        raise NotFound(kind="payout batch", id=public_id(Prefix.PAYOUT_BATCH, batch_id))
    return Owner(*row)


def page(tx: sa.Connection, wanted: BatchFilter, after: int, size: int) -> list[BatchView]:
    """Up to `size` batches with an id above `after`, oldest first. Raises NotFound."""
    selected = _views().where(BATCH.c.batch_id > after).order_by(BATCH.c.batch_id).limit(size)
    if wanted.states:
        selected = selected.where(BATCH.c.state.in_([int(state) for state in wanted.states]))
    if wanted.overdue_at is not None:
        selected = selected.where(
            BATCH.c.settled_at.is_(None), BATCH.c.deadline_at <= wanted.overdue_at
        )
    return listed(tx, selected, wanted, _view)


def reports(tx: sa.Connection, batch_ids: Sequence[int]) -> list[BatchReport]:
    """The reports of some batches, in the order of their ids; a recalled one has sent nothing."""
    each = (
        sa.select(ATTEMPT.c.batch_id, ATTEMPT.c.quantity, outcome_column(), left_out_column())
        .join(BATCH, BATCH.c.batch_id == ATTEMPT.c.batch_id)
        .where(ATTEMPT.c.batch_id.in_(batch_ids), BATCH.c.recalled_at.is_(None))
        .subquery("each")
    )
    select = sa.select(
        each.c.batch_id,
        each.c.outcome,
        sa.func.count(),
        sa.func.sum(each.c.quantity),
        sa.func.sum(sa.case((each.c.left_out > 0, 1), else_=0)),
        sa.func.sum(each.c.left_out),
    ).group_by(each.c.batch_id, each.c.outcome)
    found: dict[int, dict[str, Share]] = {}
    for batch_id, outcome, count, quantity, parted, left_out in tx.execute(select):
        shares = found.setdefault(batch_id, defaultdict(lambda: Share(0, 0)))
        shares["sent"] += Share(count, int(quantity))
        shares[outcome] += Share(count, int(quantity) - int(left_out))
        shares["remainder"] += Share(int(parted), int(left_out))
    return [_report(batch_id, found.get(batch_id, {})) for batch_id in sorted(set(batch_ids))]


def _report(batch_id: int, shares: Mapping[str, Share]) -> BatchReport:
    nothing = Share(0, 0)
    return BatchReport(
        batch_id,
        sent=shares.get("sent", nothing),
        confirmed=shares.get("confirmed", nothing),
        rejected=shares.get("rejected", nothing),
        open=shares.get("pending", nothing),
        remainder=shares.get("remainder", nothing),
    )


def _views() -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(
            BATCH,
            PROGRAMME.c.name.label("programme"),
            PARTNER.c.name.label("partner"),
            UNIT.c.name.label("unit"),
        )
        .join(PROGRAMME, PROGRAMME.c.programme_id == BATCH.c.programme_id)
        .join(PARTNER, PARTNER.c.partner_id == BATCH.c.partner_id)
        .join(UNIT, UNIT.c.unit_id == BATCH.c.unit_id)
    )


def _view(row: sa.Row[tuple[object, ...]]) -> BatchView:
    return BatchView(
        batch_id=row.batch_id,
        programme=row.programme,
        partner=row.partner,
        unit=row.unit,
        sequence=row.sequence,
        agreement_version=row.agreement_version,
        state=BatchState(row.state),
        record_count=row.record_count,
        quantity=row.quantity,
        file_name=row.file_name,
        fingerprint=row.fingerprint,
        size_bytes=row.size_bytes,
        split_value=row.split_value,
        due_by=row.due_by,
        sealed_at=row.sealed_at,
        delivered_at=row.delivered_at,
        dispatched_at=row.dispatched_at,
        deadline_at=row.deadline_at,
        settled_at=row.settled_at,
        recalled_at=row.recalled_at,
        recalled_by=row.recalled_by,
        recall_reason=row.recall_reason,
        resent_at=row.resent_at,
        resent_by=row.resent_by,
        resent_as=row.resent_as,
    )
