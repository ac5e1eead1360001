"""Whether a column is one of many numbers, spelt as each store spells it."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


def among(column: sa.Column[int], numbers: pl.Series) -> sa.ColumnElement[bool]:
    """Whether the column is one of the numbers: one parameter, however many they are."""
    return _Among(column, sa.literal(json.dumps(numbers.to_list()), sa.Text))


def among_chosen(
    tx: sa.Connection, column: sa.Column[int], chosen: sa.Select[Any]
) -> sa.ColumnElement[bool]:
    """Whether the column is one of the numbers that a query of its own chooses.

    PostgreSQL finds the rows of a primary key in one walk along it, where a join descends to each.
    """
    alone = chosen.correlate(None)
    if tx.dialect.name != "postgresql":
        return column.in_(alone)
    return column == sa.any_(sa.func.array(alone.scalar_subquery()))


def along(
    tx: sa.Connection, column: sa.Column[int], chosen: sa.Select[Any]
) -> sa.ColumnElement[bool]:
    """The same where a join says so already: what bounds a table that is joined `in_sets`.

    It means something to PostgreSQL alone, and nothing to SQLite.
    """
    return among_chosen(tx, column, chosen) if tx.dialect.name == "postgresql" else sa.true()


class _Among(sa.sql.functions.FunctionElement[Any]):
    name = "among"
    # It has no type: of a Boolean, SQLite would be asked whether it equals 1, and try every row.
    inherit_cache = True


@compiles(_Among, "postgresql")
def _in_postgresql(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, listed = (compiler.process(clause, **kw) for clause in element.clauses)
    # Of an array it knows the length, and looks it up in order.
    return f"{column} = any (cast(translate({listed}, '[]', '{{}}') as bigint[]))"


@compiles(_Among, "sqlite")
def _in_sqlite(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, listed = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} in (select value from json_each({listed}))"  # noqa: S608 (no text of others)
