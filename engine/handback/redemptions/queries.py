"""Reading redemptions: one, a page of them, the history of one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from handback.errors import NotFound
from handback.ids import Prefix, public_id
from handback.journal.commit import CauseKind
from handback.lifecycle.table import State, Trigger, View, apply, rows_of
from handback.partners.codes import ReasonClass
from handback.partners.lists import listed
from handback.partners.restricted import RESTRICTED, SHOWN
from handback.store.bulk import table_of
from handback.store.tables import (
    Block,
    Due,
    Event,
    FormerDetail,
    Partner,
    Programme,
    Redemption,
    Remainder,
    Request,
    Unit,
)

BLOCK, DUE, EVENT = table_of(Block), table_of(Due), table_of(Event)
PARTNER, PROGRAMME, UNIT = table_of(Partner), table_of(Programme), table_of(Unit)
FORMER, REDEMPTION, REQUEST = (table_of(one) for one in (FormerDetail, Redemption, Request))
REMAINDER = table_of(Remainder)


class RedemptionView(NamedTuple):
    """A redemption as it stands at a version. `due_at` is set while it waits for a batch.

    `next_cut_off_at` is told of a submit alone, where the partner has cut-offs: when what was
    submitted is gathered, if there is room.
    """

    redemption_id: int
    programme: str
    partner: str
    member_ref: str
    unit: str
    quantity: int
    state: State
    attempt: int
    version: int
    held: int
    fulfilled: int
    submitted_at: datetime
    due_at: datetime | None = None
    next_cut_off_at: datetime | None = None


class Owner(NamedTuple):
    """The numbers behind the names of a redemption's programme, partner and unit."""

    programme_id: int
    partner_id: int
    unit_id: int


@dataclass(frozen=True, slots=True)
class EventView:
    """One step of a redemption; `position` is None until the block is sequenced."""

    redemption_id: int
    version: int
    trigger: Trigger
    from_state: State
    to_state: State
    attempt: int
    quantity: int
    reason_class: ReasonClass
    reason_code: str | None
    file_id: int | None
    ordinal: int | None
    block_id: int
    position: int | None
    committed_at: datetime
    actor: str
    cause_kind: CauseKind
    cause_id: int | None
    comment: str | None
    changed: Sequence[str]
    """What of the member was given anew with the step: `member_ref`, or names of fields."""


@dataclass(frozen=True, slots=True)
class RedemptionFilter:
    """Which redemptions of a programme a page holds; what is None or empty does not narrow."""

    programme: str
    partner: str | None = None
    member_ref: str | None = None
    states: Sequence[State] = ()


def get(tx: sa.Connection, programme: str, redemption_id: int) -> RedemptionView:
    """One redemption of a programme. Raises NotFound."""
    selected = (
        _views()
        .where(PROGRAMME.c.name == programme)
        .where(REDEMPTION.c.redemption_id == redemption_id)
    )
    row = tx.execute(selected).one_or_none()
    if row is None:
        raise not_found(redemption_id)
    return _view(row)


class Links(NamedTuple):
    """What a redemption is the remainder of, None for none, and what was made of its own."""

    origin_id: int | None
    remainder_ids: Sequence[int]


def links(tx: sa.Connection, redemption_id: int) -> Links:
    """How a redemption hangs together with others, whoever asks."""
    origin: int | None = tx.scalar(
        sa.select(REMAINDER.c.origin_id).where(REMAINDER.c.redemption_id == redemption_id)
    )
    made = sa.select(REMAINDER.c.redemption_id).where(REMAINDER.c.origin_id == redemption_id)
    return Links(origin, tx.scalars(made.order_by(REMAINDER.c.redemption_id)).all())


def owned(
    tx: sa.Connection, redemption_ids: Iterable[int]
) -> dict[int, tuple[RedemptionView, Owner]]:
    """Those of these redemptions that exist, by id, and whose each is."""
    selected = _views().where(REDEMPTION.c.redemption_id.in_(redemption_ids))
    return {
        row.redemption_id: (_view(row), Owner(row.programme_id, row.partner_id, row.unit_id))
        for row in tx.execute(selected)
    }


def page(
    tx: sa.Connection, wanted: RedemptionFilter, after: int, size: int
) -> list[RedemptionView]:
    """Up to `size` redemptions with an id above `after`, in the order of their submission.

    Raises NotFound for the programme and its partner.
    """
    selected = (
        _views()
        .where(REDEMPTION.c.redemption_id > after)
        .order_by(REDEMPTION.c.redemption_id)
        .limit(size)
    )
    if wanted.member_ref is not None:
        selected = selected.where(REDEMPTION.c.member_ref == wanted.member_ref)
    if wanted.states:
        selected = selected.where(REDEMPTION.c.state.in_([int(s) for s in wanted.states]))
    return listed(tx, selected, wanted, _view)


def masked(events: Sequence[EventView]) -> list[EventView]:
    """A redemption's steps, as whoever may not see restricted reasons is shown them.

    From the first such step on nobody's comments are shown, as they would speak of it.
    """
    shown, told = [], False
    for event in events:
        if event.reason_class is RESTRICTED:
            event, told = replace(event, reason_class=SHOWN, reason_code=None), True
        shown.append(replace(event, comment=None) if told else event)
    return shown


def history(tx: sa.Connection, programme: str, redemption_id: int) -> list[EventView]:
    """Every step of a redemption, in order. Raises NotFound."""
    get(tx, programme, redemption_id)
    commented = (
        (REQUEST.c.subject_id == EVENT.c.redemption_id)
        & (REQUEST.c.version == EVENT.c.version)
        & REQUEST.c.comment.is_not(None)
    )
    amended = (FORMER.c.redemption_id == EVENT.c.redemption_id) & (
        FORMER.c.version == EVENT.c.version
    )
    selected = (
        sa.select(
            EVENT,
            BLOCK.c.position,
            BLOCK.c.committed_at,
            BLOCK.c.actor,
            BLOCK.c.cause_kind,
            BLOCK.c.cause_id,
            REQUEST.c.comment,
            FORMER.c.changed,
        )
        .join(BLOCK, BLOCK.c.block_id == EVENT.c.block_id)
        .outerjoin(REQUEST, commented)
        .outerjoin(FORMER, amended)
        .where(EVENT.c.redemption_id == redemption_id)
        .order_by(EVENT.c.version)
    )
    return [_event(row) for row in tx.execute(selected)]


def as_of(tx: sa.Connection, programme: str, redemption_id: int, version: int) -> RedemptionView:
    """A redemption as it stood right after one of its versions, replayed from its events."""
    now = get(tx, programme, redemption_id)
    view = now._replace(state=State.NONE, attempt=0, version=0, held=0, fulfilled=0, due_at=None)
    steps = sa.select(EVENT).where(EVENT.c.redemption_id == redemption_id)
    for row in tx.execute(steps.where(EVENT.c.version <= version).order_by(EVENT.c.version)):
        view = _replay(view, row)
    assert view.version == version, (redemption_id, view.version, version)
    later = (FORMER.c.redemption_id == redemption_id) & (FORMER.c.version > version)
    former = sa.select(FORMER.c.member_ref).where(later).order_by(FORMER.c.version).limit(1)
    return view._replace(member_ref=tx.scalar(former) or view.member_ref)


def _replay(view: RedemptionView, event: sa.Row[tuple[object, ...]]) -> RedemptionView:
    seen = View(
        attempt=view.attempt,
        answered_attempt=event.attempt,
        quantity=view.quantity,
        held=view.held,
        fulfilled=view.fulfilled,
        moved=event.quantity,
        same_unit=1,
        waiting=0,
    )
    row = rows_of(State(event.from_state), Trigger(event.trigger))[0]
    attempt, held, fulfilled = apply(row.effect, seen)
    return view._replace(
        state=State(event.to_state),
        attempt=attempt,
        version=event.version,
        held=held,
        fulfilled=fulfilled,
    )


def not_found(redemption_id: int) -> NotFound:
    """What is raised for a redemption that does not exist, or is another programme's."""
    return NotFound(kind="redemption", id=public_id(Prefix.REDEMPTION, redemption_id))


def _views() -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(
            REDEMPTION,
            PROGRAMME.c.name.label("programme"),
            PARTNER.c.name.label("partner"),
            UNIT.c.name.label("unit"),
            DUE.c.due_at,
        )
        .join(PROGRAMME, PROGRAMME.c.programme_id == REDEMPTION.c.programme_id)
        .join(PARTNER, PARTNER.c.partner_id == REDEMPTION.c.partner_id)
        .join(UNIT, UNIT.c.unit_id == REDEMPTION.c.unit_id)
        .outerjoin(DUE, DUE.c.redemption_id == REDEMPTION.c.redemption_id)
    )


def _view(row: sa.Row[tuple[object, ...]]) -> RedemptionView:
    return RedemptionView(
        redemption_id=row.redemption_id,
        programme=row.programme,
        partner=row.partner,
        member_ref=row.member_ref,
        unit=row.unit,
        quantity=row.quantity,
        state=State(row.state),
        attempt=row.attempt,
        version=row.version,
        held=row.held,
        fulfilled=row.fulfilled,
        submitted_at=row.submitted_at,
        due_at=row.due_at,
    )


def _event(row: sa.Row[tuple[object, ...]]) -> EventView:
    return EventView(
        redemption_id=row.redemption_id,
        version=row.version,
        trigger=Trigger(row.trigger),
        from_state=State(row.from_state),
        to_state=State(row.to_state),
        attempt=row.attempt,
        quantity=row.quantity,
        reason_class=ReasonClass(row.reason_class),
        reason_code=row.reason_code,
        file_id=row.file_id,
        ordinal=row.ordinal,
        block_id=row.block_id,
        position=row.position,
        committed_at=row.committed_at,
        actor=row.actor,
        cause_kind=CauseKind(row.cause_kind),
        cause_id=row.cause_id,
        comment=row.comment,
        changed=json.loads(row.changed or "[]"),
    )
