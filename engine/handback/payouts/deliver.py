"""Delivering: a sealed file reaches the partner, and only then do its redemptions await an answer.

Three steps, each safe to repeat: bring the file (the same name with the same content counts as
brought), note that it was delivered, dispatch its redemptions chunk by chunk. A process killed
between them finishes with the same file, never with a second one.
"""

from __future__ import annotations

from datetime import datetime
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
from handback.journal.commit import Cause, CauseKind
from handback.journal.steps import Step, commit_steps
from handback.journal.traces import links_among, trace_steps
from handback.lifecycle.table import State, Trigger
from handback.partners.codes import ReasonClass
from handback.partners.registry import Agreements, Terms
from handback.payouts.states import BatchState
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Attempt, PayoutBatch, Redemption

ATTEMPT, BATCH = table_of(Attempt), table_of(PayoutBatch)
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
        _note(store, batch_id, BatchState.SEALED, BatchState.DELIVERED, **_times(terms, clock))
    dispatch(store, clock, batch_id, actor)


def _times(terms: Terms, clock: Clock) -> dict[str, datetime]:
    """When a batch was delivered, now, and until when the partner has time to answer it."""
    agreement, now = terms.agreement, clock.now()
    deadline_at = agreement.calendar.deadline(now, agreement.answers.window_days)
    return {"delivered_at": now, "deadline_at": deadline_at}


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
        first = tx.scalar(_next_ordinal(batch.batch_id, after))
        if first is None:
            return 0, after
        steps = _steps(tx, batch.batch_id, first, last := first + CHUNK - 1)
        at = clock.now()
        commit_steps(store, tx, cause, steps, at)
        traced = [(step, links_among(tx, step.chosen)) for step in steps]
    for step, links in traced:
        trace_steps(_told(step, links), links, at)
    return sum(step.count for step in steps), last


def _next_ordinal(batch_id: int, after: int) -> sa.Select[Any]:
    """The first redemption of the batch that still has its attempt ahead of it."""
    return (
        sa.select(ATTEMPT.c.ordinal)
        .join(REDEMPTION, REDEMPTION.c.redemption_id == ATTEMPT.c.redemption_id)
        .where(ATTEMPT.c.batch_id == batch_id, ATTEMPT.c.ordinal > after)
        .where(REDEMPTION.c.attempt < ATTEMPT.c.attempt)
        .order_by(ATTEMPT.c.ordinal)
        .limit(1)
    )


def _steps(tx: sa.Connection, batch_id: int, first: int, last: int) -> list[Step]:
    """The dispatch of these ordinals, one step for all first attempts, one for all second ones…"""
    inside = (ATTEMPT.c.batch_id == batch_id) & ATTEMPT.c.ordinal.between(first, last)
    number = ATTEMPT.c.attempt
    told = sa.select(sa.func.min(number), sa.func.max(number), sa.func.count()).where(inside)
    least, most, count = tx.execute(told).one()
    counts = {least: count}
    if least != most:
        counted = sa.select(number, sa.func.count().label("redemptions"))
        counts = {
            row.attempt: row.redemptions
            for row in tx.execute(counted.where(inside).group_by(number).order_by(number))
        }
    return [
        Step(
            Trigger.DISPATCH,
            State.SUBMITTED if attempt == 1 else State.RETRYING,
            # Nothing but its submit has happened to what is submitted.
            1 if attempt == 1 else None,
            attempt,
            sa.select(ATTEMPT.c.redemption_id, ATTEMPT.c.quantity).where(inside, number == attempt),
            count,
        )
        for attempt, count in counts.items()
    ]


def _told(step: Step, links: pl.DataFrame) -> pl.DataFrame:
    """What a step was for the redemptions that are traced."""
    return links.select(
        "redemption_id",
        version=pl.lit(0, pl.Int32),
        trigger=pl.lit(int(step.trigger), pl.Int16),
        to_state=pl.lit(int(step.transition.target), pl.Int16),
        attempt=pl.lit(step.attempt, pl.Int16),
        reason_class=pl.lit(int(ReasonClass.NONE), pl.Int16),
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
