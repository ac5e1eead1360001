"""One walk over all redemptions and their events, in pages, replaying every event.

Memory is bounded by the page, or by the events of a single redemption where these are more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.lifecycle import relation
from handback.lifecycle.table import Account, Trigger
from handback.store.bulk import fetch_frame, table_of
from handback.store.tables import Event, Redemption

EVENT, REDEMPTION = table_of(Event), table_of(Redemption)

# About 25 MB of rows as the driver hands them over, 500 bytes each.
PAGE_EVENTS: Final = 50_000

_EVENT_COLUMNS = (
    "redemption_id",
    "version",
    "block_id",
    "trigger",
    "from_state",
    "to_state",
    "attempt",
    "quantity",
    "file_id",
)
_REDEMPTION_COLUMNS = (
    "redemption_id",
    "programme_id",
    "partner_id",
    "unit_id",
    "quantity",
    "state",
    "attempt",
    "version",
    "held",
    "fulfilled",
)
OWNER: Final = ("programme_id", "partner_id", "unit_id")


@dataclass(frozen=True, slots=True)
class Page:
    """All redemptions of a range of ids, and all events of that range.

    `redemptions` has the columns of the table but for dates and names. `events` has those of the
    table with its redemption's owner and `asked` quantity (null where there is no such redemption),
    the columns of `relation.RECORDED`, the `previous_` version, to_state and block_id of the same
    redemption, the running `last_attempt`, `held` and `fulfilled` before and `_after` it, and
    `kept_after`: what by then is not with the member, in whatever account it stands.
    """

    redemptions: pl.DataFrame
    events: pl.DataFrame


def pages(tx: sa.Connection, page_events: int = PAGE_EVENTS) -> Iterator[Page]:
    """The pages in the order of ids; every redemption and every event is on exactly one."""
    after, size = -1, page_events
    while True:
        events, ends = _read(tx, EVENT, _EVENT_COLUMNS, after, size), []
        if len(events) == size:
            # The last redemption may have more events than fitted.
            ends.append(int(events["redemption_id"][-1]) - 1)
            if ends[0] == after:
                size *= 2
                continue
        redemptions = _read(tx, REDEMPTION, _REDEMPTION_COLUMNS, after, size, *ends)
        if len(redemptions) == size:
            ends.append(int(redemptions["redemption_id"][-1]))
        if ends:
            inside = pl.col("redemption_id") <= min(ends)
            redemptions, events = redemptions.filter(inside), events.filter(inside)
        yield Page(redemptions, _replayed(events, redemptions))
        if not ends:
            return
        after, size = min(ends), page_events


def _read(
    tx: sa.Connection, table: sa.Table, columns: tuple[str, ...], after: int, size: int, *end: int
) -> pl.DataFrame:
    """Up to `size` rows with ids after `after`, and up to `end` where it is given."""
    select = sa.select(*(table.c[name] for name in columns)).where(table.c.redemption_id > after)
    for last in end:
        select = select.where(table.c.redemption_id <= last)
    return fetch_frame(tx, select.order_by(*table.primary_key.columns).limit(size))


def _replayed(events: pl.DataFrame, redemptions: pl.DataFrame) -> pl.DataFrame:
    owners = redemptions.select("redemption_id", *OWNER, asked="quantity")
    joined = events.join(owners, on="redemption_id", how="left", maintain_order="left")
    same = pl.col("redemption_id").eq(pl.col("redemption_id").shift(1)).fill_null(False)

    # Before the first event: version 0, State.NONE, no block.
    def previous(name: str) -> pl.Expr:
        return pl.when(same).then(pl.col(name).shift(1)).otherwise(0).alias(f"previous_{name}")

    moved = {name: pl.col(f"effect_{name}") * pl.col("quantity") for name in ("held", "fulfilled")}
    member = int(Account.MEMBER)
    taken = (pl.col("debit") == member).cast(pl.Int64) - (pl.col("credit") == member)
    steps = relation.recorded(joined).with_columns(
        previous("version"),
        previous("to_state"),
        previous("block_id"),
        *(
            total.cum_sum().over("redemption_id").alias(f"{name}_after")
            for name, total in moved.items()
        ),
        kept_after=(taken * pl.col("quantity")).cum_sum().over("redemption_id"),
        last_attempt=pl.when(pl.col("effect_attempt") == 1)
        .then("attempt")
        .forward_fill()
        .over("redemption_id")
        .fill_null(0),
    )
    return steps.with_columns(
        *((pl.col(f"{name}_after") - total).alias(name) for name, total in moved.items()),
        last_attempt=pl.when(same).then(pl.col("last_attempt").shift(1)).otherwise(0),
        last_attempt_after="last_attempt",
    )


def allowed(events: pl.DataFrame) -> pl.Series:
    """Whether each replayed event is one that the lifecycle allows where it stood.

    The unit that a record named, the queue that a redemption stood in and the second person's word
    are not part of the event, so they are taken as the table asks for.
    """
    decided = relation.decide(
        events.select(
            "trigger",
            "held",
            "fulfilled",
            state="from_state",
            attempt="last_attempt",
            answered_attempt="attempt",
            quantity="asked",
            moved="quantity",
            same_unit=1,
            waiting=(pl.col("trigger") != int(Trigger.DISPATCH)).cast(pl.Int64),
            approved=1,
        )
    )
    return decided["legal"] & (decided["to_state"] == events["to_state"])
