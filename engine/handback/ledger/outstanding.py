"""Which redemptions are open, now or right after any position.

They are found where they wait: in the due queue, in batches that are not settled, in open breaks.
What is finished is never looked at, so this costs what is open and not what there ever was. Of an
earlier position, those that have moved since are taken back to where they stood, by their events
since; that costs what happened since.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

import sqlalchemy as sa

from handback.ledger.accounts import EVENT, effect_on
from handback.ledger.whose import whose
from handback.lifecycle.table import OPEN_STATES, Account, State, Trigger
from handback.store.bulk import table_of
from handback.store.tables import Attempt, Block, Break, Due, PayoutBatch, Redemption

ATTEMPT, BATCH, BLOCK, BREAK = (table_of(one) for one in (Attempt, PayoutBatch, Block, Break))
DUE, REDEMPTION = table_of(Due), table_of(Redemption)

_WAITING: Final = (int(State.SUBMITTED), int(State.RETRYING))
_OPEN: Final = [int(state) for state in OPEN_STATES]


class Standing(IntEnum):
    """How far an open redemption has come."""

    DUE = 1
    """Not sent: it waits for a payout batch, or in one that has not left."""
    SENT = 2
    """Sent, not answered."""
    UNDECIDED = 3
    """Rejected; a person decides what becomes of it."""

    def __str__(self) -> str:
        return self.name.lower()


_STANDING: Final = {
    int(State.SUBMITTED): int(Standing.DUE),
    int(State.RETRYING): int(Standing.DUE),
    int(State.AWAITING_HANDBACK): int(Standing.SENT),
    int(State.REJECTED): int(Standing.UNDECIDED),
}


@dataclass(frozen=True, slots=True)
class OpenFilter:
    """Which open redemptions of a programme are wanted; what is None does not narrow.

    `position` asks for those that were open right after it, None for those that are now.
    `submitted_after` is exclusive, `submitted_until` inclusive.
    """

    programme: str
    partner: str | None = None
    unit: str | None = None
    member_ref: str | None = None
    batch_id: int | None = None
    standing: Standing | None = None
    submitted_after: datetime | None = None
    submitted_until: datetime | None = None
    position: int | None = None


class Open:
    """The open redemptions that a filter asks for, as selects of the same columns.

    `redemption_id`, `partner_id`, `unit_id`, `batch_id` (null for those that no batch has taken),
    `standing`, `held`, `submitted_at` and `member_ref`; each open redemption is in one of them.
    """

    def __init__(self, tx: sa.Connection, wanted: OpenFilter) -> None:
        self._tx, self._wanted = tx, wanted
        ours = whose(tx, wanted.programme, wanted.partner, wanted.unit)
        self._programme_id = ours.programme_id
        self._conditions = [*ours.conditions(REDEMPTION.c), *self._narrowing()]
        # The first block that may stand after the position; None where there is none.
        self._since = None if wanted.position is None else _first_after(tx, wanted.position)

    def _narrowing(self) -> Iterator[sa.ColumnElement[bool]]:
        wanted = self._wanted
        if wanted.member_ref is not None:
            yield REDEMPTION.c.member_ref == wanted.member_ref
        if wanted.submitted_after is not None:
            yield REDEMPTION.c.submitted_at > wanted.submitted_after
        if wanted.submitted_until is not None:
            yield REDEMPTION.c.submitted_at <= wanted.submitted_until

    def every(self) -> sa.Subquery:
        """All of them."""
        return sa.union_all(*self._parts()).subquery("outstanding")

    def _parts(self) -> list[sa.Select[Any]]:
        if self._wanted.member_ref is not None:
            parts = [self.of_member()]
        else:
            parts = [self.due(), self.undecided(), self.in_batches()]
        return [*parts, *self.moved_since()]

    def of_member(self) -> sa.Select[Any]:
        """Those of the one member who is asked for: a member has few."""
        standing, batch_id = _standing_of(REDEMPTION.c.state), _batch_of(REDEMPTION.c.redemption_id)
        return self._select(standing, batch_id, REDEMPTION, REDEMPTION.c.state.in_(_OPEN))

    def due(self) -> sa.Select[Any]:
        """Those that wait for a payout batch."""
        queue = DUE.join(REDEMPTION, REDEMPTION.c.redemption_id == DUE.c.redemption_id)
        return self._select(sa.literal(int(Standing.DUE)), sa.null(), queue)

    def undecided(self) -> sa.Select[Any]:
        """Those that a person has to decide on."""
        # Open breaks of other kinds may be about a redemption too, but not all that they are
        # about is rejected, and what is rejected waits in a break.
        about = sa.select(BREAK.c.redemption_id).where(
            BREAK.c.programme_id == self._programme_id,
            BREAK.c.closed_at.is_(None),
            BREAK.c.redemption_id.is_not(None),
        )
        return self._select(
            sa.literal(int(Standing.UNDECIDED)),
            sa.null(),
            REDEMPTION,
            REDEMPTION.c.redemption_id.in_(about),
            REDEMPTION.c.state == int(State.REJECTED),
        )

    def in_batches(self, batch_id: int | None = None) -> sa.Select[Any]:
        """Those in batches that are not settled, or in one of these; with the place in it."""
        batch_id = self._wanted.batch_id if batch_id is None else batch_id
        batches = BATCH.join(
            ATTEMPT,
            (ATTEMPT.c.batch_id == BATCH.c.batch_id)
            & (ATTEMPT.c.ordinal > sa.func.coalesce(BATCH.c.answered_to, 0)),
        ).join(REDEMPTION, REDEMPTION.c.redemption_id == ATTEMPT.c.redemption_id)
        conditions = [
            BATCH.c.programme_id == self._programme_id,
            BATCH.c.settled_at.is_(None),
            BATCH.c.recalled_at.is_(None),
            *([] if batch_id is None else [BATCH.c.batch_id == batch_id]),
            _sent_and_open() | _under_way(),
        ]
        standing = _standing_of(REDEMPTION.c.state)
        return self._select(standing, BATCH.c.batch_id, batches, *conditions)

    def moved_since(self) -> list[sa.Select[Any]]:
        """Those that have moved since the position and were open then, as they stood."""
        if self._since is None:
            return []
        earlier, then = EVENT.alias("earlier"), BLOCK.alias("then")
        # The first event since: the one before it stands at or before the position.
        moved = (
            EVENT.join(BLOCK, BLOCK.c.block_id == EVENT.c.block_id)
            .join(
                earlier,
                (earlier.c.redemption_id == EVENT.c.redemption_id)
                & (earlier.c.version == EVENT.c.version - 1),
            )
            .join(then, then.c.block_id == earlier.c.block_id)
            .join(REDEMPTION, REDEMPTION.c.redemption_id == EVENT.c.redemption_id)
        )
        return [
            self._rewound(
                moved,
                EVENT.c.block_id >= self._since,
                self._is_after(BLOCK),
                then.c.position <= self._wanted.position,
                EVENT.c.from_state.in_(_OPEN),
            )
        ]

    def _rewound(self, moved: Any, *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
        later = EVENT.alias("later")
        added = (
            sa.select(sa.func.sum(effect_on(Account.HELD, later.c)))
            .where(later.c.redemption_id == EVENT.c.redemption_id)
            .where(later.c.version >= EVENT.c.version)
            .correlate(EVENT)
            .scalar_subquery()
        )
        batch_id = sa.case(
            (
                EVENT.c.from_state == int(State.AWAITING_HANDBACK),
                _dispatched(EVENT.c.redemption_id, EVENT.c.version),
            ),
            else_=None,
        )
        held = REDEMPTION.c.held - added
        columns = self._columns(_standing_of(EVENT.c.from_state), batch_id, held)
        return sa.select(*columns).select_from(moved).where(*self._conditions, *conditions)

    def _select(
        self,
        standing: sa.ColumnElement[Any],
        batch_id: sa.ColumnElement[Any],
        source: Any,
        *conditions: sa.ColumnElement[bool],
    ) -> sa.Select[Any]:
        """Those of a source that stand as they stood at the position."""
        unmoved: list[sa.ColumnElement[bool]] = []
        if self._since is not None:
            last, block = EVENT.alias("last"), BLOCK.alias("last_block")
            source = source.join(
                last,
                (last.c.redemption_id == REDEMPTION.c.redemption_id)
                & (last.c.version == REDEMPTION.c.version),
            ).join(block, block.c.block_id == last.c.block_id)
            unmoved = [block.c.position <= self._wanted.position]
        columns = self._columns(standing, batch_id, REDEMPTION.c.held)
        found = sa.select(*columns).select_from(source)
        return found.where(*self._conditions, *conditions, *unmoved)

    def _columns(
        self,
        standing: sa.ColumnElement[Any],
        batch_id: sa.ColumnElement[Any],
        held: sa.ColumnElement[int],
    ) -> list[sa.ColumnElement[Any]]:
        return [
            REDEMPTION.c.redemption_id,
            REDEMPTION.c.partner_id,
            REDEMPTION.c.unit_id,
            sa.cast(batch_id, sa.BigInteger).label("batch_id"),
            sa.cast(standing, sa.SmallInteger).label("standing"),
            held.label("held"),
            REDEMPTION.c.submitted_at,
            REDEMPTION.c.member_ref,
        ]

    def _is_after(self, block: sa.Table) -> sa.ColumnElement[bool]:
        """Whether a block stands after the position, or has none yet."""
        return (block.c.position > self._wanted.position) | block.c.position.is_(None)


def _sent_and_open() -> sa.ColumnElement[bool]:
    """Whether an attempt is out and its answer outstanding."""
    return (REDEMPTION.c.state == int(State.AWAITING_HANDBACK)) & (
        REDEMPTION.c.attempt == ATTEMPT.c.attempt
    )


def _under_way() -> sa.ColumnElement[bool]:
    """Whether an attempt of a batch that was not recalled has yet to leave."""
    return (
        REDEMPTION.c.state.in_(_WAITING)
        & (ATTEMPT.c.attempt > REDEMPTION.c.attempt)
        & BATCH.c.dispatched_at.is_(None)
    )


def _standing_of(state: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.case(_STANDING, value=state)


def _first_after(tx: sa.Connection, position: int) -> int | None:
    """The lowest id of a block that stands after a position or has none yet."""
    ends = (
        tx.scalar(sa.select(sa.func.min(BLOCK.c.block_id)).where(condition))
        for condition in (BLOCK.c.position > position, BLOCK.c.position.is_(None))
    )
    return min((one for one in ends if one is not None), default=None)


def _dispatched(redemption_id: sa.ColumnElement[int], before: Any) -> sa.ColumnElement[int]:
    """The batch of the last attempt that was dispatched before a version."""
    sent = EVENT.alias("sent")
    attempt = (
        sa.select(sa.func.max(sent.c.attempt))
        .where(sent.c.redemption_id == EVENT.c.redemption_id, sent.c.version < before)
        .where(sent.c.trigger == int(Trigger.DISPATCH))
        .correlate(EVENT)
        .scalar_subquery()
    )
    return (
        sa.select(ATTEMPT.c.batch_id)
        .where(ATTEMPT.c.redemption_id == redemption_id, ATTEMPT.c.attempt == attempt)
        .correlate(EVENT)
        .scalar_subquery()
    )


def _batch_of(redemption_id: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """The batch in which a redemption stands now, sent or under way; null for none."""
    return (
        sa.select(ATTEMPT.c.batch_id)
        .join(BATCH, BATCH.c.batch_id == ATTEMPT.c.batch_id)
        .where(ATTEMPT.c.redemption_id == redemption_id, BATCH.c.recalled_at.is_(None))
        .where(_sent_and_open() | _under_way())
        .limit(1)
        .correlate(REDEMPTION)
        .scalar_subquery()
    )
