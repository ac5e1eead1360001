"""What is noted around the delivery of a sealed file: that it may leave, cannot, or has left.

Between the first note and the last a file may have reached the partner, whatever this process comes
to know of it. So a batch is recalled before the first of them, or not at all.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from handback.breaks import alarms
from handback.breaks.alarms import Alarm
from handback.breaks.kinds import BreakKind
from handback.clock import Clock
from handback.errors import AlreadyExists, WrongBatchState
from handback.ids import Prefix, public_id
from handback.partners.registry import Terms
from handback.payouts.holds import refuse_held
from handback.payouts.states import BatchState
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import PayoutBatch

BATCH = table_of(PayoutBatch)


def begin(store: Store, clock: Clock, terms: Terms, batch_id: int) -> bool:
    """Note that a sealed batch is about to leave; whether that is for the first time.

    Raises PartnerHeld where it has not begun to, WrongBatchState where it was recalled.
    """
    this = BATCH.c.batch_id == batch_id
    with store.write() as tx:
        seen = sa.select(BATCH.c.state, BATCH.c.leaving_at).where(this).with_for_update()
        batch = tx.execute(seen).one()
        if batch.state == BatchState.RECALLED:
            raise WrongBatchState(
                batch=public_id(Prefix.PAYOUT_BATCH, batch_id), state="is recalled"
            )
        if batch.leaving_at is not None:
            return False
        refuse_held(tx, terms)
        tx.execute(sa.update(BATCH).where(this).values(leaving_at=clock.now()))
    return True


def undelivered(
    store: Store,
    clock: Clock,
    terms: Terms,
    batch: sa.Row[Any],
    trouble: AlreadyExists | OSError,
    *,
    first: bool,
) -> None:
    """Tell that a batch cannot be delivered, in a break that closes with its delivery.

    Where its place was closed to the `first` try, it has not left and may still be recalled.
    """
    taken = isinstance(trouble, AlreadyExists)
    why = "the name is taken by other content" if taken else _told(trouble)
    facts = {
        "batch": public_id(Prefix.PAYOUT_BATCH, batch.batch_id),
        "file_name": batch.file_name,
        "folder": terms.agreement.payout.folder,
        "why": why,
    }
    with store.write() as tx:
        alarms.sound(store, tx, terms, undeliverable(batch.batch_id, facts), clock.now())
        if first and isinstance(trouble, (AlreadyExists, PermissionError)):
            sealed = (BATCH.c.batch_id == batch.batch_id) & (
                BATCH.c.state == int(BatchState.SEALED)
            )
            tx.execute(sa.update(BATCH).where(sealed).values(leaving_at=None))


def arrived(store: Store, clock: Clock, terms: Terms, batch_id: int, actor: str) -> None:
    """Note that a batch was delivered, now, and until when the partner has time to answer it."""
    now = clock.now()
    with store.write() as tx:
        tx.execute(
            sa.update(BATCH)
            .where(BATCH.c.batch_id == batch_id, BATCH.c.state == int(BatchState.SEALED))
            .values(
                state=int(BatchState.DELIVERED),
                delivered_at=now,
                deadline_at=_deadline(terms, now),
            )
        )
        alarms.settle(tx, terms.partner_id, undeliverable(batch_id), actor, now, "delivered")


def undeliverable(batch_id: int, facts: dict[str, str] | None = None) -> Alarm:
    """The alarm about a batch that cannot be delivered."""
    return Alarm(BreakKind.UNDELIVERABLE, batch_id, facts or {})


def _deadline(terms: Terms, delivered_at: datetime) -> datetime:
    agreement = terms.agreement
    return agreement.calendar.deadline(delivered_at, agreement.answers.window_days)


def _told(trouble: AlreadyExists | OSError) -> str:
    """The system's word for it; paths of this machine are nobody's business."""
    said = trouble.strerror if isinstance(trouble, OSError) else str(trouble)
    return said or type(trouble).__name__
