"""Plans that lead to rows by their keys, whatever the statistics of the tables say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa

WHOLE_TABLES: Final = ("enable_hashjoin", "enable_mergejoin", "enable_seqscan", "jit")
"""What PostgreSQL is not to consider, so that it reads no table as a whole to join a part of it."""


def _joined_by(way: str) -> sa.Select[Any]:
    """Has PostgreSQL consider one way to join, for the rest of the transaction."""
    settings = {name: "on" if name == way else "off" for name in (*WHOLE_TABLES, "enable_nestloop")}
    return sa.select(
        *(
            sa.func.set_config(*map(sa.literal_column, (f"'{name}'", f"'{value}'", "true")))
            for name, value in settings.items()
        )
    )


_BY_KEY: Final = _joined_by("enable_nestloop")
_IN_SETS: Final = _joined_by("enable_hashjoin")


def by_key(tx: sa.Connection) -> None:
    """Have the rest of the transaction go to rows by their keys alone.

    What is read some thousand rows at a time then costs what these rows cost. PostgreSQL would read
    a table of a million as a whole for each of them, and any once its statistics are behind it.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(_BY_KEY)


@contextmanager
def in_sets(tx: sa.Connection) -> Iterator[None]:
    """Have what is joined within be read table by table, and whatever follows `by_key`.

    That costs half of descending to each row, where every table is read `along` its key by a
    condition of `store.among`; one without would be read as a whole.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(_IN_SETS)
    yield
    by_key(tx)
