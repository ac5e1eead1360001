"""The floor: answers applied by hand, with nothing but a state and one line of history.

Decode, stage, guarded update, history: no matching, no laws, no breaks, no checkpoint, no ledger.
It has the product's windows, chunks, driver and number of connections, its tables are narrower,
and its file has no record that is not a plain answer; nothing that does more can be faster.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import Final

import numpy as np
import polars as pl
import psycopg

from handback.intake.prepare import CHUNK_RECORDS
from handback_server.bench.apart import Figures, Meter
from handback_server.bench.by_hand import AWAITING, CONFIRMED, REASONS, REJECTED, Job, write_file
from handback_server.bench.ground import settle

_CODES: Final = {reason: number for number, reason in enumerate(REASONS, start=1)} | {"OK": 0}
_WINDOW: Final = 4 * CHUNK_RECORDS


def prepare(job: Job) -> None:
    """Redemptions that await an answer, and the file that answers them."""
    write_file(job)
    (_prepare_sqlite if job.place.store == "sqlite" else _prepare_postgres)(job)
    settle(job.place)


def run(job: Job) -> Figures:
    """From opening the file to the last commit."""
    return (_run_sqlite if job.place.store == "sqlite" else _run_postgres)(job)


def _chunks(job: Job) -> Iterator[pl.DataFrame]:
    """The file's records, sorted by key within windows, in chunks."""
    records = pl.read_csv(job.file, schema_overrides={"code": pl.String}).with_row_index("line", 1)
    decoded = records.select(
        pl.col("reference").str.slice(2).cast(pl.Int64).alias("number"),
        pl.col("line").cast(pl.Int32),
        pl.col("code").replace_strict(_CODES, return_dtype=pl.Int16).alias("reason"),
        pl.when(pl.col("code") == "OK")
        .then(pl.lit(CONFIRMED, pl.Int16))
        .otherwise(pl.lit(REJECTED, pl.Int16))
        .alias("state"),
        "quantity",
    )
    for window in decoded.iter_slices(_WINDOW):
        yield from window.sort("number").iter_slices(CHUNK_RECORDS)


# In the statements 2 stands for AWAITING.
_NEW: Final = (
    "insert into floor_redemption (number, member, quantity, state, attempt, version)"
    " select i, 'M' || (i % 250000), i % 9000 + 500, 2, 1, 0 from "
)
_MOVE_SQLITE: Final = (
    "update floor_redemption set state = ?, reason = ?, version = version + 1"
    " where number = ? and state = 2 and attempt = 1 and quantity = ?"
)
_NOTE_SQLITE: Final = "insert into floor_history values (?, 1, 1, 2, ?, 1, 1, ?, ?, ?)"
_NOTED_SQLITE: Final = ", (?, 1, 1, 2, ?, 1, 1, ?, ?, ?)"
_ROWS_AT_ONCE: Final = 100
_MOVE_POSTGRES: Final = (
    b"update floor_redemption r set state = s.state, reason = s.reason, version = 1 from stage s"
    b" where r.number = s.number and r.state = 2 and r.attempt = 1"
    b" and r.quantity = s.quantity and r.version = 0"
)


def _prepare_sqlite(job: Job) -> None:
    with sqlite3.connect(job.place.sqlite_file, isolation_level=None) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute(
            "create table floor_redemption (number integer primary key, member text not null,"
            " quantity integer not null, state integer not null, attempt integer not null,"
            " reason integer, version integer not null)"
        )
        connection.execute(
            "create table floor_history (number integer not null, version integer not null,"
            " block integer not null, from_state integer, to_state integer, trigger integer,"
            " file_id integer, line integer, quantity integer, reason integer,"
            " primary key (number, version)) without rowid"
        )
        numbers = "with recursive n (i) as (select 0 union all select i + 1 from n where i < ?) "
        connection.execute(f"{numbers}{_NEW} n", [job.records - 1])
    connection.close()


def _run_sqlite(job: Job) -> Figures:
    connection = sqlite3.connect(job.place.sqlite_file, isolation_level=None)
    for pragma in ("synchronous = full", "cache_size = -65536", "temp_store = memory"):
        connection.execute(f"pragma {pragma}")
    with Meter() as meter:
        for chunk in _chunks(job):
            moves = _rows(chunk, "state", "reason", "number", "quantity")
            notes = _rows(chunk, "number", "state", "line", "quantity", "reason")
            whole = (islice(notes, _ROWS_AT_ONCE) for _ in range(len(chunk) // _ROWS_AT_ONCE))
            several = (tuple(chain.from_iterable(some)) for some in whole)
            connection.execute("begin immediate")
            moved = connection.executemany(_MOVE_SQLITE, moves).rowcount
            assert moved == len(chunk), "every record is a plain answer"
            connection.executemany(_NOTE_SQLITE + _NOTED_SQLITE * (_ROWS_AT_ONCE - 1), several)
            connection.executemany(_NOTE_SQLITE, notes)
            connection.execute("commit")
    connection.close()
    return meter.figures


def _rows(chunk: pl.DataFrame, *names: str) -> Iterator[tuple[object, ...]]:
    return zip(*(chunk[name].to_list() for name in names), strict=True)


def _prepare_postgres(job: Job) -> None:
    with psycopg.connect(job.place.url, autocommit=True) as connection:
        connection.execute(
            "create table floor_redemption (number bigint primary key, member text not null,"
            " quantity bigint not null, state smallint not null, attempt smallint not null,"
            " reason smallint, version int not null) with (fillfactor = 50)"
        )
        connection.execute(
            "create table floor_history (number bigint not null, version int not null,"
            " block bigint not null, from_state smallint, to_state smallint, trigger smallint,"
            " file_id bigint, line int, quantity bigint, reason smallint,"
            " primary key (number, version))"
        )
        connection.execute(f"{_NEW} generate_series(0, {job.records - 1}) i".encode())


_STAGED: Final = {"number": ">i8", "state": ">i2", "quantity": ">i8", "reason": ">i2"}
_NOTED: Final = {
    "number": ">i8",
    "version": ">i4",
    "block": ">i8",
    "from_state": ">i2",
    "state": ">i2",
    "trigger": ">i2",
    "file_id": ">i8",
    "line": ">i4",
    "quantity": ">i8",
    "reason": ">i2",
}
_CONSTANT: Final = {"version": 1, "block": 1, "from_state": AWAITING, "trigger": 1, "file_id": 1}


def _run_postgres(job: Job) -> Figures:
    with psycopg.connect(job.place.url, autocommit=True) as connection:
        for setting in ("jit", "enable_hashjoin", "enable_mergejoin"):
            connection.execute(f"set {setting} = off".encode())
        connection.execute(
            "create temp table stage (number bigint, state smallint, quantity bigint,"
            " reason smallint) on commit delete rows"
        )
        with Meter(job.place.database_pid) as meter:
            for rows, staged, noted in _ahead(_encoded, _chunks(job)):
                _apply(connection, rows, staged, noted)
    return meter.figures


def _apply(connection: psycopg.Connection, rows: int, staged: bytes, noted: bytes) -> None:
    with connection.transaction():
        cursor = connection.cursor()
        with cursor.copy("copy stage from stdin (format binary)") as copy:
            copy.write(staged)
        cursor.execute(_MOVE_POSTGRES)
        assert cursor.rowcount == rows, "every record is a plain answer"
        with cursor.copy("copy floor_history from stdin (format binary)") as copy:
            copy.write(noted)


def _encoded(chunk: pl.DataFrame) -> tuple[int, bytes, bytes]:
    return len(chunk), _copy_bytes(chunk, _STAGED), _copy_bytes(chunk, _NOTED)


def _copy_bytes(chunk: pl.DataFrame, columns: dict[str, str]) -> bytes:
    """The chunk in binary COPY form: every field has a fixed width, none is null."""
    kind = [("fields", ">i2")]
    for name, width in columns.items():
        kind += [(f"{name}_bytes", ">i4"), (name, width)]
    rows = np.empty(len(chunk), dtype=kind)
    rows["fields"] = len(columns)
    for name, width in columns.items():
        rows[f"{name}_bytes"] = np.dtype(width).itemsize
        rows[name] = _CONSTANT[name] if name in _CONSTANT else chunk[name].to_numpy()
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff"


def _ahead(
    make: Callable[[pl.DataFrame], tuple[int, bytes, bytes]], chunks: Iterator[pl.DataFrame]
) -> Iterator[tuple[int, bytes, bytes]]:
    """What is made of each chunk, the next one while this one is applied."""
    with ThreadPoolExecutor(1) as thread:
        coming = None
        for chunk in chunks:
            following = thread.submit(make, chunk)
            if coming is not None:
                yield coming.result()
            coming = following
        if coming is not None:
            yield coming.result()
