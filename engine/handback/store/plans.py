"""Plans that lead to rows by their keys, whatever the statistics of the tables say."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

WHOLE_TABLES: Final = ("enable_hashjoin", "enable_mergejoin", "enable_seqscan", "jit")
"""What PostgreSQL is not to consider, so that it reads no table as a whole to join a part of it."""

_BY_KEY: Final = sa.select(
    *(
        sa.func.set_config(sa.literal_column(f"'{name}'"), sa.literal_column("'off'"), sa.true())
        for name in WHOLE_TABLES
    )
)


def by_key(tx: sa.Connection) -> None:
    """Have the rest of the transaction go to rows by their keys alone.

    What is read some thousand rows at a time then costs what these rows cost. PostgreSQL would read
    a table of a million as a whole for each of them, and any once its statistics are behind it.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(_BY_KEY)
