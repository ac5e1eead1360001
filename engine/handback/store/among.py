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


def among_chosen(column: sa.Column[int], chosen: sa.Select[Any]) -> sa.ColumnElement[bool]:
    """Whether the column is one of the numbers that a query of its own chooses.

    PostgreSQL finds the rows of a primary key in one walk along it, where a join descends to each.
    """
    return _AmongChosen(column, chosen.correlate(None).scalar_subquery())


def along(column: sa.Column[int], chosen: sa.Select[Any]) -> sa.ColumnElement[bool]:
    """The same where a join says so already: what bounds a table that is joined `in_sets`.

    It means something to PostgreSQL alone, and nothing to SQLite.
    """
    return _Along(column, chosen.correlate(None).scalar_subquery())


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


class _AmongChosen(sa.sql.functions.FunctionElement[Any]):
    name = "among_chosen"
    inherit_cache = True


class _Along(_AmongChosen):
    name = "along"
    inherit_cache = True


@compiles(_AmongChosen, "postgresql")
@compiles(_Along, "postgresql")
def _chosen_in_postgresql(element: _AmongChosen, compiler: SQLCompiler, **kw: Any) -> str:
    column, chosen = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = any(array{chosen})"


@compiles(_AmongChosen, "sqlite")
def _chosen_in_sqlite(element: _AmongChosen, compiler: SQLCompiler, **kw: Any) -> str:
    column, chosen = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} in {chosen}"


@compiles(_Along, "sqlite")
def _hint_in_sqlite(_element: _Along, _compiler: SQLCompiler, **_: Any) -> str:
    return "1"
