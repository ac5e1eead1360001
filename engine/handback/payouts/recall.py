"""Recalling a sealed batch that has not left: its file never does, and what was in it is due again.

The attempts stay as they were written, and their numbers are not given again: whoever looks at
a reference years later finds one attempt under it. The number of the batch is not given again
either.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from handback.breaks import alarms
from handback.clock import Clock
from handback.errors import InvalidRequest, Violation, WrongBatchState
from handback.ids import Prefix, public_id
from handback.payouts.leaving import undeliverable
from handback.payouts.queries import BatchCommanded, get, owner_of
from handback.payouts.states import BatchState
from handback.store import requests
from handback.store.bulk import table_of
from handback.store.requests import Command
from handback.store.session import Store
from handback.store.tables import Attempt, Due, PayoutBatch, Redemption

ATTEMPT, BATCH, DUE = table_of(Attempt), table_of(PayoutBatch), table_of(Due)
REDEMPTION = table_of(Redemption)


def recall(
    store: Store, clock: Clock, programme: str, batch_id: int, command: Command
) -> BatchCommanded:
    """Recall a sealed batch for the reason that the command's comment says, in one transaction.

    Raises InvalidRequest without one, NotFound, RequestKeyReused, WrongBatchState where its file
    may have reached the partner already.
    """
    if not command.comment.strip():
        raise InvalidRequest([Violation("comment", "expected why it is recalled")])
    asked = requests.content_hash("recall", batch_id, command.comment)
    with store.write() as tx:
        owner = owner_of(tx, programme, batch_id)
        if requests.answered(tx, owner.programme_id, command, asked) is not None:
            return BatchCommanded(get(tx, programme, batch_id), replayed=True)
        now = clock.now()
        _close(tx, batch_id, command, now)
        put_back = _due_again(batch_id)
        tx.execute(sa.insert(DUE).from_select(put_back.selected_columns.keys(), put_back))
        alarm = undeliverable(batch_id)
        alarms.settle(tx, owner.partner_id, alarm, command.actor, now, "recalled")
        requests.remember(tx, owner.programme_id, command, asked, batch_id, now)
        return BatchCommanded(get(tx, programme, batch_id))


def _close(tx: sa.Connection, batch_id: int, command: Command, now: datetime) -> None:
    sealed = (BATCH.c.state == int(BatchState.SEALED)) & BATCH.c.leaving_at.is_(None)
    recalled = tx.execute(
        sa.update(BATCH)
        .where(BATCH.c.batch_id == batch_id, sealed)
        .values(
            state=int(BatchState.RECALLED),
            recalled_at=now,
            recalled_by=command.actor,
            recall_reason=command.comment,
        )
    )
    if not recalled.rowcount:
        batch = tx.execute(sa.select(BATCH.c.state).where(BATCH.c.batch_id == batch_id)).one()
        left = batch.state == BatchState.SEALED
        told = "may have left already" if left else f"is {BatchState(batch.state)}"
        raise WrongBatchState(batch=public_id(Prefix.PAYOUT_BATCH, batch_id), state=told)


def _due_again(batch_id: int) -> sa.Select[Any]:
    """Rows of the due queue, where what was in the batch stands as long as it did before."""
    last = ATTEMPT.alias("last")
    # It went out, or was to, under the reference of the one before.
    same = sa.exists().where(
        last.c.redemption_id == ATTEMPT.c.redemption_id,
        last.c.attempt == REDEMPTION.c.attempt,
        last.c.reference == ATTEMPT.c.reference,
    )
    return (
        sa.select(
            ATTEMPT.c.redemption_id,
            BATCH.c.partner_id,
            BATCH.c.unit_id,
            BATCH.c.due_by.label("due_at"),
            sa.case((same, 1), else_=0).label("same_reference"),
            (ATTEMPT.c.attempt - REDEMPTION.c.attempt).label("recalled"),
        )
        .join(BATCH, BATCH.c.batch_id == ATTEMPT.c.batch_id)
        .join(REDEMPTION, REDEMPTION.c.redemption_id == ATTEMPT.c.redemption_id)
        .where(ATTEMPT.c.batch_id == batch_id)
    )
