"""Stretches of the journal: the blocks of a period, some at a time.

A period is read by the instants of its blocks, which are indexed, and the events of a stretch by
the range of its block ids, which is what the index of events is for. So a report over a week of a
journal of ten years reads a week.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import polars as pl
import sqlalchemy as sa

from handback.store.bulk import fetch_frame, table_of
from handback.store.plans import by_key
from handback.store.tables import Block, Event

BLOCK, EVENT = table_of(Block), table_of(Event)

# Of one query; memory and the temptation to read a table as a whole both grow with them.
STRETCH_EVENTS: Final = 50_000
_PAGE_BLOCKS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some blocks (block_id and committed_at, by id): all of a period that lie between two ids."""

    blocks: pl.DataFrame

    @property
    def within(self) -> sa.ColumnElement[bool]:
        """Which events may be of these blocks; those of blocks between them are so as well."""
        ids = self.blocks["block_id"]
        return EVENT.c.block_id.between(ids.min(), ids.max())

    def of(self, found: pl.DataFrame) -> pl.DataFrame:
        """Those rows (by `block_id`) that are of these blocks, with `committed_at`."""
        return found.join(self.blocks, on="block_id", how="inner", maintain_order="left")


def stretches(tx: sa.Connection, from_at: datetime, to_at: datetime) -> Iterator[Stretch]:
    """All blocks that were committed from one instant on and before another, as stretches."""
    by_key(tx)
    after: tuple[datetime, int] = (from_at, -1)
    more = from_at < to_at
    while more:
        page = fetch_frame(tx, _page(after, to_at))
        more = len(page) == _PAGE_BLOCKS
        if more:
            after = page["committed_at"][-1], page["block_id"][-1]
        yield from _cut(page.sort("block_id"))


def _page(after: tuple[datetime, int], to_at: datetime) -> sa.Select[Any]:
    placed = sa.tuple_(BLOCK.c.committed_at, BLOCK.c.block_id)
    return (
        sa.select(BLOCK.c.block_id, BLOCK.c.committed_at, BLOCK.c.event_count)
        .where(placed > after, BLOCK.c.committed_at < to_at)
        .order_by(BLOCK.c.committed_at, BLOCK.c.block_id)
        .limit(_PAGE_BLOCKS)
    )


def _cut(page: pl.DataFrame) -> Iterator[Stretch]:
    """The blocks of a page, as many together as have few events."""
    counts = np.cumsum(page["event_count"].to_numpy())
    start = 0
    while start < len(page):
        before = counts[start - 1] if start else 0
        end = int(np.searchsorted(counts, before + STRETCH_EVENTS, side="right"))
        end = max(end, start + 1)
        yield Stretch(page[start:end].select("block_id", "committed_at"))
        start = end
