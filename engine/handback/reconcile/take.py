"""Taking the chunks of a run: each is applied once, by whichever thread or process is free.

A chunk is claimed by a lock that ends with its holder's connection, so what a killed process was at
is taken over by another. The claim saves work and no more: what keeps a chunk from being applied
twice is its row in `run_chunk`, written in the same transaction.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

import sqlalchemy as sa

from handback import telemetry
from handback.ids import Prefix, public_id
from handback.intake.desk import Desk
from handback.intake.queries import FileView
from handback.intake.spool import Contents
from handback.journal.again import decide_again
from handback.journal.commit import Cause, CauseKind
from handback.journal.traces import trace_steps
from handback.partners.registry import Terms
from handback.reconcile.chunk import Applied, Classified, apply_chunk, classify
from handback.store.bulk import table_of
from handback.store.tables import RunChunk

RUN_CHUNK = table_of(RunChunk)


@dataclass(frozen=True, slots=True)
class Run:
    """A file that is being reconciled, as one of the processes that do it sees it."""

    desk: Desk
    terms: Terms
    file: FileView
    contents: Contents
    actor: str
    stopping: Callable[[], bool]


def take_chunks(run: Run) -> bool:
    """Apply what nobody else applies of a run; whether all of it is applied now.

    It is not where `stopping` says to stop between chunks.
    """
    taking = _Taking(run)
    # While one applies, another reads and classifies what comes next.
    threads = ThreadPoolExecutor(max(2, run.desk.writers), thread_name_prefix="chunk")
    try:
        chunks = range(run.contents.chunks)
        taken = [threads.submit(copy_context().run, taking.take, chunk) for chunk in chunks]
        for one in taken:
            one.result()
    finally:
        threads.shutdown(cancel_futures=True)
    return taking.settle(run.contents.chunks)


class _Taking:
    """One process's part in a run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._applying = threading.Semaphore(run.desk.writers)
        # For each chunk, how many stand in earlier steps.
        firsts = accumulate(run.contents.steps, initial=0)
        self._earlier = [
            first
            for first, count in zip(firsts, run.contents.steps, strict=False)
            for _ in range(count)
        ]

    def take(self, chunk: int, *, wait: bool = False) -> None:
        """Apply a chunk, counted from 0, unless it is applied or, without `wait`, claimed."""
        run = self._run
        if run.stopping():
            return
        with run.desk.claiming(run.file.file_id, chunk, wait=wait) as had:
            if not had or chunk in self._applied(chunk, chunk + 1):
                return
            classified = self._classified(chunk)
            if not self.settle(self._earlier[chunk]):
                return
            with self._applying:
                self._apply(classified)
            run.desk.store.checkpoint()

    def settle(self, count: int) -> bool:
        """Wait for the first so many chunks, or take them over; whether all are applied."""
        left = set(range(count)) - self._applied(0, count)
        for chunk in sorted(left):
            self.take(chunk, wait=True)
        return not left or left <= self._applied(0, count)

    def _applied(self, start: int, end: int) -> set[int]:
        with self._run.desk.store.read() as tx:
            return set(tx.scalars(sa.select(RUN_CHUNK.c.chunk).where(*self._ticks(start, end))))

    def _ticks(self, start: int, end: int) -> tuple[sa.ColumnElement[bool], ...]:
        of_file = RUN_CHUNK.c.file_id == self._run.file.file_id
        return of_file, RUN_CHUNK.c.chunk >= start, RUN_CHUNK.c.chunk < end

    def _classified(self, chunk: int) -> Classified:
        run = self._run
        details = run.desk.spool.read(run.file.file_id, chunk)
        return classify(run.terms, run.file, run.contents, chunk, details, run.desk.clock.now())

    def _apply(self, classified: Classified) -> None:
        """Apply one chunk in a transaction of its own."""
        run = self._run
        attributes: dict[str, str | int] = {
            "handback.file_id": public_id(Prefix.HANDBACK_FILE, run.file.file_id),
            "handback.chunk": classified.chunk,
        }
        with telemetry.span("reconcile chunk", attributes=attributes) as span:
            context = telemetry.traceparent_of() or run.file.trace_context
            cause = Cause(CauseKind.HANDBACK_FILE, run.file.file_id, run.actor, context)
            applied = decide_again(partial(self._commit, cause, classified))
            if applied is None:
                return
            span.set_attribute("handback.events", sum(map(len, applied.events)))
            for events in applied.events:
                trace_steps(events, applied.links, applied.at)

    def _commit(self, cause: Cause, classified: Classified) -> Applied | None:
        """None where a claim was lost, and with it the chunk: its tick came in between."""
        desk = self._run.desk
        with desk.store.write(large=True) as tx:
            if tx.scalar(sa.select(1).where(*self._ticks(classified.chunk, classified.chunk + 1))):
                return None
            now = desk.clock.now()
            return apply_chunk(desk.store, tx, self._run.terms, cause, classified, now)
