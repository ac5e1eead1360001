"""Reading the journal: the one way in which streams, connectors, seal and reports follow it.

A reader holds the position of the last block it has taken and asks for what comes after. Blocks
come whole and in the order of positions, their events by redemption and version.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from handback.errors import CursorAhead, CursorTooOld
from handback.journal.commit import BLOCK, EVENT, REDEMPTION
from handback.store.bulk import fetch_frame


@dataclass(frozen=True, slots=True)
class Extent:
    """Which positions are served: those after `horizon`, up to `newest`."""

    horizon: int
    newest: int

    def check(self, after: int) -> None:
        """Raise CursorTooOld or CursorAhead where a reader cannot go on after that position."""
        if after < self.horizon:
            raise CursorTooOld(cursor=after, horizon=self.horizon)
        if after > self.newest:
            raise CursorAhead(cursor=after, position=self.newest)


@dataclass(frozen=True, slots=True)
class Page:
    """Some blocks in a row: one row per event, by position, redemption id and version.

    `events` has the event's columns, its block's `position`, `committed_at`, `actor`,
    `cause_kind`, `cause_id` and `trace_context`, and its redemption's `programme_id`, `partner_id`
    and `unit_id`.
    `after` is the position of the last block therein, from where the next page goes on.
    """

    events: pl.DataFrame
    after: int


def extent(tx: sa.Connection, keep: int | None = None) -> Extent:
    """What can be read now; with `keep`, only that many of the newest positions are served."""
    # Each by itself: SQLite would look for both at once through the whole index.
    oldest, newest = (
        tx.scalar(sa.select(end(BLOCK.c.position))) for end in (sa.func.min, sa.func.max)
    )
    if newest is None:
        return Extent(0, 0)
    horizon = oldest - 1 if keep is None else max(oldest - 1, newest - keep)
    return Extent(horizon, newest)


def read_page(tx: sa.Connection, after: int, max_events: int) -> Page:
    """The blocks after a position: as many as `max_events` allow, and always at least one."""
    blocks = fetch_frame(
        tx,
        sa.select(BLOCK.c.block_id, BLOCK.c.position, BLOCK.c.event_count)
        .where(BLOCK.c.position > after)
        .order_by(BLOCK.c.position)
        # A block holds at least one event.
        .limit(max_events),
    )
    taken = blocks.filter(
        (pl.col("event_count").cum_sum() <= max_events) | (pl.int_range(pl.len()) == 0)
    )
    if taken.is_empty():
        return Page(fetch_frame(tx, _events_of(-1, -1, after, after)), after)
    newest = int(taken["position"][-1])
    low, high = taken["block_id"].min(), taken["block_id"].max()
    assert isinstance(low, int) and isinstance(high, int)
    return Page(fetch_frame(tx, _events_of(low, high, after, newest)), newest)


def _events_of(low: int, high: int, after: int, newest: int) -> sa.Select[tuple[object, ...]]:
    """The events of blocks in a range of positions; the range of ids is what the index knows."""
    return (
        sa.select(
            EVENT,
            BLOCK.c.position,
            BLOCK.c.committed_at,
            BLOCK.c.actor,
            BLOCK.c.cause_kind,
            BLOCK.c.cause_id,
            BLOCK.c.trace_context,
            REDEMPTION.c.programme_id,
            REDEMPTION.c.partner_id,
            REDEMPTION.c.unit_id,
        )
        .join(BLOCK, BLOCK.c.block_id == EVENT.c.block_id)
        .join(REDEMPTION, REDEMPTION.c.redemption_id == EVENT.c.redemption_id)
        .where(EVENT.c.block_id.between(low, high))
        .where(BLOCK.c.position > after, BLOCK.c.position <= newest)
        .order_by(BLOCK.c.position, EVENT.c.redemption_id, EVENT.c.version)
    )
