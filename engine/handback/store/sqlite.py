"""The embedded store: one file, one writer, write-ahead log, full durability."""

from __future__ import annotations

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from handback.errors import HandbackError, StoreUnavailable, VersionConflict
from handback.store.bulk import (
    INSTANT,
    MOVED,
    REDEMPTION,
    UNBOUNDED,
    alike,
    conditions,
    emptied,
    fetch_frame,
    stage_table,
)

_PRAGMAS = (
    "busy_timeout = 30000",  # first: the next one already needs the file
    "journal_mode = wal",
    "synchronous = full",
    "foreign_keys = on",
    "cache_size = -65536",  # 64 MiB
    "temp_store = memory",
)
WRITE = "handback_write"
LARGE = "handback_large"
# Whoever commits writes the log back where it is so many pages long by then: a thousand by default.
# One that nobody else has written back meanwhile must not grow for ever.
_LOG_PAGES = {False: 1_000, True: 16_000}
_LOG_KEPT = "handback_log_pages"
_ROWS_AT_ONCE = 100  # of at most 32,766 values in one statement
_STAYED = "handback_stayed"


class SQLite:
    """The dialect of the embedded store."""

    name = "sqlite"
    serial_commits = True

    def __init__(self) -> None:
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)

    def failure(self, error: BaseException) -> HandbackError | None:
        """See `Dialect.failure`."""
        if isinstance(error, sqlite3.IntegrityError):
            return VersionConflict(moved=0, expected=1)
        if not isinstance(error, sqlite3.OperationalError):
            return None
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        if code & 0xFF == sqlite3.SQLITE_ERROR:  # a statement that cannot be right
            return None
        return StoreUnavailable(cause=error.sqlite_errorname)

    def create_engine(self, url: sa.URL) -> sa.Engine:
        """An engine on the file of the URL, whose folder is made where it is missing."""
        assert url.database, "the embedded store is a file"
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(
            url,
            hide_parameters=True,  # values of members have no place in a log
            poolclass=sa.QueuePool,
            max_overflow=UNBOUNDED,
            pool_use_lifo=True,  # each connection fills a page cache of its own
            connect_args={"check_same_thread": False},
        )
        sa.event.listen(engine, "connect", _prepare)
        sa.event.listen(engine, "begin", _begin)
        return engine

    def is_lost(self, connection: sa.Connection) -> bool:
        """Never: there is nobody at the other end."""
        return False

    def insert_frame(self, tx: sa.Connection, table: sa.Table, frame: pl.DataFrame) -> None:
        """Insert the rows, a hundred by each call of one prepared statement.

        Each call has a price of its own, and each value that is bound: what all rows have alike
        is bound once for the hundred.
        """
        if frame.is_empty():
            return
        plain = _plain(frame)
        same = alike(plain)
        varying = plain.drop(same) if same else plain
        for count, calls in _calls(varying, tuple(same.values())):
            statement = _insert_statement(table, tuple(same), tuple(varying.columns), count)
            _driver(tx).executemany(statement, calls)

    def insert_absent(self, tx: sa.Connection, table: sa.Table, row: Mapping[str, object]) -> None:
        """Insert one row unless its key is there already."""
        tx.execute(insert(table).values(**row).on_conflict_do_nothing())

    def stage(self, tx: sa.Connection, name: str, frame: pl.DataFrame) -> sa.Table:
        """Fill a temporary table, which lives in memory."""
        table = stage_table(name, frame)
        for statement in emptied(table, tx.dialect):
            _driver(tx).execute(statement)
        self.insert_frame(tx, table, frame)
        return table

    def move(self, tx: sa.Connection, moves: pl.DataFrame) -> pl.Series:
        """Update by primary key, a hundred rows by each call of one prepared statement.

        A set of updates says how many rows moved, and not which. So the few that stay tell their
        ids to a function of ours.
        """
        driver, stayed = _driver(tx), tx.connection.info[_STAYED]
        stayed.clear()
        ids, before = moves["redemption_id"], driver.total_changes
        moves = _plain(moves)
        spelt = {name: str(n) for name, n in alike(moves).items() if isinstance(n, int)}
        for count, calls in _calls(moves.drop(spelt)):
            driver.executemany(_move_statement(moves.columns, spelt, count), calls)
        moved = driver.total_changes - before
        if moved + len(stayed) < len(ids):
            stayed += self._unknown(tx, ids)
        assert moved + len(stayed) == len(ids), "a redemption moves, or stays, or is unknown"
        return pl.Series("redemption_id", stayed, pl.Int64)

    def _unknown(self, tx: sa.Connection, redemption_ids: pl.Series) -> Sequence[int]:
        """Those of the ids that no redemption has."""
        key = self.stage(tx, "unknown", redemption_ids.to_frame()).c.redemption_id
        known = sa.select(REDEMPTION.c.redemption_id)
        return tx.scalars(sa.select(key).where(key.not_in(known))).all()

    def delete_rows(
        self, tx: sa.Connection, key: sa.Column[int], condition: sa.ColumnElement[bool]
    ) -> pl.Series:
        """Read them before: nobody else writes meanwhile, and being told costs three times that."""
        going = fetch_frame(tx, sa.select(key).where(condition)).to_series()
        tx.execute(sa.delete(key.table).where(condition))
        return going

    def checkpoint(self, engine: sa.Engine) -> None:
        """The writer goes on meanwhile, and the next begins the log anew once nobody reads it."""
        with engine.connect() as connection:
            _driver(connection).execute("pragma wal_checkpoint(passive)")

    def serialise(self, tx: sa.Connection, name: str) -> None:
        """Nothing to do: there is one writer at a time."""

    @contextmanager
    def lock(self, engine: sa.Engine, name: str, *, wait: bool) -> Iterator[bool]:
        """A lock of this process: no other process serves the same file."""
        lock = self._locks[name]
        had = lock.acquire(blocking=wait)
        try:
            yield had
        finally:
            if had:
                lock.release()

    @contextmanager
    def listening(self, engine: sa.Engine, channel: str) -> Iterator[Callable[[float], bool]]:
        """Nothing is ever heard: whoever commits is in this process and says so itself."""
        never = threading.Event()
        yield never.wait


def _prepare(connection: sqlite3.Connection, record: sa.pool.ConnectionPoolEntry) -> None:
    # SQLAlchemy's begin event says BEGIN; the driver's own guess at it is switched off.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"pragma {pragma}")
    stayed: list[int] = []
    record.info[_STAYED] = stayed
    connection.create_function(_STAYED, 1, stayed.append)  # whose answer is null, which is not true


def _begin(connection: sa.Connection) -> None:
    # A transaction that means to write takes the lock at once: one upgraded later could only fail.
    options = connection.get_execution_options()
    writes = options.get(WRITE, False)
    if writes:
        _keep_log(connection, _LOG_PAGES[options[LARGE]])
    _driver(connection).execute("BEGIN IMMEDIATE" if writes else "BEGIN")


def _keep_log(connection: sa.Connection, pages: int) -> None:
    """Let the log grow so long before a commit of this connection writes it back."""
    if connection.info.get(_LOG_KEPT) != pages:
        _driver(connection).execute(f"pragma wal_autocheckpoint = {pages}")
        connection.info[_LOG_KEPT] = pages


def _driver(tx: sa.Connection) -> sqlite3.Connection:
    connection = tx.connection.driver_connection
    assert isinstance(connection, sqlite3.Connection)
    return connection


@lru_cache(maxsize=256)
def _insert_statement(
    table: sa.Table, same: tuple[str, ...], varying: tuple[str, ...], count: int
) -> str:
    """The insert of so many rows: parameters are what they have alike, then row by row the rest."""
    columns = ", ".join(f'"{name}"' for name in (*same, *varying))
    row = [*(f"?{place}" for place in range(1, len(same) + 1)), *["?"] * len(varying)]
    rows = ", ".join([f"({', '.join(row)})"] * count)
    return f'insert into "{table.name}" ({columns}) values {rows}'  # noqa: S608 (names are ours)


def _move_statement(columns: Sequence[str], spelt: Mapping[str, str], count: int) -> str:
    """The update of so many redemptions: what they have alike is spelt, parameters are the rest."""
    varying = [name for name in columns if name not in spelt]
    said = {name: f"v.column{place}" for place, name in enumerate(varying, start=1)} | dict(spelt)
    become = ", ".join(f'"{name}" = {said[name]}' for name in MOVED)
    meant = " and ".join(
        f'"{compared}" {sign} {said[name]}' for name, compared, sign in conditions(columns)
    )
    rows = ", ".join([f"({', '.join('?' * len(varying))})"] * count)
    return (
        f"update redemption set {become} from (values {rows}) as v"  # noqa: S608 (names are ours)
        f" where redemption.redemption_id = {said['redemption_id']}"
        f" and case when {meant} then 1 else {_STAYED}(redemption_id) end"
    )


def _calls(
    frame: pl.DataFrame, same: tuple[Any, ...] = ()
) -> Iterator[tuple[int, Iterator[list[Any]]]]:
    """Parameters for a hundred rows at a time, then for each that is left.

    Told are how many rows a statement is for, and the parameters of each call of it: `same`, and
    the values of the frame row after row.
    """
    values: list[Any] = [None] * (frame.width * frame.height)
    # Column by column: a frame makes its rows four times as slowly.
    for place, series in enumerate(frame.get_columns()):
        values[place :: frame.width] = series.to_list()
    whole = frame.height // _ROWS_AT_ONCE * _ROWS_AT_ONCE * frame.width
    for count, some in (_ROWS_AT_ONCE, values[:whole]), (1, values[whole:]):
        width = count * frame.width
        yield count, ([*same, *some[at : at + width]] for at in range(0, len(some), width))


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as this store keeps it, with instants as numbers."""
    instants = [name for name, kind in frame.schema.items() if kind == INSTANT]
    return frame.with_columns(pl.col(instants).dt.epoch("us")) if instants else frame
