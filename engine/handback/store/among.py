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
