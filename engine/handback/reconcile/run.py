"""A run: one hand-back file from its spool to its report, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import sqlalchemy as sa

from handback import telemetry
from handback.ids import Prefix, public_id
from handback.intake import queries
from handback.intake.desk import Desk
from handback.intake.prepare import spooled
from handback.intake.queries import FILE, FileView
from handback.intake.states import FileState
from handback.journal.again import decide_again
from handback.journal.commit import Cause, CauseKind
from handback.journal.traces import trace_steps
from handback.partners.registry import Terms
from handback.payouts.deliver import dispatch, sealed_batches
from handback.reconcile.chunk import Applied, Classified, apply_chunk, classify
from handback.store.bulk import table_of
from handback.store.tables import RunChunk

RUN_CHUNK = table_of(RunChunk)


def reconcile(
    desk: Desk, file_id: int, actor: str, stopping: Callable[[], bool] = lambda: False
) -> bool:
    """Apply an accepted or released file from its checkpoint to its end.

    False where another process holds the file, or where it has nothing to apply. A process that
    is killed, or that `stopping` tells to stop between chunks, leaves the rest to the next call.
    """
    with desk.holding(file_id) as held:
        if not held:
            return False
        with desk.store.read() as tx:
            file = queries.by_id(tx, file_id)
        if not _is_ready(file):
            return False
        attributes = {"handback.file_id": public_id(Prefix.HANDBACK_FILE, file_id)}
        with telemetry.span("reconcile file", parent=file.trace_context, attributes=attributes):
            _run(desk, file, actor, stopping)
        return True


def _is_ready(file: FileView) -> bool:
    decided = file.state is FileState.RECEIVED and file.verdict is not None
    return decided or file.state is FileState.RECONCILING


def _run(desk: Desk, file: FileView, actor: str, stopping: Callable[[], bool]) -> None:
    contents = spooled(desk, file.file_id)
    with desk.store.read() as tx:
        terms = desk.agreements.at_version(tx, file.partner_id, contents.agreement_version)
        delivered = sealed_batches(tx, file.partner_id)
        done = set(tx.scalars(sa.select(RUN_CHUNK.c.chunk).where(_of_file(file))))
    _set_state(desk, file, FileState.RECONCILING)
    for batch_id in delivered:
        # The partner may answer a batch before we have noted that it got it.
        dispatch(desk.store, desk.clock, batch_id, actor)
    left = [chunk for chunk in range(contents.chunks) if chunk not in done]
    classified = partial(_classified, desk, terms, file.file_id, contents.rejected)
    for chunk in _one_ahead(classified, left):
        if stopping():
            return
        _apply(desk, terms, file, chunk, actor)
    _set_state(desk, file, FileState.RECONCILED)
    desk.spool.remove(file.file_id)


def _classified(desk: Desk, terms: Terms, file_id: int, rejected: int, chunk: int) -> Classified:
    """A chunk from the spool; the undecodable records of the file are ticked off with its first."""
    details = desk.spool.read(file_id, chunk)
    rejects = rejected if chunk == 0 else 0
    return classify(terms, file_id, chunk, details, rejects, desk.clock.now())


def _one_ahead(classified: Callable[[int], Classified], chunks: list[int]) -> Iterator[Classified]:
    """The chunks in order, each made ready while the one before it is applied."""
    with ThreadPoolExecutor(1, thread_name_prefix="classify") as thread:
        coming: Future[Classified] | None = None
        for chunk in chunks:
            ready, coming = coming, thread.submit(classified, chunk)
            if ready is not None:
                yield ready.result()
        if coming is not None:
            yield coming.result()


def _apply(desk: Desk, terms: Terms, file: FileView, chunk: Classified, actor: str) -> None:
    """Apply one chunk in a transaction of its own."""
    attributes: dict[str, str | int] = {
        "handback.file_id": public_id(Prefix.HANDBACK_FILE, file.file_id),
        "handback.chunk": chunk.chunk,
    }
    with telemetry.span("reconcile chunk", attributes=attributes) as span:
        context = telemetry.traceparent_of() or file.trace_context
        cause = Cause(CauseKind.HANDBACK_FILE, file.file_id, actor, context)
        applied = decide_again(partial(_commit_chunk, desk, terms, cause, chunk))
        span.set_attribute("handback.events", sum(map(len, applied.events)))
        for events in applied.events:
            trace_steps(events, applied.links, applied.at)


def _commit_chunk(desk: Desk, terms: Terms, cause: Cause, chunk: Classified) -> Applied:
    with desk.store.write() as tx:
        return apply_chunk(desk.store, tx, terms, cause, chunk, desk.clock.now())


def _of_file(file: FileView) -> sa.ColumnElement[bool]:
    return RUN_CHUNK.c.file_id == file.file_id


def _set_state(desk: Desk, file: FileView, state: FileState) -> None:
    values: dict[str, object] = {"state": int(state)}
    if state is FileState.RECONCILED:
        values["closed_at"] = desk.clock.now()
    with desk.store.write() as tx:
        tx.execute(sa.update(FILE).where(FILE.c.file_id == file.file_id).values(**values))
