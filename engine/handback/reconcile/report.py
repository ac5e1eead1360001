"""The report of a run: what became of a file's records, and how its batches now stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from handback.intake import queries
from handback.intake.queries import FileView
from handback.ledger.continuity import Continuity, continuity
from handback.payouts.queries import BatchReport, Share, reports
from handback.store.bulk import table_of
from handback.store.tables import Attempt, Event, RunChunk

ATTEMPT, EVENT, RUN_CHUNK = table_of(Attempt), table_of(Event), table_of(RunChunk)

_FATES = ("records", "events", "repeats", "breaks", "rejects")


@dataclass(frozen=True, slots=True)
class RunReport:
    """What one file did: records = events + repeats + breaks + rejects, in count and quantity.

    A record's quantity is the one it names, or else that of the attempt it answers; rejects have
    none. `batches` are those whose attempts the file moved. `continuity` says what every account of
    the partner was before, and after; None where nothing moved, or its blocks have no position yet.
    """

    file: FileView
    records: Share
    events: Share
    repeats: Share
    breaks: Share
    rejects: Share
    chunks: int
    last_chunk_at: datetime | None
    batches: Sequence[BatchReport]
    continuity: Continuity | None


def run_report(tx: sa.Connection, programme: str, file_id: int) -> RunReport:
    """The report of a file, also while its run is under way. Raises NotFound."""
    file = queries.get(tx, programme, file_id)
    names = [f"{fate}{unit}" for fate in _FATES for unit in ("", "_quantity")]
    sums = [sa.func.coalesce(sa.func.sum(RUN_CHUNK.c[name]), 0).label(name) for name in names]
    last_at = sa.func.max(RUN_CHUNK.c.applied_at).label("last_at")
    select = sa.select(sa.func.count().label("chunks"), last_at, *sums)
    row = tx.execute(select.where(RUN_CHUNK.c.file_id == file_id)).one()._mapping
    shares = {fate: Share(int(row[fate]), int(row[f"{fate}_quantity"])) for fate in _FATES}
    return RunReport(
        file=file,
        chunks=row["chunks"],
        last_chunk_at=row["last_at"],
        batches=reports(tx, _batches_of(tx, file_id)),
        continuity=continuity(tx, file_id),
        **shares,
    )


def _batches_of(tx: sa.Connection, file_id: int) -> list[int]:
    """The batches whose attempts the file moved, by the blocks that its chunks wrote."""
    moved = (
        sa.select(ATTEMPT.c.batch_id)
        .join(
            EVENT,
            (EVENT.c.redemption_id == ATTEMPT.c.redemption_id)
            & (EVENT.c.attempt == ATTEMPT.c.attempt),
        )
        .join(RUN_CHUNK, RUN_CHUNK.c.block_id == EVENT.c.block_id)
        .where(RUN_CHUNK.c.file_id == file_id)
        .distinct()
    )
    return sorted(tx.scalars(moved))
