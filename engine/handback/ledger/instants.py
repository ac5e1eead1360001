"""Instants and positions: where the journal was at a moment.

Blocks are positioned after their commit and by many processes, whose clocks differ, so the instants
of blocks may step back from one position to the next. The ledger's time never does: at a position
it is the latest instant of any block up to there. An instant therefore cuts the journal right
before the first block that was committed after it. What comes later cannot move that cut, and a
block that follows it belongs behind it, whatever its own clock said.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from handback.store.bulk import table_of
from handback.store.tables import Block, Milestone

BLOCK, MILESTONE = table_of(Block), table_of(Milestone)


def position_at(tx: sa.Connection, at: datetime) -> int:
    """The position at which an instant cuts the journal; 0 before the first block.

    The newest one where nothing was committed after the instant yet.
    """
    passed = (
        sa.select(MILESTONE.c.position)
        .where(MILESTONE.c.latest_at <= at)
        .order_by(MILESTONE.c.latest_at.desc(), MILESTONE.c.position.desc())
        .limit(1)
    )
    after = tx.scalar(passed) or 0
    later = (
        sa.select(BLOCK.c.position)
        .where(BLOCK.c.position > after, BLOCK.c.committed_at > at)
        .order_by(BLOCK.c.position)
        .limit(1)
    )
    found: int | None = tx.scalar(later)
    if found is not None:
        return found - 1
    newest: int | None = tx.scalar(sa.select(sa.func.max(BLOCK.c.position)))
    return newest or 0


def instant_at(tx: sa.Connection, position: int) -> datetime | None:
    """The ledger's time right after the block at a position; None before the first one."""
    kept = (
        sa.select(MILESTONE)
        .where(MILESTONE.c.position <= position)
        .order_by(MILESTONE.c.position.desc())
        .limit(1)
    )
    milestone = tx.execute(kept).one_or_none()
    if milestone is None:
        return latest(tx, 0, position)
    since = latest(tx, milestone.position, position)
    passed: datetime = milestone.latest_at
    return passed if since is None else max(passed, since)


def latest(tx: sa.Connection, after: int, until: int) -> datetime | None:
    """The latest instant of the blocks after one position and up to another; None for no block."""
    placed = BLOCK.c.position > after, BLOCK.c.position <= until
    found: datetime | None = tx.scalar(sa.select(sa.func.max(BLOCK.c.committed_at)).where(*placed))
    return found
