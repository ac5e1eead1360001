"""Reading the journal: the one way in which streams, connectors, seal and reports follow it.

A reader holds the position of the last block it has taken and asks for what comes after. Blocks
come whole and in the order of positions, their events by redemption and version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
import sqlalchemy as sa

from handback.errors import CursorAhead, CursorTooOld
from handback.journal.commit import BLOCK, EVENT, REDEMPTION
from handback.store.bulk import fetch_frame

_BLOCK_COLUMNS: Final = tuple(
    BLOCK.c[name]
    for name in (
        "block_id",
        "position",
        "cause_kind",
        "cause_id",
        "actor",
        "committed_at",
        "trace_context",
        "event_count",
    )
)
_NUMBERS: Final = (
    *(
        EVENT.c[name]
        for name in (
            "redemption_id",
            "version",
            "block_id",
            "trigger",
            "from_state",
            "to_state",
            "attempt",
            "reason_class",
            "quantity",
        )
    ),
    sa.func.coalesce(EVENT.c.file_id, 0).label("file_id"),
    sa.func.coalesce(EVENT.c.ordinal, 0).label("ordinal"),
    REDEMPTION.c.partner_id,
    REDEMPTION.c.unit_id,
)
_EVENTS: Final = pl.Schema(
    {
        "block": pl.Int64(),
        "place": pl.Int64(),
        **{column.name: pl.Int64() for column in _NUMBERS},
        "reason_code": pl.String(),
    }
)
# Between the values of a column that is one text; control characters do not occur in codes.
_SEPARATOR: Final = "\x1f"
# Of a page; a journal of large blocks has few, and reads their rows anew with every page.
_MAX_BLOCKS: Final = 1_000


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
    """Some blocks in a row, whole, and their events.

    `blocks` has a row for each, by position: block_id, position, cause_kind, cause_id, actor,
    committed_at, trace_context and event_count.

    `events` has a row for each, by block, redemption id and version: `block` is the row of its
    block in `blocks`, `place` its own place in that block, from 1; the rest are the event's
    columns, and its redemption's partner_id and unit_id. Where an event has no file_id or ordinal
    they are 0, where it has no reason_code that is empty.

    `after` is the position of the last block, from where the next page goes on; `more` says
    whether there may be one already.
    """

    blocks: pl.DataFrame
    events: pl.DataFrame
    after: int
    more: bool = False


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


def read_page(tx: sa.Connection, after: int, until: int, max_events: int) -> Page:
    """The blocks after a position, up to another: as many as `max_events` allow, at least one."""
    blocks = fetch_frame(
        tx,
        sa.select(*_BLOCK_COLUMNS)
        .where(BLOCK.c.position > after, BLOCK.c.position <= until)
        .order_by(BLOCK.c.position)
        .limit(_MAX_BLOCKS),
    )
    counts = np.cumsum(blocks["event_count"].to_numpy())
    taken = blocks[: max(1, int(np.searchsorted(counts, max_events, side="right")))]
    if taken.is_empty():
        return Page(taken, _EVENTS.to_frame(), after)
    more = len(taken) < len(blocks) or len(blocks) == _MAX_BLOCKS
    return Page(taken, _in_order(_events(tx, taken), taken), int(taken["position"][-1]), more)


def _events(tx: sa.Connection, blocks: pl.DataFrame) -> pl.DataFrame:
    """The events of blocks, and of others whose ids lie between theirs, in no order.

    A column comes as one text: databases make and give that at half the cost of rows, and in one
    step, so that no other thread has to wait for this one row by row.
    """
    within = EVENT.c.block_id.between(blocks["block_id"].min(), blocks["block_id"].max())
    whose = REDEMPTION.c.redemption_id == EVENT.c.redemption_id
    gathered = (
        sa.func.aggregate_strings(sa.cast(column, sa.Text), _SEPARATOR) for column in _NUMBERS
    )
    codes = sa.func.aggregate_strings(sa.func.coalesce(EVENT.c.reason_code, ""), _SEPARATOR)
    *numbers, coded = tx.execute(
        sa.select(*gathered, codes).join(REDEMPTION, whose).where(within)
    ).one()
    columns = [
        pl.Series(column.name, np.fromstring(text, dtype=np.int64, sep=_SEPARATOR))
        for column, text in zip(_NUMBERS, numbers, strict=True)
    ]
    parts = pl.Series("reason_code", [coded]).str.split(_SEPARATOR).explode()
    if len(parts) == len(columns[0]):
        return pl.DataFrame([*columns, parts])
    # A code has the separator in it, which is as rare as it is allowed.
    rows = fetch_frame(
        tx, sa.select(EVENT.c.redemption_id, EVENT.c.version, EVENT.c.reason_code).where(within)
    )
    keys = ["redemption_id", "version"]
    return pl.DataFrame(columns).join(
        rows.cast({"version": pl.Int64}).with_columns(pl.col("reason_code").fill_null("")), on=keys
    )


def _in_order(events: pl.DataFrame, blocks: pl.DataFrame) -> pl.DataFrame:
    """The events that are of these blocks, by block, redemption id and version."""
    ids, counts = blocks["block_id"].to_numpy(), blocks["event_count"].to_numpy()
    by_id = np.argsort(ids)
    found = np.searchsorted(ids, events["block_id"].to_numpy(), sorter=by_id)
    block = by_id[np.minimum(found, len(ids) - 1)]
    keys = (events["version"].to_numpy(), events["redemption_id"].to_numpy(), block)
    order = np.lexsort(keys)
    ours = order[ids[block[order]] == events["block_id"].to_numpy()[order]]
    assert len(ours) == counts.sum(), "every block has the events that it says"
    before = np.repeat(np.cumsum(counts) - counts, counts)
    placed = [
        pl.Series("block", block[ours]),
        pl.Series("place", np.arange(1, len(ours) + 1) - before),
    ]
    # They come in that order nearly always, and are then not copied.
    ordered = events if np.array_equal(ours, np.arange(len(events))) else events[ours]
    return ordered.insert_column(0, placed[1]).insert_column(0, placed[0])
