"""Selects of a few rows that every group of commands makes: compiled once, run by the driver.

What SQLAlchemy does anew for each execution costs more than these queries do.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.compiler import SQLCompiler

from handback.store.rows import array

Texts = str | Sequence[str]

_SQLITE: Final[sa.Dialect] = sqlite.dialect()
_POSTGRES: Final[sa.Dialect] = postgresql.dialect(paramstyle="format")  # type: ignore[no-untyped-call]


# Whether a column is one of the texts that are given under a name, however many they are.
Among = Callable[[sa.Column[str], str], sa.ColumnElement[bool]]


class Lookup:
    """A select by named parameters, each a text, or a sequence of texts where it says `among`.

    Values are as the driver has them: numbers, texts and bytes, and what is 0 or 1 on SQLite and a
    truth value on PostgreSQL. There are no instants in it.
    """

    def __init__(self, select: Callable[[Among], sa.Select[Any]]) -> None:
        one, first = select(_compared), itemgetter(0)
        self.of_one: Final[Mapping[str, Compiled]] = {
            "sqlite": _compiled(one, _SQLITE, first),
            "postgresql": _compiled(one, _POSTGRES, first),
        }
        """The statement on each store where each sequence has one text, as for a lone caller."""
        self.of_many: Final[Mapping[str, Compiled]] = {
            "sqlite": _compiled(select(_in_json), _SQLITE, json.dumps),
            "postgresql": _compiled(select(_any_of_array), _POSTGRES, array),
        }
        """The statement on each store; of one text it takes twice as long on SQLite."""

    def rows(self, tx: sa.Connection, given: Mapping[str, Texts]) -> list[Any]:
        """The rows as tuples."""
        driver = tx.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection | psycopg.Connection)
        alone = all(isinstance(some, str) or len(some) == 1 for some in given.values())
        statement = (self.of_one if alone else self.of_many)[tx.dialect.name]
        return driver.execute(statement.text, statement.spelt(given)).fetchall()


def _compared(column: sa.Column[str], name: str) -> sa.ColumnElement[bool]:
    return column == sa.bindparam(name, type_=sa.Text)


def _in_json(column: sa.Column[str], name: str) -> sa.ColumnElement[bool]:
    texts = sa.func.json_each(sa.bindparam(name, type_=sa.Text)).table_valued("value")
    return column.in_(sa.select(texts.c.value))


def _any_of_array(column: sa.Column[str], name: str) -> sa.ColumnElement[bool]:
    texts = sa.bindparam(name, type_=sa.Text)
    return column == sa.any_(sa.cast(texts, postgresql.ARRAY(sa.Text)))


class Compiled(NamedTuple):
    """A statement, the names of its parameters in their order, and how texts are one of them."""

    text: str
    names: Sequence[str]
    spell: Callable[[Sequence[str]], str]

    def spelt(self, given: Mapping[str, Texts]) -> list[str]:
        """The parameters."""
        each = (given[name] for name in self.names)
        return [one if isinstance(one, str) else self.spell(one) for one in each]


def _compiled(
    select: sa.Select[Any], dialect: sa.Dialect, spell: Callable[[Sequence[str]], str]
) -> Compiled:
    compiled = select.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    return Compiled(str(compiled), compiled.positiontup or (), spell)
