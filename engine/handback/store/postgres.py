"""PostgreSQL: many processes, binary COPY in, sets moved by one statement."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import polars as pl
import psycopg
import psycopg.abc
import psycopg.adapt
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from handback.errors import HandbackError, StoreUnavailable, VersionConflict
from handback.store.arrays import EPOCH_US, answer_in_binary
from handback.store.bulk import INSTANT, MOVED, REDEMPTION, WAS, stage_table

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_WIDTH: dict[pl.DataType, str] = {pl.Int16(): ">i2", pl.Int32(): ">i4", pl.Int64(): ">i8"}

# The stage has no statistics, and those of a growing table are behind it. Whatever the planner
# makes of that, walking the stage in key order and looking each row up by its key is right; a plan
# that scans the hot table instead was seen to take a second for a thousand rows.
_WALK_THE_STAGE = sa.select(
    *(
        sa.func.set_config(name, "off", True)
        for name in (
            "enable_hashjoin",
            "enable_mergejoin",
            "enable_seqscan",
            "enable_bitmapscan",
            "enable_material",
            "jit",
        )
    )
)

Bytes = npt.NDArray[np.uint8]


class PostgreSQL:
    """The dialect of the shared store."""

    name = "postgresql"
    serial_commits = False

    def failure(self, error: BaseException) -> HandbackError | None:
        """See `Dialect.failure`."""
        if isinstance(error, (psycopg.IntegrityError, psycopg.errors.DeadlockDetected)):
            return VersionConflict(moved=0, expected=1)
        if isinstance(error, psycopg.OperationalError):
            return StoreUnavailable(cause=type(error).__name__)
        return None

    def create_engine(self, url: sa.URL) -> sa.Engine:
        """An engine on psycopg; a connection lost while idle is noticed before it is used."""
        engine = sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            hide_parameters=True,  # values of members have no place in a log
            pool_pre_ping=True,
            pool_size=8,
        )
        sa.event.listen(engine, "connect", _prepare)
        sa.event.listen(engine, "before_cursor_execute", answer_in_binary)
        return engine

    def insert_frame(self, tx: sa.Connection, table: sa.Table, frame: pl.DataFrame) -> None:
        """Insert the rows by binary COPY."""
        if frame.is_empty():
            return
        quote = tx.dialect.identifier_preparer.quote
        ordered, payload = encode_copy(frame)
        columns = ", ".join(quote(name) for name in ordered)
        cursor = _driver(tx).cursor()
        statement = f"copy {quote(table.name)} ({columns}) from stdin (format binary)"
        with cursor.copy(statement.encode()) as copy:
            copy.write(payload)

    def insert_absent(self, tx: sa.Connection, table: sa.Table, row: Mapping[str, object]) -> None:
        """Insert one row unless its key is there already."""
        tx.execute(insert(table).values(**row).on_conflict_do_nothing())

    def stage(self, tx: sa.Connection, name: str, frame: pl.DataFrame) -> sa.Table:
        """Fill a temporary table, emptied by the server at the end of the transaction."""
        table = stage_table(name, frame, postgresql_on_commit="DELETE ROWS")
        tx.execute(sa.schema.CreateTable(table, if_not_exists=True))
        tx.execute(sa.delete(table))
        tx.execute(_WALK_THE_STAGE)
        self.insert_frame(tx, table, frame)
        return table

    def move(self, tx: sa.Connection, moves: pl.DataFrame) -> pl.Series:
        """Update from the staged set, by primary key and what the rows were."""
        # A connection keeps its stages: one for each set of conditions.
        stage = self.stage(tx, f"moves_{len(moves.columns)}", moves)
        conditions = [
            REDEMPTION.c[name.removeprefix(WAS)] == stage.c[name]
            for name in moves.columns
            if name not in MOVED
        ]
        statement = (
            sa.update(REDEMPTION)
            .where(*conditions)
            .values({REDEMPTION.c[name]: stage.c[name] for name in MOVED})
            .returning(REDEMPTION.c.redemption_id)
        )
        with tx.execute(statement) as result:
            assert result.cursor is not None
            moved = [redemption_id for (redemption_id,) in result.cursor.fetchall()]
        return pl.Series("redemption_id", moved, dtype=pl.Int64)

    def serialise(self, tx: sa.Connection, name: str) -> None:
        """Take an advisory lock that the end of the transaction gives back."""
        tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_lock_key(name))))

    @contextmanager
    def lock(self, engine: sa.Engine, name: str, *, wait: bool) -> Iterator[bool]:
        """A session-level advisory lock on a connection of its own."""
        key = _lock_key(name)
        take = sa.func.pg_advisory_lock if wait else sa.func.pg_try_advisory_lock
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            had = connection.scalar(sa.select(take(key))) is not False
            try:
                yield had
            finally:
                if had:
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))

    @contextmanager
    def listening(self, engine: sa.Engine, channel: str) -> Iterator[Callable[[float], bool]]:
        """LISTEN on a connection of its own, which stays in the server's list until the end."""
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            quoted = connection.dialect.identifier_preparer.quote(channel)
            connection.exec_driver_sql(f"listen {quoted}")
            driver = _driver(connection)
            try:
                yield lambda seconds: any(
                    True for _ in driver.notifies(timeout=seconds, stop_after=1)
                )
            finally:
                connection.exec_driver_sql("unlisten *")


class _WholeNumber(psycopg.adapt.Loader):
    """Reads NUMERIC: nothing here has fractions, but sums of integers are of that type."""

    def load(self, digits: psycopg.abc.Buffer) -> int:
        """The number."""
        return int(bytes(digits))


def _prepare(connection: psycopg.Connection, _record: object) -> None:
    connection.adapters.register_loader("numeric", _WholeNumber)


def _lock_key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def _driver(tx: sa.Connection) -> psycopg.Connection:
    connection = tx.connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    return connection


def encode_copy(frame: pl.DataFrame) -> tuple[list[str], bytes]:
    """The frame in PostgreSQL's binary COPY form, and the order of its columns therein.

    Columns of fixed width without nulls come first, as one block of equal rows; the others
    (text, bytes, partly null) follow, and are scattered behind each row's block.
    """
    rows = len(frame)
    columns = [_column(series) for series in frame.get_columns()]
    fixed = [column for column in columns if column.lengths is None]
    varying = [column for column in columns if column.lengths is not None]
    block = np.concatenate(
        [_repeat(np.array([len(columns)], ">i2"), rows), *(column.content for column in fixed)],
        axis=1,
    )
    ordered = [column.name for column in (*fixed, *varying)]
    if not varying:
        return ordered, _HEADER + block.tobytes() + _TRAILER
    return ordered, _HEADER + _weave(block, varying).tobytes() + _TRAILER


class _Column:
    """One encoded column: a block of equal rows, or flat content with a length per row."""

    def __init__(
        self, name: str, content: Bytes, lengths: npt.NDArray[np.int64] | None, nulls: Bytes | None
    ) -> None:
        self.name = name
        self.content = content
        self.lengths = lengths
        self.nulls = nulls


def _repeat(value: npt.NDArray[np.generic], rows: int) -> Bytes:
    return np.tile(value.view(np.uint8), (rows, 1))


def _column(series: pl.Series) -> _Column:
    if series.dtype == INSTANT:
        series = series.to_physical() - EPOCH_US
    rows, nulls = len(series), series.null_count()
    if nulls == rows:
        return _Column(series.name, _repeat(np.array([-1], ">i4"), rows), None, None)
    if series.dtype in (pl.String, pl.Binary):
        return _text(series)
    width = np.dtype(_WIDTH[series.dtype])
    whole = series.fill_null(0) if nulls else series
    content = whole.to_numpy().astype(width).view(np.uint8).reshape(rows, -1)
    if not nulls:
        size = _repeat(np.array([width.itemsize], ">i4"), rows)
        return _Column(series.name, np.concatenate([size, content], axis=1), None, None)
    null = series.is_null().to_numpy()
    lengths = np.where(null, 0, width.itemsize).astype(np.int64)
    return _Column(series.name, content[~null].reshape(-1), lengths, null.view(np.uint8))


def _text(series: pl.Series) -> _Column:
    # A null has length 0 here and -1 in the header of its field.
    null = series.is_null().to_numpy()
    binary = series.cast(pl.Binary).fill_null(b"")
    lengths = binary.bin.size().to_numpy().astype(np.int64)
    content = np.frombuffer(b"".join(binary.to_list()), dtype=np.uint8)
    return _Column(series.name, content, lengths, null.view(np.uint8))


def _weave(block: Bytes, varying: list[_Column]) -> Bytes:
    """The rows with their varying fields behind the fixed block of each."""
    rows, width = block.shape
    row_bytes = np.full(rows, width, dtype=np.int64)
    for column in varying:
        assert column.lengths is not None
        row_bytes += 4 + column.lengths
    ends = np.cumsum(row_bytes)
    place = ends - row_bytes
    woven = np.empty(int(ends[-1]), dtype=np.uint8)
    woven[place[:, None] + np.arange(width)] = block
    place = place + width
    for column in varying:
        assert column.lengths is not None and column.nulls is not None
        header = np.where(column.nulls, -1, column.lengths).astype(">i4")
        woven[place[:, None] + np.arange(4)] = header.view(np.uint8).reshape(rows, 4)
        place = place + 4
        starts = np.cumsum(column.lengths) - column.lengths
        target = np.arange(len(column.content)) + np.repeat(place - starts, column.lengths)
        woven[target] = column.content
        place = place + column.lengths
    return woven
