"""Gathering: due redemptions of a partner become a sealed batch with its file.

The file is written first, page by page, from one state of the database, and lies in the landing
before anything is stored. One transaction then takes the redemptions out of the due queue and
writes their attempts and the batch, which names the file; where one of them has changed meanwhile,
it is all done again. A crash before its commit leaves nothing but unused bytes; after it, a batch
that only has to be delivered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import polars as pl
import sqlalchemy as sa

from handback.clock import Clock
from handback.errors import LimitReached, VersionConflict
from handback.exchange.landing import Landing
from handback.exchange.streams import Fingerprint
from handback.journal.again import decide_again
from handback.partners.registry import Agreements, Terms
from handback.payouts.days import Day, day_of
from handback.payouts.due import close_kept, due_rows, lock_rows, postpone, take
from handback.payouts.holds import refuse_held
from handback.payouts.lanes import Lane, Place, lanes
from handback.payouts.outbound import Outbound, OutboundFile
from handback.payouts.states import BatchState
from handback.payouts.stretches import Stretch, stretches
from handback.store.bulk import table_of
from handback.store.plans import by_key
from handback.store.session import Store
from handback.store.tables import Attempt, PayoutBatch

ATTEMPT, BATCH = table_of(Attempt), table_of(PayoutBatch)

# Rows read and encoded at once.
_CHUNK = 50_000


@dataclass(frozen=True, slots=True)
class Gathered:
    """One sealed batch; none of that number where all that was due had to be put off."""

    batch_id: int
    record_count: int


def gather(
    store: Store,
    landing: Landing,
    agreements: Agreements,
    clock: Clock,
    programme: str,
    partner: str,
    trace_context: str | None = None,
    cut_off: datetime | None = None,
) -> list[Gathered]:
    """Seal batches of what is due at a partner by a cut-off, or by now: one lane a batch.

    They end where nothing is left, or where the partner takes nothing more that day. Raises
    NotFound for a partner without terms, PartnerHeld, LimitReached where nothing more may go that
    day, or nothing of what is due.
    """
    now = clock.now()
    due_by = cut_off or now
    with store.read() as tx:
        terms = agreements.current(tx, programme, partner)
        refuse_held(tx, terms)
        day_of(tx, terms, due_by).check()  # before the queue is looked through
        waiting = lanes(tx, terms, due_by)
    sealed: list[Gathered] = []
    full: LimitReached | None = None
    for lane in waiting:
        sealing = _Sealing(store, landing, terms, lane, now, trace_context)
        try:
            while (one := sealing.next_batch()) is not None:
                if one.record_count:
                    sealed.append(one)
        except LimitReached as reached:
            full = reached
    if full is not None and not sealed:
        raise full
    return sealed


@dataclass(frozen=True, slots=True)
class _Draft:
    """A batch that is not yet sealed: what it takes from the queue, and its file."""

    due: Sequence[Stretch]
    sequence: int
    day: Day
    outbound: Outbound


class _Sealing:
    """What the batches of one lane have in common."""

    def __init__(
        self,
        store: Store,
        landing: Landing,
        terms: Terms,
        lane: Lane,
        now: datetime,
        trace_context: str | None,
    ) -> None:
        self._store = store
        self._landing = landing
        self._terms = terms
        self._payout = terms.agreement.payout
        self._lane = lane
        self._now = now
        self._trace_context = trace_context
        self._after: Place | None = None  # which is how far the queue is gathered

    def next_batch(self) -> Gathered | None:
        """Seal the next batch, None where nothing is due.

        Raises VersionConflict where others never cease to get in between, LimitReached where the
        day has no room, PartnerHeld.
        """
        try:
            with self._store.read() as tx:
                draft = self._draft(tx)
            if draft is None:
                return None
            with self._store.write() as tx:
                sealed = self._keep(tx, draft)
        except VersionConflict:
            # Somebody cancelled what is in the file. The longer the file, the likelier that is, so
            # the next one is written while everybody who wants the same redemptions waits.
            return decide_again(self._next_held)
        self._after = draft.due[-1].end
        return sealed

    def _next_held(self) -> Gathered | None:
        with self._store.write() as tx:
            draft = self._draft(tx, held=True)
            if draft is None:
                return None
            sealed = self._keep(tx, draft)
        self._after = draft.due[-1].end
        return sealed

    def _draft(self, tx: sa.Connection, *, held: bool = False) -> _Draft | None:
        """The next batch as it can be sealed, its file landed; None where nothing is due."""
        by_key(tx)
        # Before the day is looked at: whoever seals one more meanwhile has this number too.
        sequence = self._next_sequence(tx)
        day = day_of(tx, self._terms, self._lane.due_by)
        due = stretches(tx, day, self._lane, self._after, _CHUNK)
        if not due:
            return None
        if held:
            lock_rows(tx, due)
        file = OutboundFile(self._terms, self._lane.unit, sequence, self._now)
        outbound = file.write(partial(self._pages, tx, due, file.wanted), self._landing)
        return _Draft(due, sequence, day, outbound)

    def _keep(self, tx: sa.Connection, draft: _Draft) -> Gathered:
        """Seal a draft. Raises VersionConflict where something in it has changed, PartnerHeld."""
        by_key(tx)
        refuse_held(tx, self._terms)
        batch_id = self._store.take_ids("payout_batch", 1, tx)[0]
        outbound = draft.outbound
        if outbound.content is not None:
            self._insert(tx, batch_id, draft, outbound.content)
            close_kept(tx, self._terms.partner_id, batch_id, self._now)
        for refused in outbound.refused:
            postpone(self._store, tx, self._terms, refused, self._now)
        for stretch, attempts in zip(draft.due, outbound.attempts, strict=True):
            take(self._store, tx, stretch, attempts["redemption_id"])
        return Gathered(batch_id, outbound.record_count)

    def _pages(
        self, tx: sa.Connection, due: Sequence[Stretch], wanted: Collection[str]
    ) -> Iterator[pl.DataFrame]:
        """The rows of each stretch, read while those of the one before are encoded."""
        with ThreadPoolExecutor(1, thread_name_prefix="gather") as thread:
            coming = thread.submit(due_rows, tx, self._terms, due[0], wanted)
            for stretch in due[1:]:
                page = coming.result()
                coming = thread.submit(due_rows, tx, self._terms, stretch, wanted)
                yield page
            yield coming.result()

    def _next_sequence(self, tx: sa.Connection) -> int:
        newest = sa.select(sa.func.max(BATCH.c.sequence))
        found = tx.scalar(newest.where(BATCH.c.partner_id == self._terms.partner_id))
        return int(found or 0) + 1

    def _insert(
        self, tx: sa.Connection, batch_id: int, draft: _Draft, content: Fingerprint
    ) -> None:
        """Write the batch and its attempts. Its sequence is taken where another was faster."""
        lane, outbound = self._lane, draft.outbound
        name = self._payout.file_name.render(
            sequence=draft.sequence,
            at=lane.due_by,
            zone=self._terms.agreement.time_zone,
            unit=lane.unit,
            ordinal_of_day=draft.day.ordinal,
            split_value=lane.split_value,
        )
        batch = {
            "batch_id": batch_id,
            "programme_id": self._terms.programme_id,
            "partner_id": self._terms.partner_id,
            "unit_id": lane.unit_id,
            "sequence": draft.sequence,
            "agreement_version": self._terms.version,
            "state": int(BatchState.SEALED),
            "record_count": outbound.record_count,
            "quantity": outbound.quantity,
            "file_name": name,
            "fingerprint": content.sha256,
            "size_bytes": content.size_bytes,
            "split_value": lane.split_value,
            "trace_context": self._trace_context,
            "due_by": lane.due_by,
            "sealed_at": self._now,
        }
        tx.execute(sa.insert(BATCH).values(**batch))
        for page in outbound.attempts:
            attempts = page.with_columns(
                pl.col("ordinal").cast(pl.Int32),
                partner_id=pl.lit(self._terms.partner_id, pl.Int64),
                batch_id=pl.lit(batch_id, pl.Int64),
            )
            self._store.dialect.insert_frame(tx, ATTEMPT, attempts)
