"""Rows in, a few at a time: what single commands write, without the price of a frame.

Few statements count more here than cheap ones: each is a round trip to PostgreSQL, and on SQLite a
moment in which another thread takes the interpreter.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects import postgresql, sqlite

from handback.store.bulk import MOVED, REDEMPTION
from handback.store.tables import Instant

Row = tuple[Any, ...]
Columns = tuple[sa.Column[Any], ...]

# Rows are inserted by powers of two up to this, so that a connection keeps all of the statements.
_ROWS_AT_ONCE: Final = 128
_SQLITE: Final[sa.Dialect] = sqlite.dialect()
_POSTGRES: Final[sa.Dialect] = postgresql.dialect()  # type: ignore[no-untyped-call]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# What a move consists of: of which version of which redemption, and what that becomes.
_KEY: Final = ("redemption_id", "version")


class Rows(NamedTuple):
    """Rows for one table: the values of these columns of it, in their order."""

    columns: Columns
    rows: Collection[Row]


def columns_of(table: sa.Table, *names: str) -> Columns:
    """Columns of a table by their names."""
    return tuple(table.c[name] for name in names)


def insert_block(
    tx: sa.Connection, block: Rows, its: Sequence[Rows], beside: Sequence[Rows]
) -> int:
    """Insert one block, the rows that are its own, and rows beside it; the block's id.

    `block` is one row without its id and position; the rows of `its` lack their `block_id`. None of
    the other tables refers to another of them.
    """
    its, beside = [some for some in its if some.rows], [some for some in beside if some.rows]
    driver = tx.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        return _insert_block_of_values(driver, block, its, beside)
    assert isinstance(driver, psycopg.Connection)
    named = (tuple(some.columns for some in sets) for sets in (its, beside))
    statement = _insert_block_of_arrays(block.columns, *named)
    (row,) = block.rows
    arrays = _arrays(*(some.rows for some in (*its, *beside)))
    (block_id,) = driver.execute(statement, [*row, *arrays]).fetchall()[0]
    return int(block_id)


def move_rows(tx: sa.Connection, moves: Sequence[Row]) -> int:
    """Write the new state of redemptions that still are at a version; how many of them were.

    A move is the redemption's id and that version, then what `MOVED` names; they are sorted by id.
    """
    driver = tx.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        given = [(*move[2:], *move[:2]) for move in moves]
        return driver.executemany(_move_of_values(), given).rowcount
    assert isinstance(driver, psycopg.Connection)
    return driver.execute(_move_of_arrays(), _arrays(moves)).rowcount


def _insert_block_of_values(
    driver: sqlite3.Connection, block: Rows, its: Iterable[Rows], beside: Iterable[Rows]
) -> int:
    (row,) = _counted(block)
    (block_id,) = driver.execute(_insert_of_block(block.columns), row).fetchall()[0]
    for columns, rows in its:
        numbered = (columns[0].table.c.block_id, *columns)
        _insert_values(driver, Rows(numbered, [(block_id, *row) for row in rows]))
    for some in beside:
        _insert_values(driver, some)
    return int(block_id)


def _insert_values(driver: sqlite3.Connection, wanted: Rows) -> None:
    left = _counted(wanted)
    while left:
        size = min(1 << len(left).bit_length() - 1, _ROWS_AT_ONCE)
        values = tuple(chain.from_iterable(left[:size]))
        driver.execute(_insert_of_values(wanted.columns, size), values)
        del left[:size]


def _counted(wanted: Rows) -> list[Row]:
    """The rows with their instants as SQLite keeps them."""
    left = list(wanted.rows)
    for place, one in enumerate(wanted.columns):
        if isinstance(one.type, Instant):
            left = [
                (*row[:place], at and _microseconds(at), *row[place + 1 :])
                for row in left
                for at in (row[place],)
            ]
    return left


@lru_cache(maxsize=8)  # all rows of a group have the same few
def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=128)
def _insert_of_values(columns: Columns, size: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"{_into(columns).as_string()} values {', '.join([row] * size)}"


@lru_cache(maxsize=1)
def _insert_of_block(columns: Columns) -> str:
    """The insert of one block, at the next position: this store has one writer."""
    positioned = (*columns, columns[0].table.c.position)
    given = ", ".join("?" * len(columns))
    into, position = _into(positioned).as_string(), "select coalesce(max(position), 0) + 1"
    return f"{into} values ({given}, ({position} from block)) returning block_id"


@lru_cache(maxsize=1)
def _move_of_values() -> str:
    """The update of one redemption: first what it becomes, then what it was."""
    was = (REDEMPTION.c[name] == sa.bindparam(f"was_{name}") for name in _KEY)
    becomes: Iterator[tuple[sa.Column[Any], Any]] = (
        (REDEMPTION.c[name], sa.bindparam(f"b_{name}", None)) for name in MOVED
    )
    statement = sa.update(REDEMPTION).where(*was).ordered_values(*becomes)
    return str(statement.compile(dialect=_SQLITE))


def _arrays(*sets: Iterable[Row]) -> list[str]:
    """The columns of each set of rows, one behind the other, as PostgreSQL writes arrays."""
    return [
        f"{{{','.join([_LITERAL[type(value)](value) for value in column])}}}"
        for rows in sets
        for column in zip(*rows, strict=True)
    ]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# The driver's own arrays take ten times as long for bytes and instants, five times for numbers.
_LITERAL: Final[Mapping[type, Callable[[Any], str]]] = {
    int: str,
    str: _quoted,
    bytes: lambda content: f'"\\\\x{content.hex()}"',
    datetime: lambda at: f'"{at.isoformat()}"',
    type(None): lambda _: "NULL",
}


@lru_cache(maxsize=128)
def _insert_block_of_arrays(
    block: Columns, its: tuple[Columns, ...], beside: tuple[Columns, ...]
) -> str:
    """One statement for all of the tables, given the block's values, then an array a column."""
    values = sql.SQL(", ").join([sql.Placeholder()] * len(block))
    each = [sql.SQL("{} values ({}) returning block_id").format(_into(block), values)]
    for columns in its:
        numbered = (columns[0].table.c.block_id, *columns)
        rows = sql.SQL("{} select made_0.block_id, given.* from made_0, {} as given")
        each.append(rows.format(_into(numbered), _unnest(columns)))
    for columns in beside:
        each.append(sql.SQL("{} select * from {}").format(_into(columns), _unnest(columns)))
    made = (sql.SQL(f"made_{number} as ({{}})").format(one) for number, one in enumerate(each))
    chosen = sql.SQL("with {} select block_id from made_0").format(sql.SQL(", ").join(made))
    return chosen.as_string()


@lru_cache(maxsize=1)
def _move_of_arrays() -> str:
    columns = [REDEMPTION.c[name] for name in (*_KEY, *MOVED)]
    becomes = (sql.SQL("{0} = moves.{0}").format(sql.Identifier(name)) for name in MOVED)
    given = sql.SQL(", ").join(map(sql.Identifier, ("redemption_id", "was_version", *MOVED)))
    return (
        sql.SQL(
            "update redemption set {} from {} as moves ({})"
            " where redemption.redemption_id = moves.redemption_id"
            " and redemption.version = moves.was_version"
        )
        .format(sql.SQL(", ").join(becomes), _unnest(columns), given)
        .as_string()
    )


def _into(columns: Columns) -> sql.Composed:
    """The beginning of an insert, alike on both stores."""
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    table = sql.Identifier(columns[0].table.name)
    return sql.SQL("insert into {} ({})").format(table, names)


def _unnest(columns: Iterable[sa.Column[Any]]) -> sql.Composed:
    """The rows of an array for each of these columns."""
    kinds = (column.type.compile(_POSTGRES) for column in columns)
    arrays = (sql.SQL(f"%s::{kind}[]") for kind in kinds)
    return sql.SQL("unnest({})").format(sql.SQL(", ").join(arrays))
