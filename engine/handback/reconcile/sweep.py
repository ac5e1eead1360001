"""Sweeping: what becomes of a payout batch once the partner's time to answer it is over.

Where the agreement reads an answer into silence, the attempts of which nothing was heard are moved
by it, chunk by chunk. A batch with anything still outstanding then is overdue: one break says so,
and closes by itself. Work is found by the deadlines of batches, and what was done is told by the
redemptions themselves, so a sweep that is cut off anywhere is simply made again. A batch that is
answered before is settled on the way.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from handback import telemetry
from handback.breaks.doubts import in_doubt
from handback.clock import Clock
from handback.errors import HandbackError, StoreUnavailable
from handback.ids import Prefix, public_id
from handback.intake.states import FileState
from handback.journal.again import decide_again
from handback.journal.commit import Cause, CauseKind, commit
from handback.journal.traces import links_of, trace_steps
from handback.lifecycle.table import State, Trigger
from handback.partners.registry import Agreements, Terms
from handback.payouts.states import BatchState
from handback.reconcile import overdue
from handback.reconcile.parked import take_up
from handback.reconcile.settling import settle_round
from handback.reconcile.silence import READ_AS, SILENT, Silence, read_silence
from handback.reconcile.standing import with_first_sent
from handback.store.bulk import fetch_frame, table_of
from handback.store.session import Store
from handback.store.shape import shape
from handback.store.tables import Attempt, Break, Due, Event, HandbackFile, PayoutBatch, Redemption

ATTEMPT, BATCH, BREAK, DUE = (table_of(one) for one in (Attempt, PayoutBatch, Break, Due))
EVENT, FILE, REDEMPTION = table_of(Event), table_of(HandbackFile), table_of(Redemption)

# Redemptions moved in one transaction, by two events at most.
CHUNK: Final = 50_000

_LOG: Final = logging.getLogger(__name__)
_ACTOR: Final = "sweep"


def sweep_round(store: Store, agreements: Agreements, clock: Clock) -> int:
    """Sweep every batch whose deadline has passed; how many redemptions silence has moved.

    Answers that came too early are taken up first: whoever has answered is not silent. One batch's
    trouble is logged and holds up no other.
    """
    take_up(store, agreements, clock, _ACTOR)
    with store.read() as tx:
        late = list(tx.scalars(past_deadline(clock.now())))
    moved = 0
    for batch_id in late:
        named = public_id(Prefix.PAYOUT_BATCH, batch_id)
        with store.lock(f"sweep of {named}") as had:
            if not had:
                continue
            try:
                moved += sweep(store, agreements, clock, batch_id)
            except StoreUnavailable:
                raise
            except HandbackError:
                _LOG.exception("%s cannot be swept", named)
    settle_round(store, clock)
    return moved


def past_deadline(now: datetime) -> sa.Select[Any]:
    """The batches that may have something outstanding past its deadline, the earliest first."""
    late = (BATCH.c.deadline_at <= now) & BATCH.c.settled_at.is_(None)
    dispatched = BATCH.c.state == int(BatchState.DISPATCHED)
    return sa.select(BATCH.c.batch_id).where(late, dispatched).order_by(BATCH.c.deadline_at)


def sweep(store: Store, agreements: Agreements, clock: Clock, batch_id: int) -> int:
    """Sweep one batch past its deadline; how many redemptions silence has moved."""
    with store.read() as tx:
        batch = tx.execute(sa.select(BATCH).where(BATCH.c.batch_id == batch_id)).one()
        terms = agreements.at_version(tx, batch.partner_id, batch.agreement_version)
    attributes = {"handback.batch_id": public_id(Prefix.PAYOUT_BATCH, batch_id)}
    with telemetry.span("sweep batch", parent=batch.trace_context, attributes=attributes):
        context = telemetry.traceparent_of() or batch.trace_context
        cause = Cause(CauseKind.POLICY, batch_id, _ACTOR, context)
        sweeping = _Sweeping(store, clock, terms, batch, cause)
        moved = 0
        if terms.agreement.answers.style in READ_AS:
            moved = sweeping.read_silence()
            if sweeping.is_answer_under_way():
                return moved
        decide_again(partial(overdue.look, store, clock, terms, batch, _ACTOR))
    return moved


@dataclass(frozen=True, slots=True)
class _Sweeping:
    """The sweep of one batch whose silence says something."""

    store: Store
    clock: Clock
    terms: Terms
    batch: sa.Row[Any]
    cause: Cause

    def is_answer_under_way(self) -> bool:
        """Whether a file that may answer the batch is about to be reconciled."""
        with self.store.read() as tx:
            return self._holds_file(tx, FileState.RECEIVED, FileState.RECONCILING)

    def read_silence(self) -> int:
        """Move everything of which nothing was heard; how many redemptions that were."""
        total = 0
        while moved := decide_again(self._read_chunk):
            total += moved
        return total

    def _read_chunk(self) -> int:
        with self.store.write() as tx:
            unread = (FileState.RECEIVED, FileState.RECONCILING, FileState.QUARANTINED)
            if self._holds_file(tx, *unread):
                # The answer may stand in it.
                return 0
            silent = fetch_frame(tx, silent_attempts(self.batch.batch_id, self.batch.answered_to))
            if silent.is_empty():
                return 0
            at = self.clock.now()
            silent = silent.select(shape(SILENT))
            silence = read_silence(silent, self.terms.agreement, at)
            commit(self.store, tx, self.cause, silence.changes, at)
            self._enqueue(tx, silence, at)
            links = links_of(self.store, tx, silent["redemption_id"])
        trace_steps(silence.changes, links, at)
        return len(silent)

    def _enqueue(self, tx: sa.Connection, silence: Silence, at: datetime) -> None:
        """Put those that silence rejected where they wait: the due queue, or a break."""
        self.store.dialect.insert_frame(tx, DUE, silence.due_again.drop("sent_since"))
        overdue.open_reviews(self.store, tx, self.terms.agreement, self.batch, silence.waiting, at)

    def _holds_file(self, tx: sa.Connection, *states: FileState) -> bool:
        """Whether a file of the partner that may answer the batch is in one of the states."""
        found = (
            sa.select(1)
            .where(FILE.c.state.in_([int(state) for state in states]))
            .where(FILE.c.partner_id == self.batch.partner_id)
            .where(FILE.c.received_at >= self.batch.sealed_at)
            .limit(1)
        )
        return tx.scalar(found) is not None


def silent_attempts(batch_id: int, answered_to: int | None) -> sa.Select[Any]:
    """The next redemptions (columns of SILENT) of a batch of which nothing was heard.

    Their last event is the dispatch, and no open break is about them.
    """
    last = (EVENT.c.redemption_id == REDEMPTION.c.redemption_id) & (
        EVENT.c.version == REDEMPTION.c.version
    )
    spoken_of = sa.exists().where(
        BREAK.c.redemption_id == REDEMPTION.c.redemption_id, BREAK.c.closed_at.is_(None)
    )
    columns = (REDEMPTION.c[name] for name in SILENT if name in REDEMPTION.c)
    select = (
        sa.select(*columns, in_doubt(REDEMPTION.c.redemption_id).label("in_doubt"))
        .select_from(ATTEMPT)
        .join(REDEMPTION, REDEMPTION.c.redemption_id == ATTEMPT.c.redemption_id)
        .join(EVENT, last)
        .where(ATTEMPT.c.batch_id == batch_id, ATTEMPT.c.ordinal > (answered_to or 0))
        .where(REDEMPTION.c.state == int(State.AWAITING_HANDBACK))
        .where(REDEMPTION.c.attempt == ATTEMPT.c.attempt)
        .where(EVENT.c.trigger == int(Trigger.DISPATCH), ~spoken_of)
        .order_by(ATTEMPT.c.ordinal)
        .limit(CHUNK)
    )
    return with_first_sent(select)
