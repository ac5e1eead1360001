"""A run: one hand-back file from its spool to its report, by one process or several at once."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from handback import telemetry
from handback.ids import Prefix, public_id
from handback.intake import queries
from handback.intake.desk import Desk
from handback.intake.prepare import spooled
from handback.intake.queries import FILE, FileView
from handback.intake.states import FileState
from handback.payouts.deliver import dispatch, sealed_batches
from handback.reconcile.found import forget
from handback.reconcile.parked import take_up
from handback.reconcile.rules import Arrival
from handback.reconcile.search import search
from handback.reconcile.take import Run, take_chunks


def reconcile(
    desk: Desk, file_id: int, actor: str, stopping: Callable[[], bool] = lambda: False
) -> bool:
    """Apply what is left of an accepted or released file; False where nothing is.

    Other processes may be doing the same: each applies what no other has claimed, and the last one
    closes the run. A process that is killed, or that `stopping` tells to stop between chunks,
    leaves the rest to them, or to the next call.
    """
    file = _file(desk, file_id)
    if not _is_ready(file):
        return False
    attributes = {"handback.file_id": public_id(Prefix.HANDBACK_FILE, file_id)}
    with telemetry.span("reconcile file", parent=file.trace_context, attributes=attributes):
        run = _begun(desk, file_id, actor, stopping)
        if run is not None and take_chunks(run):
            _close(run)
    return run is not None


def _begun(desk: Desk, file_id: int, actor: str, stopping: Callable[[], bool]) -> Run | None:
    """The run of a file, begun here or elsewhere; None where it has ended meanwhile."""
    with desk.holding(file_id, wait=True):
        file = _file(desk, file_id)
        if not _is_ready(file):
            return None
        contents = spooled(desk, file_id)
        with desk.store.read() as tx:
            terms = desk.agreements.at_version(tx, file.partner_id, contents.agreement_version)
            delivered = sealed_batches(tx, file.partner_id)
        if file.state is FileState.RECEIVED:
            with desk.store.write() as tx:
                _set(tx, file_id, state=int(FileState.RECONCILING))
        for batch_id in delivered:
            # The partner may answer a batch before we have noted that it got it.
            dispatch(desk.store, desk.clock, batch_id, actor)
        if delivered:
            take_up(desk.store, desk.agreements, desk.clock, actor)
        arrival = Arrival(file_id, file.received_at)
        searched = search(desk, terms, arrival, contents, stopping)
        if searched is None:
            return None
    return Run(desk, terms, file, searched, actor, stopping)


def _close(run: Run) -> None:
    """End a run of which everything is applied, unless another process has done so."""
    desk, file_id = run.desk, run.file.file_id
    with desk.holding(file_id, wait=True):
        if _file(desk, file_id).state is FileState.RECONCILING:
            with desk.store.write() as tx:
                _set(tx, file_id, state=int(FileState.RECONCILED), closed_at=desk.clock.now())
                forget(tx, file_id)
            desk.spool.remove(file_id)


def _file(desk: Desk, file_id: int) -> FileView:
    with desk.store.read() as tx:
        return queries.by_id(tx, file_id)


def _is_ready(file: FileView) -> bool:
    decided = file.state is FileState.RECEIVED and file.verdict is not None
    return decided or file.state is FileState.RECONCILING


def _set(tx: sa.Connection, file_id: int, **values: object) -> None:
    tx.execute(sa.update(FILE).where(FILE.c.file_id == file_id).values(**values))
