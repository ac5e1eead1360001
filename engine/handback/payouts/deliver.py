"""Delivering: a sealed file reaches the partner, and only then do its redemptions await an answer.

Three steps, each safe to repeat: bring the file (the same name with the same content counts as
brought), note that it was delivered, dispatch its redemptions chunk by chunk. A process killed
between them finishes with the same file, never with a second one.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import polars as pl
import sqlalchemy as sa

from handback import telemetry
from handback.clock import Clock
from handback.exchange.landing import Landing
from handback.exchange.streams import Fingerprint
from handback.exchange.transport import Transport
from handback.ids import Prefix, public_id
from handback.journal.again import decide_again
from handback.journal.changes import changes_of
from handback.journal.commit import Cause, CauseKind, commit
from handback.journal.traces import links_of, trace_steps
from handback.lifecycle import relation
from handback.lifecycle.table import Trigger
from handback.partners.codes import ReasonClass
from handback.partners.registry import Agreements
from handback.payouts.states import BatchState
from handback.store.bulk import fetch_frame, table_of
from handback.store.session import Store
from handback.store.tables import Attempt, Due, PayoutBatch, Redemption

ATTEMPT, BATCH, DUE = table_of(Attempt), table_of(PayoutBatch), table_of(Due)
REDEMPTION = table_of(Redemption)

# Redemptions dispatched in one transaction.
CHUNK = 50_000


def sealed_batches(tx: sa.Connection, partner_id: int | None = None) -> list[int]:
    """Batches that are sealed or delivered and not yet dispatched, oldest first."""
    open_states = [int(BatchState.SEALED), int(BatchState.DELIVERED)]
    select = sa.select(BATCH.c.batch_id).where(BATCH.c.state.in_(open_states))
    if partner_id is not None:
        select = select.where(BATCH.c.partner_id == partner_id)
    return list(tx.scalars(select.order_by(BATCH.c.batch_id)))


def deliver(
    store: Store,
    landing: Landing,
    transport: Transport,
    agreements: Agreements,
    clock: Clock,
    batch_id: int,
    actor: str,
) -> None:
    """Bring a sealed batch to its partner and dispatch what is in it; repeating does no harm.

    Raises OSError where the transport fails, AlreadyExists where its place is taken by other
    content; the batch then stays sealed.
    """
    with store.read() as tx:
        batch = tx.execute(sa.select(BATCH).where(BATCH.c.batch_id == batch_id)).one()
        terms = agreements.at_version(tx, batch.partner_id, batch.agreement_version)
    if batch.state == BatchState.SEALED:
        expected = Fingerprint(batch.fingerprint, batch.size_bytes)
        with landing.open(expected.key) as content:
            transport.put(terms.agreement.payout.folder, batch.file_name, content, expected)
        _note(store, batch_id, BatchState.SEALED, BatchState.DELIVERED, delivered_at=clock.now())
    dispatch(store, clock, batch_id, actor)


def dispatch(store: Store, clock: Clock, batch_id: int, actor: str) -> int:
    """Dispatch the redemptions of a delivered batch that are not yet; how many that were."""
    with store.read() as tx:
        batch = tx.execute(sa.select(BATCH).where(BATCH.c.batch_id == batch_id)).one()
    if batch.state != BatchState.DELIVERED:
        return 0
    total, after = 0, 0
    attributes = {"handback.batch_id": public_id(Prefix.PAYOUT_BATCH, batch_id)}
    with telemetry.span("dispatch batch", parent=batch.trace_context, attributes=attributes):
        context = telemetry.traceparent_of() or batch.trace_context
        cause = Cause(CauseKind.PAYOUT_BATCH, batch_id, actor, context)
        while True:
            count, after = decide_again(partial(_dispatch_chunk, store, clock, cause, batch, after))
            if not count:
                break
            total += count
    _note(store, batch_id, BatchState.DELIVERED, BatchState.DISPATCHED, dispatched_at=clock.now())
    return total


def _dispatch_chunk(
    store: Store, clock: Clock, cause: Cause, batch: sa.Row[Any], after: int
) -> tuple[int, int]:
    """Dispatch the next redemptions of the batch by ordinal: how many, and up to which."""
    with store.write() as tx:
        rows = _undispatched(tx, batch, after)
        if rows.is_empty():
            return 0, after
        decided = relation.decide(rows)
        assert decided["legal"].all(), "a batch holds what may be dispatched"
        changes = changes_of(decided)
        at = clock.now()
        commit(store, tx, cause, changes, at)
        links = links_of(store, tx, changes["redemption_id"])
    trace_steps(changes, links, at)
    return len(rows), int(rows["place"][-1])


def _undispatched(tx: sa.Connection, batch: sa.Row[Any], after: int) -> pl.DataFrame:
    """Redemptions of a batch whose attempt is still ahead of them, as the relation wants them."""
    select = (
        sa.select(
            ATTEMPT.c.ordinal.label("place"),
            ATTEMPT.c.attempt.label("answered_attempt"),
            ATTEMPT.c.quantity.label("moved"),
            REDEMPTION.c.redemption_id,
            REDEMPTION.c.version,
            REDEMPTION.c.state,
            REDEMPTION.c.attempt,
            REDEMPTION.c.quantity,
            REDEMPTION.c.held,
            REDEMPTION.c.fulfilled,
            sa.case((DUE.c.redemption_id.is_(None), 0), else_=1).label("waiting"),
        )
        .join(REDEMPTION, REDEMPTION.c.redemption_id == ATTEMPT.c.redemption_id)
        .outerjoin(DUE, DUE.c.redemption_id == ATTEMPT.c.redemption_id)
        .where(ATTEMPT.c.batch_id == batch.batch_id, ATTEMPT.c.ordinal > after)
        .where(REDEMPTION.c.attempt < ATTEMPT.c.attempt)
        .order_by(ATTEMPT.c.ordinal)
        .limit(CHUNK)
    )
    return fetch_frame(tx, select).with_columns(
        trigger=pl.lit(int(Trigger.DISPATCH), pl.Int16),
        same_unit=pl.lit(1, pl.Int16),
        reason_class=pl.lit(int(ReasonClass.NONE), pl.Int16),
        reason_code=pl.lit(None, pl.String),
        file_id=pl.lit(None, pl.Int64),
        ordinal=pl.lit(None, pl.Int64),
        # Of all in a batch they are the same.
        programme_id=pl.lit(batch.programme_id),
        partner_id=pl.lit(batch.partner_id),
        unit_id=pl.lit(batch.unit_id),
    )


def _note(
    store: Store, batch_id: int, was: BatchState, now: BatchState, **instants: object
) -> None:
    with store.write() as tx:
        tx.execute(
            sa.update(BATCH)
            .where(BATCH.c.batch_id == batch_id, BATCH.c.state == int(was))
            .values(state=int(now), **instants)
        )
