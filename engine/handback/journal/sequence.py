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

from handback.store.session import Store

# Listeners on PostgreSQL are woken on this channel; the payload is the newest position.
CHANNEL: Final = "handback_position"

# Two statements in one message, so that the second sees what was committed before it had the lock.
# Positions follow block ids: of two blocks that touch one redemption, the later versions have the
# higher id, and are never visible without the earlier ones.
_PLACE_WAITING: Final = b"""
select pg_advisory_xact_lock(hashtextextended('handback_sequence', 0));
with placed as (
    update block set position = newest.position + waiting.place
    from (select coalesce(max(position), 0) as position from block) as newest,
        (select block_id, row_number() over (order by block_id) as place
         from block where position is null) as waiting
    where block.block_id = waiting.block_id
    returning block.position
)
select count(*), pg_notify('handback_position', max(position)::text)
from placed having count(*) > 0
"""


def sequence_blocks(store: Store) -> int:
    """Give every committed block without a position the next one; how many there were."""
    if store.dialect.serial_commits:
        return 0
    with store.write_at_once() as tx:
        driver = tx.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        told = driver.execute(_PLACE_WAITING)
        told.nextset()
        placed = told.fetchone()
    return placed[0] if placed else 0


def listening(store: Store) -> AbstractContextManager[Callable[[float], bool]]:
    """Hear when any process has given positions.

    Yields what waits for so many seconds at most, and says whether there are new ones.
    """
    return store.dialect.listening(store.engine, CHANNEL)
