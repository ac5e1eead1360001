"""Delivering: a sealed file reaches the partner, and only then do its redemptions await an answer.

Four steps, each safe to repeat: note that the file is about to leave, bring it (the same name with
the same content counts as brought), note that it was delivered, dispatch its redemptions chunk by
chunk. A process killed between them finishes with the same file, never with a second one.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback import telemetry
from handback.clock import Clock
from handback.errors import AlreadyExists, VersionConflict
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
from handback.payouts.leaving import arrived, begin, undelivered
from handback.payouts.states import BatchState
from handback.store.bulk import table_of
from handback.store.plans import by_key
from handback.store.session import Store
from handback.store.tables import Attempt, PayoutBatch, Redemption

ATTEMPT, BATCH = table_of(Attempt), table_of(PayoutBatch)
REDEMPTION = table_of(Redemption)

_WAITING: Final = (State.SUBMITTED, State.RETRYING)
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
    content; the batch then stays sealed, and a break tells of it until it is delivered. Raises
    PartnerHeld, and WrongBatchState where it was recalled; then it has not left.
    """
    with store.read() as tx:
        batch = tx.execute(sa.select(BATCH).where(BATCH.c.batch_id == batch_id)).one()
        terms = agreements.at_version(tx, batch.partner_id, batch.agreement_version)
    if batch.state == BatchState.SEALED:
        first = begin(store, clock, terms, batch_id)
        try:
            bring(landing, transport, terms, batch, batch.file_name)
        except (AlreadyExists, OSError) as trouble:
            undelivered(store, clock, terms, batch, trouble, first=first)
            raise
        arrived(store, clock, terms, batch_id, actor)
    dispatch(store, clock, batch_id, actor)


def bring(
    landing: Landing, transport: Transport, terms: Terms, batch: sa.Row[Any], name: str
) -> None:
    """Put the file of a batch, its very bytes, into the partner's folder under a name."""
    expected = Fingerprint(batch.fingerprint, batch.size_bytes)
    with landing.open(expected.key) as content:
        transport.put(terms.agreement.payout.folder, name, content, expected)


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
    _close(store, clock, batch_id)
    return total


def _dispatch_chunk(
    store: Store, clock: Clock, cause: Cause, batch: sa.Row[Any], after: int
) -> tuple[int, int]:
    """Dispatch the next redemptions of the batch by ordinal: how many, and up to which."""
    with store.write() as tx:
        by_key(tx)
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
    """The dispatch of these ordinals, one step for all first attempts, one for all second ones…

    A second attempt of what is submitted comes after one that was recalled: a step of its own.
    """
    inside = (ATTEMPT.c.batch_id == batch_id) & ATTEMPT.c.ordinal.between(first, last)
    number = ATTEMPT.c.attempt
    told = sa.select(sa.func.max(number), sa.func.count()).where(inside)
    most, count = tx.execute(told).one()
    counts = {(1, State.SUBMITTED): count}
    if most > 1:
        counted = sa.select(number, REDEMPTION.c.state, sa.func.count().label("redemptions"))
        of_redemption = REDEMPTION.c.redemption_id == ATTEMPT.c.redemption_id
        waits = REDEMPTION.c.state.in_([int(state) for state in _WAITING])
        each = counted.join(REDEMPTION, of_redemption & waits).where(inside)
        counts = {
            (row.attempt, State(row.state)): row.redemptions
            for row in tx.execute(each.group_by(number, REDEMPTION.c.state).order_by(number))
        }
    if sum(counts.values()) != count:
        raise VersionConflict(moved=sum(counts.values()), expected=count)
    steps = []
    for (attempt, state), count in counts.items():
        chosen = sa.select(ATTEMPT.c.redemption_id, ATTEMPT.c.quantity)
        chosen = chosen.where(inside, number == attempt)
        if attempt > 1 and sum(attempt == other for other, _ in counts) > 1:
            chosen = chosen.where(_SENT_BEFORE if state is State.RETRYING else ~_SENT_BEFORE)
        # Nothing but its submit has happened to what is submitted.
        version = 1 if state is State.SUBMITTED else None
        steps.append(Step(Trigger.DISPATCH, state, version, attempt, chosen, count))
    return steps


_EARLIER: Final = ATTEMPT.alias("earlier")
# Whether an earlier attempt has left. Unlike the state this stays true while the step is taken.
_SENT_BEFORE: Final = (
    sa.exists()
    .where(_EARLIER.c.redemption_id == ATTEMPT.c.redemption_id)
    .where(_EARLIER.c.attempt < ATTEMPT.c.attempt)
    .where(BATCH.c.batch_id == _EARLIER.c.batch_id, BATCH.c.recalled_at.is_(None))
    .correlate(ATTEMPT)
)


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


def _close(store: Store, clock: Clock, batch_id: int) -> None:
    """Note that everything in a batch is dispatched."""
    with store.write() as tx:
        tx.execute(
            sa.update(BATCH)
            .where(BATCH.c.batch_id == batch_id, BATCH.c.state == int(BatchState.DELIVERED))
            .values(state=int(BatchState.DISPATCHED), dispatched_at=clock.now())
        )
