"""Giving committed blocks their positions: dense, in an order every reader can rely on.

On PostgreSQL a block's id is handed out before its transaction commits, so a reader that followed
ids would pass over blocks still under way. Here blocks get a position once they are visible. Any
process may do it: one at a time holds a lock, and whoever comes next sees what was left over.

The embedded store has one writer, so `commit` gives the position at once and nothing is left here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from handback.journal.commit import BLOCK
from handback.store.session import Store

# Listeners on PostgreSQL are woken on this channel; the payload is the newest position.
CHANNEL: Final = "handback_position"


def sequence_blocks(store: Store) -> int:
    """Give every committed block without a position the next one; how many there were."""
    if store.dialect.serial_commits:
        return 0
    with store.write() as tx:
        store.dialect.serialise(tx, "sequence")
        driver = tx.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        placed = driver.execute(_PLACED_AND_TOLD).fetchone()
    return placed[0] if placed else 0


def listening(store: Store) -> AbstractContextManager[Callable[[float], bool]]:
    """Hear when any process has given positions.

    Yields what waits for so many seconds at most, and says whether there are new ones.
    """
    return store.dialect.listening(store.engine, CHANNEL)


def _place_waiting() -> sa.Update:
    """Positions follow block ids: of two blocks that touch one redemption, the later versions
    have the higher id, and are never visible without the earlier ones."""
    newest = sa.select(sa.func.coalesce(sa.func.max(BLOCK.c.position), 0)).scalar_subquery()
    place = sa.func.row_number().over(order_by=BLOCK.c.block_id)
    placed = (
        sa.select(BLOCK.c.block_id, (newest + place).label("position"))
        .where(BLOCK.c.position.is_(None))
        .subquery("placed")
    )
    return (
        sa.update(BLOCK)
        .where(BLOCK.c.block_id == placed.c.block_id)
        .values(position=placed.c.position)
    )


def _placed_and_told() -> sa.Select[tuple[int, str]]:
    """How many were placed, whoever listens being told of the newest; no row where none were."""
    placed = _place_waiting().returning(BLOCK.c.position).cte("given")
    newest = sa.cast(sa.func.max(placed.c.position), sa.Text)
    told = sa.func.pg_notify(CHANNEL, newest)
    return sa.select(sa.func.count(), told).having(sa.func.count() > 0)


# Compiled once: it is asked again and again, and SQLAlchemy would take longer over it each time.
_POSTGRES: Final[sa.Dialect] = postgresql.dialect()  # type: ignore[no-untyped-call]
_PLACED_AND_TOLD: Final = str(
    _placed_and_told().compile(dialect=_POSTGRES, compile_kwargs={"literal_binds": True})
).encode()
