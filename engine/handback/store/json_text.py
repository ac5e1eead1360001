"""A text inside a column of JSON, spelt as each store spells it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


class text_in(sa.sql.functions.FunctionElement[str]):
    """The text under a name in a column that is a JSON object: `text_in(column, "name")`.

    Null where it has none. The name is letters, digits and `_`.
    """

    name = "text_in"
    type = sa.Text()
    inherit_cache = True


@compiles(text_in, "postgresql")
def _in_postgresql(element: text_in, compiler: SQLCompiler, **kw: Any) -> str:
    column, name = element.clauses
    return f"(cast({compiler.process(column, **kw)} as json) ->> {compiler.process(name, **kw)})"


@compiles(text_in, "sqlite")
def _in_sqlite(element: text_in, compiler: SQLCompiler, **kw: Any) -> str:
    column, name = element.clauses
    path = f"'$.' || {compiler.process(name, **kw)}"
    return f"json_extract({compiler.process(column, **kw)}, {path})"
