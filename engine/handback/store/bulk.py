"""Frames in and out of the database: what both dialects share of the bulk verbs.

A frame's columns carry the names of the table's columns; the types follow from the table, so a
frame never says how it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, Protocol

import polars as pl
import sqlalchemy as sa
from sqlmodel import SQLModel

from handback.errors import HandbackError
from handback.store.arrays import fetch_arrays
from handback.store.tables import Instant, Redemption

INSTANT = pl.Datetime("us", "UTC")

_ROWS_AT_ONCE = 500
# A thread that holds a lock on one connection may need another to go on, so no pool may run dry.
# How many there are is bounded by the threads.
UNBOUNDED = -1

# What `move` needs: one row per redemption with the version it was decided on. Further columns
# whose names begin with `was_` are further conditions on the column named after that; with `since_`
# they are what it is at least.
MOVES = pl.Schema(
    {
        "redemption_id": pl.Int64(),
        "was_version": pl.Int32(),
        "version": pl.Int32(),
        "state": pl.Int16(),
        "attempt": pl.Int16(),
        "held": pl.Int64(),
        "fulfilled": pl.Int64(),
    }
)


class Dialect(Protocol):
    """The seam between the two stores. Everything here works inside the transaction given."""

    name: str
    serial_commits: bool
    """Whether transactions that write become visible in the order in which they began."""

    def failure(self, error: BaseException) -> HandbackError | None:
        """What a driver's error means to callers, None where it is a mistake of ours.

        VersionConflict where others were there first, StoreUnavailable where the database cannot
        be reached or has no room.
        """
        ...

    def create_engine(self, url: sa.URL) -> sa.Engine:
        """An engine whose connections are set up for this store."""
        ...

    def is_lost(self, connection: sa.Connection) -> bool:
        """Whether an idle connection has ended meanwhile; the database is not asked."""
        ...

    def insert_frame(self, tx: sa.Connection, table: sa.Table, frame: pl.DataFrame) -> None:
        """Insert every row of the frame, whose columns are columns of the table."""
        ...

    def insert_absent(self, tx: sa.Connection, table: sa.Table, row: Mapping[str, object]) -> None:
        """Insert one row unless its key is there already."""
        ...

    def stage(self, tx: sa.Connection, name: str, frame: pl.DataFrame) -> sa.Table:
        """Put the frame into a temporary table to join with; a name has always the same columns.

        A second frame of the same name in one transaction takes the place of the first.
        """
        ...

    def move(self, tx: sa.Connection, moves: pl.DataFrame) -> pl.Series:
        """Write the new state of redemptions that still are what they were; which ones are not.

        `moves` has the columns of `MOVES`, perhaps more conditions, and is sorted by redemption id.
        The answer is the ids (Int64) of those that stayed, in no order.
        """
        ...

    def delete_rows(
        self, tx: sa.Connection, key: sa.Column[int], condition: sa.ColumnElement[bool]
    ) -> pl.Series:
        """Delete the rows of the key's table that meet a condition; their keys, in no order."""
        ...

    def checkpoint(self, engine: sa.Engine) -> None:
        """Bring what is in the log to its place in the database, while others read and write."""
        ...

    def serialise(self, tx: sa.Connection, name: str) -> None:
        """Wait until no other transaction is between this call of the same name and its end."""
        ...

    def lock(self, engine: sa.Engine, name: str, *, wait: bool) -> AbstractContextManager[bool]:
        """Take the named lock, or try to without waiting; whether it was had."""
        ...

    def listening(
        self, engine: sa.Engine, channel: str
    ) -> AbstractContextManager[Callable[[float], bool]]:
        """Hear what other processes notify on a channel.

        Yields what waits for so many seconds at most, and says whether there was a notice.
        """
        ...


# Below that many rows nothing is gained by looking at what they have alike.
FEW = 100


def table_of(model: type[SQLModel]) -> sa.Table:
    """The Core table of a declared model."""
    table: sa.Table = model.__table__  # type: ignore[attr-defined]
    return table


REDEMPTION = table_of(Redemption)
WAS, SINCE = "was_", "since_"
# What a move writes.
MOVED = ("version", "state", "attempt", "held", "fulfilled")


def conditions(names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Of the columns of moves those that are conditions: a name, the redemption's column that is
    compared with it, and how."""
    for name in names:
        for prefix, sign in ((WAS, "="), (SINCE, ">=")):
            if name.startswith(prefix):
                yield name, name.removeprefix(prefix), sign


def polars_type(column_type: sa.types.TypeEngine[Any]) -> pl.DataType:
    """How a column of this SQL type appears in a frame."""
    match column_type:
        case Instant():
            return INSTANT
        case sa.SmallInteger():
            return pl.Int16()
        case sa.BigInteger():
            return pl.Int64()
        case sa.Integer():
            return pl.Int32()
        case sa.LargeBinary():
            return pl.Binary()
        case sa.Text() | sa.String():
            return pl.String()
        case sa.Boolean():
            return pl.Boolean()
        case _:
            # Sums of integers are NUMERIC on PostgreSQL.
            return pl.Int64()


def sql_type(column_type: pl.DataType) -> sa.types.TypeEngine[Any]:
    """The SQL type of a staged column."""
    if column_type == INSTANT:
        return Instant()
    kinds: dict[pl.DataType, sa.types.TypeEngine[Any]] = {
        pl.Int16(): sa.SmallInteger(),
        pl.Int32(): sa.Integer(),
        pl.Int64(): sa.BigInteger(),
        pl.String(): sa.Text(),
        pl.Binary(): sa.LargeBinary(),
    }
    return kinds[column_type]


def schema_of(columns: Sequence[sa.ColumnElement[Any]]) -> pl.Schema:
    """The frame schema of selected columns, by their result names."""
    return pl.Schema({str(_result_name(c)): polars_type(c.type) for c in columns})


def _result_name(column: sa.ColumnElement[Any]) -> str:
    name: str = getattr(column, "name", None) or column.key or str(column)
    return name


def fetch_frame(tx: sa.Connection, select: sa.Select[Any]) -> pl.DataFrame:
    """The rows of a select as a frame, columns by their result names."""
    schema = schema_of(list(select.selected_columns))
    if tx.dialect.name == "postgresql":
        return fetch_arrays(tx, select, schema)
    columns: list[list[object]] = [[] for _ in schema]
    # The driver's own rows: SQLAlchemy's would cost as much again as fetching and framing them.
    with tx.execute(select) as result:
        assert result.cursor is not None
        # Few at a time, so that the rows are gone again before the garbage collector counts them.
        while rows := result.cursor.fetchmany(_ROWS_AT_ONCE):
            for column, values in zip(columns, zip(*rows, strict=True), strict=True):
                column.extend(values)
    # Column by column: from rows a frame is made at less than half the pace.
    named = zip(schema.items(), columns, strict=True)
    return pl.DataFrame([pl.Series(name, column, kind) for (name, kind), column in named])


def alike(frame: pl.DataFrame) -> dict[str, Any]:
    """The columns that say the same in every row, and what; none of few rows, never the first."""
    if len(frame) < FEW:
        return {}
    return {
        series.name: series[0]
        for series in frame.get_columns()[1:]
        if series.null_count() == len(series)
        or (not series.null_count() and (series == series.head(1)).all())
    }


def stage_table(name: str, frame: pl.DataFrame) -> sa.Table:
    """The Core table of a staged frame; every dialect creates it in its own way."""
    return _stage_table(name, tuple(frame.schema.items()))


# The same object each time, because what is compiled of a statement is kept under its tables.
@lru_cache(maxsize=256)
def _stage_table(name: str, kinds: tuple[tuple[str, pl.DataType], ...]) -> sa.Table:
    columns = [sa.Column(column, sql_type(kind)) for column, kind in kinds]
    return sa.Table(
        f"stage_{name}",
        sa.MetaData(),
        *columns,
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DELETE ROWS",
    )


@lru_cache(maxsize=256)
def emptied(stage: sa.Table, dialect: sa.Dialect) -> tuple[str, str]:
    """The statements that make sure that a stage is there and empty."""
    create = sa.schema.CreateTable(stage, if_not_exists=True).compile(dialect=dialect)
    return str(create), str(sa.delete(stage).compile(dialect=dialect))
