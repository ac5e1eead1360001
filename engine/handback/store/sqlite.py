"""The embedded store: one file, one writer, write-ahead log, full durability."""

from __future__ import annotations

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.dialects.sqlite import insert

from handback.errors import HandbackError, StoreUnavailable, VersionConflict
from handback.store.bulk import INSTANT, MOVED, REDEMPTION, WAS, stage_table

_PRAGMAS = (
    "busy_timeout = 30000",  # first: the next one already needs the file
    "journal_mode = wal",
    "synchronous = full",
    "foreign_keys = on",
    "cache_size = -65536",  # 64 MiB
    "temp_store = memory",
)
WRITE = "handback_write"
_ROWS_AT_ONCE = 100  # of at most 32,766 values in one statement


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
            connect_args={"check_same_thread": False},
        )
        sa.event.listen(engine, "connect", _prepare)
        sa.event.listen(engine, "begin", _begin)
        return engine

    def insert_frame(self, tx: sa.Connection, table: sa.Table, frame: pl.DataFrame) -> None:
        """Insert the rows, many by each call of one prepared statement."""
        one, many, names = _insert_statements(table, tuple(frame.columns))
        rows = _rows(frame, names)
        whole = (islice(rows, _ROWS_AT_ONCE) for _ in range(len(frame) // _ROWS_AT_ONCE))
        _driver(tx).executemany(many, (tuple(chain.from_iterable(some)) for some in whole))
        _driver(tx).executemany(one, rows)

    def insert_absent(self, tx: sa.Connection, table: sa.Table, row: Mapping[str, object]) -> None:
        """Insert one row unless its key is there already."""
        tx.execute(insert(table).values(**row).on_conflict_do_nothing())

    def stage(self, tx: sa.Connection, name: str, frame: pl.DataFrame) -> sa.Table:
        """Fill a temporary table, which lives in memory."""
        table = stage_table(name, frame)
        tx.execute(sa.schema.CreateTable(table, if_not_exists=True))
        tx.execute(sa.delete(table))
        self.insert_frame(tx, table, frame)
        return table

    def move(self, tx: sa.Connection, moves: pl.DataFrame) -> pl.Series:
        """Update row by row in key order: there is no network, so a join saves nothing here.

        A set of updates says how many rows moved, and not which. So each row tells its id to a
        function of ours as it moves; that costs a tenth of asking for them afterwards.
        """
        moved: list[int] = []
        driver = _driver(tx)
        driver.create_function("told", 1, moved.append)  # which is null
        conditions = tuple(name for name in moves.columns if name not in MOVED)
        statement, names = _move_statement(conditions)
        before = driver.total_changes
        driver.executemany(statement, _rows(moves, names))
        assert driver.total_changes - before == len(moved), "every row that moves says so once"
        return pl.Series("redemption_id", moved, dtype=pl.Int64)

    def serialise(self, tx: sa.Connection, name: str) -> None:
        """Nothing to do: there is one writer at a time."""

    @contextmanager
    def lock(self, engine: sa.Engine, name: str) -> Iterator[bool]:
        """A lock of this process: no other process serves the same file."""
        lock = self._locks[name]
        had = lock.acquire(blocking=False)
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


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    # SQLAlchemy's begin event says BEGIN; the driver's own guess at it is switched off.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"pragma {pragma}")


def _begin(connection: sa.Connection) -> None:
    # A transaction that means to write takes the lock at once: one upgraded later could only fail.
    writes = connection.get_execution_options().get(WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _driver(tx: sa.Connection) -> sqlite3.Connection:
    connection = tx.connection.driver_connection
    assert isinstance(connection, sqlite3.Connection)
    return connection


@lru_cache(maxsize=256)
def _insert_statements(table: sa.Table, columns: tuple[str, ...]) -> tuple[str, str, list[str]]:
    """The statements for one row and for `_ROWS_AT_ONCE`, and the order of the columns."""
    values: dict[str, Any] = {name: sa.bindparam(name) for name in columns}
    one, names = _compiled(sa.insert(table).values(values))
    # Two thirds of the time of row by row: each call has a price of its own.
    return one, one + f", ({', '.join('?' * len(names))})" * (_ROWS_AT_ONCE - 1), names


@lru_cache(maxsize=16)
def _move_statement(conditions: tuple[str, ...]) -> tuple[str, list[str]]:
    """The update of one redemption on these conditions, and the order of its parameters."""
    values: dict[sa.Column[Any], sa.ColumnElement[Any]] = {
        REDEMPTION.c[name]: sa.bindparam(f"b_{name}") for name in MOVED
    }
    told = sa.func.told(REDEMPTION.c.redemption_id)
    values[REDEMPTION.c.held] = sa.func.coalesce(told, sa.bindparam("b_held"))
    meant = (
        REDEMPTION.c[name.removeprefix(WAS)] == sa.bindparam(f"b_{name}") for name in conditions
    )
    statement, names = _compiled(sa.update(REDEMPTION).where(*meant).values(values))
    return statement, [name.removeprefix("b_") for name in names]


def _compiled(statement: sa.sql.ClauseElement) -> tuple[str, list[str]]:
    """A statement for the driver itself, and the names of its parameters in their order."""
    compiled: Any = statement.compile(dialect=sqlite_dialect())
    return str(compiled), list(compiled.positiontup)


def _rows(frame: pl.DataFrame, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The rows as the driver takes them, with the columns in that order."""
    plain = frame.with_columns(
        pl.col(name).dt.epoch("us") for name, kind in frame.schema.items() if kind == INSTANT
    )
    # Column by column: a frame makes its rows four times as slowly.
    return zip(*(plain[name].to_list() for name in names), strict=True)
