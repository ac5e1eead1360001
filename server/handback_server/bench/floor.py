"""The floor: answers applied by hand, with nothing but a state and one line of history.

Decode, stage, guarded update, history: no matching, no laws, no breaks, no checkpoint, no ledger.
It writes the product's own tables, with their keys and indexes, that hold what there is of each
redemption by then: itself and its first two events. It has the product's windows, chunks, driver
and durability. Its file has no record that is not a plain answer; nothing that does more can be
faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl

import handback_migrations
from handback.intake.prepare import CHUNK_RECORDS
from handback.intake.steps import WINDOW_CHUNKS
from handback_server.bench import floor_postgres, floor_sqlite
from handback_server.bench.apart import Figures
from handback_server.bench.by_hand import Job, fill, write_file

_WINDOW: Final = WINDOW_CHUNKS * CHUNK_RECORDS

# Submitted and dispatched, so that each awaits an answer at version 2.
_REDEMPTIONS: Final = (
    "insert into redemption (redemption_id, programme_id, partner_id, unit_id, quantity,"
    " submitted_at, state, attempt, version, held, fulfilled, member_ref)"
    " select i, 1, 1, 1, {quantity}, <instant>, 2, 1, 2, {quantity}, 0, {member} from {numbers}"
)
_EVENTS: Final = (
    "insert into event (redemption_id, version, block_id, trigger, from_state, to_state, attempt,"
    " reason_class, quantity) select i, <version>, <version>, <version>, <version> - 1, <version>,"
    " <version> - 1, 0, {quantity} from {numbers}"
)
_INSTANT: Final = {"sqlite": "0", "postgres": "to_timestamp(0)"}


def prepare(job: Job) -> None:
    """Redemptions that await an answer, and the file that answers them."""
    write_file(job)
    handback_migrations.migrate(job.place.url)
    fill(job, _REDEMPTIONS.replace("<instant>", _INSTANT[job.place.store]))
    for version in 1, 2:
        fill(job, _EVENTS.replace("<version>", str(version)))


def run(job: Job, connections: int = 1) -> Figures:
    """From opening the file to the last commit; SQLite has one writer, so one connection."""
    if job.place.store == "sqlite":
        assert connections == 1
        return floor_sqlite.run(job.place, lambda: _chunks(job))
    return floor_postgres.run(job.place, lambda: _chunks(job), connections)


def _chunks(job: Job) -> Iterator[pl.DataFrame]:
    """The file's records, sorted by key within windows, in chunks.

    Columns: redemption_id, ordinal, quantity (Int64), code.
    """
    records = pl.read_csv(job.file, schema_overrides={"code": pl.String})
    decoded = records.with_row_index("ordinal", 1).select(
        redemption_id=pl.col("reference").str.slice(2).cast(pl.Int64),
        ordinal=pl.col("ordinal").cast(pl.Int64),
        quantity="quantity",
        code="code",
    )
    for window in decoded.iter_slices(_WINDOW):
        yield from window.sort("redemption_id").iter_slices(CHUNK_RECORDS)
