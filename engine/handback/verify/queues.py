"""Law 5: every open redemption waits somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from handback.breaks.kinds import HOLDING
from handback.ids import Prefix, public_id
from handback.lifecycle.table import OPEN_STATES, State
from handback.store.bulk import table_of
from handback.store.tables import Attempt, Break, BreakProposal, Due, PayoutBatch, Redemption
from handback.verify.law import Broken, Law
from handback.verify.walk import Page

ATTEMPT, BATCH, BREAK = table_of(Attempt), table_of(PayoutBatch), table_of(Break)
DUE, REDEMPTION = table_of(Due), table_of(Redemption)
PROPOSAL = table_of(BreakProposal)


WAITING = (State.SUBMITTED, State.RETRYING)


class Queues(Law):
    """Law 5."""

    number = 5
    text = (
        "Every open redemption stands in exactly one queue, no other redemption in any, "
        "and none has more than one live attempt."
    )
    unit = "open redemptions"

    def read(self, page: Page) -> Iterator[Broken]:
        """Counts what is open; the database itself looks through the queues."""
        self.checked += int(page.redemptions["state"].is_in(OPEN_STATES).sum())
        return iter(())

    def close(self, tx: sa.Connection) -> Iterator[Broken]:
        """Redemptions in no queue or several, then rows of queues that hold nothing."""
        for row in tx.execute(_misplaced()):
            queues = [name for name in _QUEUES if getattr(row, name)]
            found = " and ".join(queues).replace("_", " ") or "no queue"
            what = f"the redemption is {State(row.state)} and stands in {found}"
            yield self._broken(what, row.redemption_id)
        for what, strays in (
            ("the due queue holds what is not waiting", _stray_due()),
            ("an attempt was made that the redemption has not come to", _stray_attempts()),
            ("an open break waits for a redemption that does not exist", _stray_breaks()),
        ):
            for redemption_id in tx.scalars(strays):
                yield self._broken(what, redemption_id)
        for break_id in tx.scalars(_stray_proposals()):
            what = "a proposal waits for its approval in a break that is closed"
            yield Broken(self.number, what, {"break": public_id(Prefix.BREAK, break_id)})

    def _broken(self, what: str, redemption_id: int) -> Broken:
        where = {"redemption": public_id(Prefix.REDEMPTION, redemption_id)}
        return Broken(self.number, what, where)


_RECALLED = (
    sa.exists()
    .where(BATCH.c.batch_id == ATTEMPT.c.batch_id, BATCH.c.recalled_at.is_not(None))
    .correlate(ATTEMPT)
)
_UNDER_WAY = (ATTEMPT.c.attempt > REDEMPTION.c.attempt) & (
    sa.exists()
    .where(BATCH.c.batch_id == ATTEMPT.c.batch_id, BATCH.c.dispatched_at.is_(None))
    .where(BATCH.c.recalled_at.is_(None))
    .correlate(ATTEMPT)
)
_OF_REDEMPTION = ATTEMPT.c.redemption_id == REDEMPTION.c.redemption_id

# Where a redemption can stand. A past attempt is a queue only while its answer is outstanding, and
# a break only while it is about the rejection.
_QUEUES: dict[str, sa.ColumnElement[bool]] = {
    "the_due_queue": sa.exists().where(DUE.c.redemption_id == REDEMPTION.c.redemption_id),
    "a_batch_under_way": sa.exists().where(_OF_REDEMPTION, _UNDER_WAY),
    "a_delivered_batch": (REDEMPTION.c.state == int(State.AWAITING_HANDBACK))
    & sa.exists().where(_OF_REDEMPTION, ATTEMPT.c.attempt == REDEMPTION.c.attempt),
    "a_break": (REDEMPTION.c.state == int(State.REJECTED))
    & sa.exists().where(
        BREAK.c.redemption_id == REDEMPTION.c.redemption_id,
        BREAK.c.closed_at.is_(None),
        BREAK.c.kind.in_([int(kind) for kind in HOLDING]),
    ),
}


def _misplaced() -> sa.Select[Any]:
    """Open redemptions that are not in exactly one queue, or in one of another state."""
    flags = [sa.case((queue, 1), else_=0).label(name) for name, queue in _QUEUES.items()]
    placed = (
        sa.select(REDEMPTION.c.redemption_id, REDEMPTION.c.state, *flags)
        .where(REDEMPTION.c.state.in_([int(state) for state in OPEN_STATES]))
        .subquery("placed")
    )
    waits = placed.c.the_due_queue + placed.c.a_batch_under_way
    answered = placed.c.a_delivered_batch + placed.c.a_break
    right = sa.case(
        (placed.c.state.in_([int(state) for state in WAITING]), (waits == 1)),
        else_=(waits == 0) & (answered == 1),
    )
    return sa.select(placed).where(sa.not_(right)).order_by(placed.c.redemption_id)


def _stray_due() -> sa.Select[Any]:
    return (
        sa.select(DUE.c.redemption_id)
        .outerjoin(REDEMPTION, REDEMPTION.c.redemption_id == DUE.c.redemption_id)
        .where(
            REDEMPTION.c.state.is_(None)
            | REDEMPTION.c.state.not_in([int(state) for state in OPEN_STATES])
        )
        .order_by(DUE.c.redemption_id)
    )


def _stray_attempts() -> sa.Select[Any]:
    waiting = REDEMPTION.c.state.in_([int(state) for state in WAITING])
    return (
        sa.select(ATTEMPT.c.redemption_id)
        .outerjoin(REDEMPTION, _OF_REDEMPTION)
        .where(
            REDEMPTION.c.state.is_(None)
            | (ATTEMPT.c.attempt > REDEMPTION.c.attempt) & ~(waiting & _UNDER_WAY) & ~_RECALLED
        )
        .order_by(ATTEMPT.c.redemption_id)
    )


def _stray_breaks() -> sa.Select[Any]:
    known = sa.exists().where(REDEMPTION.c.redemption_id == BREAK.c.redemption_id)
    return (
        sa.select(BREAK.c.redemption_id)
        .where(BREAK.c.closed_at.is_(None), BREAK.c.redemption_id.is_not(None), ~known)
        .order_by(BREAK.c.redemption_id)
    )


def _stray_proposals() -> sa.Select[Any]:
    return (
        sa.select(PROPOSAL.c.break_id)
        .join(BREAK, BREAK.c.break_id == PROPOSAL.c.break_id)
        .where(PROPOSAL.c.verdict.is_(None), BREAK.c.closed_at.is_not(None))
        .order_by(PROPOSAL.c.break_id)
    )
