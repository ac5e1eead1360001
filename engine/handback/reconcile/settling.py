"""Settling: a batch is settled once each of its attempts has an outcome, and then for ever.

How far the batches are answered is looked up now and again, not noted with every answer, which
would cost each of them. Nobody goes over what is answered twice: all attempts up to `answered_to`
are, and no attempt that has an outcome awaits one again.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from handback.clock import Clock
from handback.journal.again import decide_again
from handback.lifecycle.table import State
from handback.payouts.states import BatchState
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Attempt, PayoutBatch, Redemption

ATTEMPT, BATCH, REDEMPTION = table_of(Attempt), table_of(PayoutBatch), table_of(Redemption)

_ANSWERED_TO = sa.func.coalesce(BATCH.c.answered_to, 0)


def settle_round(store: Store, clock: Clock) -> int:
    """Note how far each batch that is not overdue is answered; how many are settled now."""
    with store.lock("settling") as had:
        if not had:
            return 0
        with store.read() as tx:
            rows = tx.execute(in_time(clock.now())).all()
        moved = [row for row in rows if row.first is None or row.first - 1 > row.answered_to]
        if not moved:
            return 0
        return decide_again(partial(_note_all, store, clock, moved))


def _note_all(store: Store, clock: Clock, moved: list[sa.Row[Any]]) -> int:
    with store.write() as tx:
        now = clock.now()
        for row in moved:
            note(tx, row, row.first, now)
    return sum(row.first is None for row in moved)


def in_time(now: datetime) -> sa.Select[Any]:
    """The dispatched batches whose deadline is not over and that are not settled.

    With batch_id, record_count, answered_to and the `first` ordinal behind that whose answer is
    outstanding, null where none is.
    """
    first = outstanding(BATCH.c.batch_id, _ANSWERED_TO).correlate(BATCH).scalar_subquery()
    columns = (BATCH.c.batch_id, BATCH.c.record_count, _ANSWERED_TO.label("answered_to"))
    return (
        sa.select(*columns, first.label("first"))
        .where(BATCH.c.deadline_at > now, BATCH.c.settled_at.is_(None))
        .where(BATCH.c.state == int(BatchState.DISPATCHED))
        .order_by(BATCH.c.deadline_at)
    )


def outstanding(
    batch_id: int | sa.ColumnElement[int], answered_to: int | sa.ColumnElement[int]
) -> sa.Select[Any]:
    """The first ordinal of a batch, past those that are answered, whose answer is outstanding."""
    # A scalar, which every plan looks up by its key: where little is outstanding, a join could read
    # all redemptions there are.
    state = (
        sa.select(REDEMPTION.c.state)
        .where(REDEMPTION.c.redemption_id == ATTEMPT.c.redemption_id)
        .where(REDEMPTION.c.attempt == ATTEMPT.c.attempt)
        .correlate(ATTEMPT)
        .scalar_subquery()
    )
    return (
        sa.select(ATTEMPT.c.ordinal)
        .where(ATTEMPT.c.batch_id == batch_id, ATTEMPT.c.ordinal > answered_to)
        .where(state == int(State.AWAITING_HANDBACK))
        .order_by(ATTEMPT.c.ordinal)
        .limit(1)
    )


def note(tx: sa.Connection, batch: sa.Row[Any], first: int | None, now: datetime) -> None:
    """Note which answer of a batch is the `first` outstanding; settle it where none is."""
    this = sa.update(BATCH).where(BATCH.c.batch_id == batch.batch_id, BATCH.c.settled_at.is_(None))
    if first is None:
        tx.execute(this.values(answered_to=batch.record_count, settled_at=now))
    elif first - 1 > (batch.answered_to or 0):
        tx.execute(this.values(answered_to=first - 1))
