"""Rows in, a few at a time: what single commands write, without the price of a frame.

Few statements count more here than cheap ones: each is a round trip to PostgreSQL, and on SQLite a
moment in which another thread takes the interpreter. What all rows have alike is said once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, compress
from typing import Any, Final, NamedTuple

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects import postgresql, sqlite

from handback.store.bulk import MOVED, REDEMPTION
from handback.store.tables import Instant

Row = tuple[Any, ...]

# Rows are inserted by powers of two up to this, so that a connection keeps all of the statements.
_ROWS_AT_ONCE: Final = 128
_SQLITE: Final[sa.Dialect] = sqlite.dialect()
_POSTGRES: Final[sa.Dialect] = postgresql.dialect()  # type: ignore[no-untyped-call]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# What a move consists of: of which version of which redemption, and what that becomes.
_KEY: Final = ("redemption_id", "version")


class Columns:
    """Columns of one table. One for each place that writes: statements are kept by it."""

    def __init__(self, columns: Sequence[sa.Column[Any]]) -> None:
        self.table = columns[0].table.name
        self.names = tuple(column.name for column in columns)
        self.kinds = tuple(column.type.compile(_POSTGRES) for column in columns)
        self.instants = tuple(
            place for place, column in enumerate(columns) if isinstance(column.type, Instant)
        )


class Rows(NamedTuple):
    """Rows for one table: the values of these columns of it, in their order."""

    columns: Columns
    rows: Collection[Row]


# Of each column of a set, whether all rows have the same there.
Alike = tuple[bool, ...]
# What the statement for sets depends on.
Shapes = tuple[tuple[Columns, Alike], ...]


class _Set(NamedTuple):
    """Rows taken apart into the values that all of them have alike, and their other columns."""

    columns: Columns
    alike: Alike
    same: list[Any]
    varying: list[Row]
    """The other columns, each from the first row to the last."""
    height: int


def columns_of(table: sa.Table, *names: str) -> Columns:
    """Columns of a table by their names."""
    return Columns([table.c[name] for name in names])


_MOVES: Final = columns_of(REDEMPTION, *_KEY, *MOVED)


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
    return _insert_block_of_arrays(driver, block, its, beside)


def move_rows(tx: sa.Connection, moves: Sequence[Row]) -> int:
    """Write the new state of redemptions that still are at a version; how many of them were.

    A move is the redemption's id and that version, then what `MOVED` names; they are sorted by id.
    """
    driver = tx.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        given = [(*move[2:], *move[:2]) for move in moves]
        return driver.executemany(_move_of_values(), given).rowcount
    assert isinstance(driver, psycopg.Connection)
    assert not driver.autocommit, "what moves is written together with its block"
    return driver.execute(_move_of_arrays(), list(map(array, zip(*moves, strict=True)))).rowcount


def _taken_apart(wanted: Rows, spell: Callable[[datetime | None], object]) -> _Set:
    """The rows as a set, their instants as the store takes them."""
    instants, height = wanted.columns.instants, len(wanted.rows)
    if height == 1:  # what is below costs a lone caller as much as it spares many
        (row,) = wanted.rows
        same = list(row)
        for place in instants:
            same[place] = spell(same[place])
        return _Set(wanted.columns, (True,) * len(same), same, [], 1)
    columns = list(zip(*wanted.rows, strict=True))
    for place in instants:
        columns[place] = tuple(map(spell, columns[place]))
    alike = tuple([column.count(column[0]) == height for column in columns])
    same = [column[0] for column in compress(columns, alike)]
    varying = [column for column, is_alike in zip(columns, alike, strict=True) if not is_alike]
    return _Set(wanted.columns, alike, same, varying, height)


def _insert_block_of_values(
    driver: sqlite3.Connection, block: Rows, its: Iterable[Rows], beside: Iterable[Rows]
) -> int:
    row = _taken_apart(block, _microseconds).same
    (block_id,) = driver.execute(_insert_of_block(block.columns), row).fetchall()[0]
    for some in its:
        _insert_values(driver, _taken_apart(some, _microseconds), [block_id])
    for some in beside:
        _insert_values(driver, _taken_apart(some, _microseconds), [])
    return int(block_id)


def _insert_values(driver: sqlite3.Connection, rows: _Set, block: Sequence[int]) -> None:
    """Insert rows, `block` being the id of theirs, or nothing."""
    same, width = [*block, *rows.same], len(rows.varying)
    values = list(chain.from_iterable(zip(*rows.varying, strict=True)))
    done = 0
    while done < rows.height:
        size = min(1 << (rows.height - done).bit_length() - 1, _ROWS_AT_ONCE)
        statement = _insert_of_values(rows.columns, rows.alike, size, bool(block))
        driver.execute(statement, same + values[done * width : (done + size) * width])
        done += size


# All rows of a group have the same few instants.
@lru_cache(maxsize=8)
def _microseconds(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=8)
def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


@lru_cache(maxsize=512)
def _insert_of_values(columns: Columns, alike: Alike, size: int, of_block: bool) -> str:
    """The insert of so many rows: parameters are what they have alike, then row by row the rest."""
    names = _ordered(columns, alike, of_block=of_block)
    varying = alike.count(False)
    said = [f"?{place}" for place in range(1, len(names) - varying + 1)]
    row = f"({', '.join(said + ['?'] * varying)})"
    return f"{_into(columns.table, names).as_string()} values {', '.join([row] * size)}"


@lru_cache(maxsize=1)
def _insert_of_block(columns: Columns) -> str:
    """The insert of one block, at the next position: this store has one writer."""
    given = ", ".join("?" * len(columns.names))
    into = _into(columns.table, (*columns.names, "position")).as_string()
    position = "select coalesce(max(position), 0) + 1"
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


def _insert_block_of_arrays(
    driver: psycopg.Connection, block: Rows, its: Iterable[Rows], beside: Iterable[Rows]
) -> int:
    sets = [[_taken_apart(some, _iso) for some in each] for each in ([block], its, beside)]
    shapes = (tuple((some.columns, some.alike) for some in each) for each in sets)
    given: list[str | None] = []
    for some in chain.from_iterable(sets):
        given += map(_scalar, some.same)
        given += map(array, some.varying)
    (block_id,) = driver.execute(_block_of_arrays(*shapes), given).fetchall()[0]
    return int(block_id)


def _scalar(value: Any) -> str | None:
    """A value as PostgreSQL writes it."""
    if value is None:
        return None
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


def array(values: Collection[Any]) -> str:
    """Values as PostgreSQL writes an array of them.

    The driver's own arrays take ten times as long for bytes, five times for numbers.
    """
    kinds = set(map(type, values))
    if len(kinds) == 1:
        return f"{{{','.join(map(_ELEMENT[kinds.pop()], values))}}}"
    return f"{{{','.join([_ELEMENT[type(value)](value) for value in values])}}}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_ELEMENT: Final[Mapping[type, Callable[[Any], str]]] = {
    int: str,
    str: _quoted,
    bytes: lambda content: f'"\\\\x{content.hex()}"',
    type(None): lambda _: "NULL",
}


@lru_cache(maxsize=256)
def _block_of_arrays(block: Shapes, its: Shapes, beside: Shapes) -> str:
    """One statement for all of the tables; parameters are, table by table, what its rows have
    alike, then an array for each of the other columns."""
    each = [
        *(sql.SQL("{} returning block_id").format(_insert_of_arrays(*shape)) for shape in block),
        *(_insert_of_arrays(*shape, of="made_0") for shape in its),
        *(_insert_of_arrays(*shape) for shape in beside),
    ]
    made = (sql.SQL(f"made_{number} as ({{}})").format(one) for number, one in enumerate(each))
    chosen = sql.SQL("with {} select block_id from made_0").format(sql.SQL(", ").join(made))
    return chosen.as_string()


def _insert_of_arrays(columns: Columns, alike: Alike, of: str = "") -> sql.Composed:
    """The insert of one table's rows, with the block's id where they are `of` one."""
    kinds = list(zip(columns.kinds, alike, strict=True))
    said = [sql.SQL(f"%s::{kind}") for kind, is_alike in kinds if is_alike]
    varying = [kind for kind, is_alike in kinds if not is_alike]
    sources: list[sql.Composable] = [sql.SQL(of)] if of else []
    if of:
        said.insert(0, sql.SQL("block_id"))
    if varying:
        said.append(sql.SQL("given.*"))
        sources.append(sql.SQL("{} as given").format(_unnest(varying)))
    chosen = sql.SQL("{} select {}").format(
        _into(columns.table, _ordered(columns, alike, of_block=bool(of))), sql.SQL(", ").join(said)
    )
    return chosen + sql.SQL(" from {}").format(sql.SQL(", ").join(sources)) if sources else chosen


@lru_cache(maxsize=1)
def _move_of_arrays() -> str:
    becomes = (sql.SQL("{0} = moves.{0}").format(sql.Identifier(name)) for name in MOVED)
    given = sql.SQL(", ").join(map(sql.Identifier, ("redemption_id", "was_version", *MOVED)))
    return (
        sql.SQL(
            "update redemption set {} from {} as moves ({})"
            " where redemption.redemption_id = moves.redemption_id"
            " and redemption.version = moves.was_version"
        )
        .format(sql.SQL(", ").join(becomes), _unnest(_MOVES.kinds), given)
        .as_string()
    )


def _ordered(columns: Columns, alike: Alike, *, of_block: bool) -> list[str]:
    """The columns in the order of their parameters."""
    same = compress(columns.names, alike)
    varying = (name for name, is_alike in zip(columns.names, alike, strict=True) if not is_alike)
    return [*(["block_id"] if of_block else []), *same, *varying]


def _into(table: str, names: Iterable[str]) -> sql.Composed:
    """The beginning of an insert, alike on both stores."""
    listed = sql.SQL(", ").join(map(sql.Identifier, names))
    return sql.SQL("insert into {} ({})").format(sql.Identifier(table), listed)


def _unnest(kinds: Iterable[str]) -> sql.Composed:
    """The rows of an array for each of these types."""
    return sql.SQL("unnest({})").format(sql.SQL(", ").join(sql.SQL(f"%s::{k}[]") for k in kinds))
