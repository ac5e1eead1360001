"""Law 2: the ledger. What blocks say they moved is what their events moved.

Sums over everything are compared, each quantity also weighted by a number drawn from its block, so
that no two blocks can have exchanged anything unnoticed. Memory does not grow with the journal;
only where a sum disagrees are the blocks at fault looked for, one range after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
import sqlalchemy as sa

from handback.journal.names import names
from handback.lifecycle import relation
from handback.lifecycle.table import OPEN_STATES, STANDS, Account, State
from handback.store.bulk import fetch_frame, table_of
from handback.store.shape import shape
from handback.store.tables import Block, BlockTotal, Event, Redemption
from handback.verify.law import Broken, Law, breaches, compared, first_fault
from handback.verify.walk import OWNER, Page

BLOCK, TOTAL = table_of(Block), table_of(BlockTotal)
EVENT, REDEMPTION = table_of(Event), table_of(Redemption)

_KEY = (*OWNER, "account")
# What a block says of an account, and what is added up of it: itself, and weighted by its block.
_TOLD = ("delta", "redemptions")
_ADDED = (*_TOLD, *(f"weighted_{name}" for name in _TOLD))
_SUMS = pl.Schema(dict.fromkeys((*_KEY, *_ADDED), pl.Int64()))
_COUNTS = pl.Schema(dict.fromkeys(("events", "weighted"), pl.Int64()))
_STANDS = {int(state): int(account) for state, account in STANDS.items()}
# A block has a few totals: one per partner, unit and account that it moved.
_PAGE_BLOCKS = 10_000


class Totals(Law):
    """Law 2."""

    number = 2
    text = (
        "Debits equal credits, the totals of the blocks equal the sum over their events, "
        "and what is held is what the open redemptions hold."
    )
    unit = "blocks"

    def __init__(self) -> None:
        super().__init__()
        self._moved = pl.DataFrame(schema=_SUMS)
        self._standing = pl.DataFrame(schema=_SUMS)
        self._counted = pl.DataFrame(schema=_COUNTS)

    def read(self, page: Page) -> Iterator[Broken]:
        """Adds up; a sum is nothing before everything was read."""
        known = page.events.filter(pl.col("asked").is_not_null())
        self._moved = _sum(self._moved, _legs(known.with_columns(events=1)))
        self._standing = _sum(self._standing, _standing(page.redemptions))
        self._counted = _count(self._counted, page.events.with_columns(events=1))
        return iter(())

    def close(self, tx: sa.Connection) -> Iterator[Broken]:
        """Compares with the blocks, and looks for those at fault where the sums disagree."""
        totals, counted = pl.DataFrame(schema=_SUMS), pl.DataFrame(schema=_COUNTS)
        for page in _block_pages(tx):
            self.checked += len(page.blocks)
            totals = _sum(totals, page.totals)
            counted = _count(counted, page.blocks)
            yield from self._told(tx, _unbalanced(page.totals), "block_id", *OWNER)
        if not (totals.equals(self._moved) and counted.equals(self._counted)):
            for page in _block_pages(tx):
                steps = _steps(tx, page)
                torn = _other_totals(page, steps)
                yield from self._told(tx, torn, "block_id", *_KEY, "stored", "counted")
                torn = _other_counts(page, steps)
                yield from breaches(self.number, torn, "block_id", "stored", "counted")
        torn = _other_standing(totals, self._standing)
        yield from self._told(tx, torn, *_KEY, "stored", "counted")

    def _told(self, tx: sa.Connection, torn: pl.DataFrame, *where: str) -> Iterator[Broken]:
        """Breaches with names in place of numbers of programmes, partners, units and accounts."""
        faulty = torn.filter(pl.col("fault").is_not_null())
        if faulty.is_empty():
            return
        known = names(tx)
        words: dict[str, Mapping[int, str]] = {
            "programme_id": {number: name for name, number in known.programmes.items()},
            "partner_id": {number: name for number, (_, name) in known.partners.items()},
            "unit_id": known.units,
            "account": {int(account): str(account) for account in Account},
        }
        named = [name for name in where if name in words]
        told = faulty.with_columns(
            pl.col(name).cast(pl.String).replace({str(n): word for n, word in words[name].items()})
            for name in named
        ).rename({name: name.removesuffix("_id") for name in named})
        yield from breaches(
            self.number,
            told,
            *(name.removesuffix("_id") if name in named else name for name in where),
        )


@dataclass(frozen=True, slots=True)
class _BlockPage:
    """The blocks with ids after `after` and up to `end` (None is no end), and their totals."""

    after: int
    end: int | None
    blocks: pl.DataFrame
    totals: pl.DataFrame


def _within(column: sa.Column[Any], after: int, end: int | None) -> sa.ColumnElement[bool]:
    return column > after if end is None else (column > after) & (column <= end)


def _block_pages(tx: sa.Connection) -> Iterator[_BlockPage]:
    after = -1
    end: int | None = after
    while end is not None:
        select = sa.select(BLOCK.c.block_id, BLOCK.c.event_count.label("events"))
        following = select.where(BLOCK.c.block_id > after).order_by(BLOCK.c.block_id)
        blocks = fetch_frame(tx, following.limit(_PAGE_BLOCKS))
        end = int(blocks["block_id"][-1]) if len(blocks) == _PAGE_BLOCKS else None
        totals = fetch_frame(tx, sa.select(TOTAL).where(_within(TOTAL.c.block_id, after, end)))
        yield _BlockPage(after, end, blocks, totals)
        after = end or after


def _steps(tx: sa.Connection, page: _BlockPage) -> pl.DataFrame:
    """What the events of the page's blocks amount to, by block, owner and kind of step."""
    kinds = (
        EVENT.c.block_id,
        *(REDEMPTION.c[name] for name in OWNER),
        EVENT.c.trigger,
        EVENT.c.from_state,
        EVENT.c.to_state,
    )
    count, quantity = sa.func.count().label("events"), sa.func.sum(EVENT.c.quantity)
    select = (
        sa.select(*kinds, count, quantity.label("quantity"))
        .outerjoin(REDEMPTION, REDEMPTION.c.redemption_id == EVENT.c.redemption_id)
        .where(_within(EVENT.c.block_id, page.after, page.end))
        .group_by(*kinds)
    )
    return relation.recorded(fetch_frame(tx, select))


def _legs(steps: pl.DataFrame) -> pl.DataFrame:
    """Both sides of every posting: the block, whose it is, the account, what it gained, and how
    many redemptions more stand there.

    Each row of `steps` is `events` steps of one kind, of one `quantity` together.
    """
    posted, nothing = steps.filter(pl.col("debit") != 0), pl.lit(0, pl.Int64)
    states = [pl.col(name).replace_strict(_STANDS) for name in ("from_state", "to_state")]
    count = pl.col("events").cast(pl.Int64)
    sides = (
        (pl.col("debit"), -pl.col("quantity"), nothing),
        (pl.col("credit"), pl.col("quantity"), nothing),
        (states[0], nothing, -count),
        (states[1], nothing, count),
    )
    return pl.concat(
        posted.select(
            "block_id", *OWNER, account=account.cast(pl.Int16), delta=delta, redemptions=redemptions
        )
        for account, delta, redemptions in sides
    )


def _standing(redemptions: pl.DataFrame) -> pl.DataFrame:
    """What redemptions hold and have fulfilled; block 0, since no block says so."""
    is_open = pl.col("state").is_in([int(state) for state in OPEN_STATES])
    is_confirmed = pl.col("state") == int(State.CONFIRMED)
    told = {
        Account.HELD: (pl.when(is_open).then("held").otherwise(0), is_open),
        Account.FULFILLED: (pl.col("fulfilled"), is_confirmed),
    }
    return pl.concat(
        redemptions.select(
            *OWNER,
            block_id=0,
            account=int(account),
            delta=quantity,
            redemptions=stands.cast(pl.Int64),
        )
        for account, (quantity, stands) in told.items()
    )


def _weight() -> pl.Expr:
    return pl.col("block_id").hash(seed=0).reinterpret(signed=True)


def _sum(sums: pl.DataFrame, moved: pl.DataFrame) -> pl.DataFrame:
    """The sums by owner and account with more added to them; what comes to nothing is left out."""
    weighted = moved.with_columns(
        (pl.col(name) * _weight()).alias(f"weighted_{name}") for name in _TOLD
    )
    return (
        pl.concat([sums, weighted.select(pl.col(n).cast(kind) for n, kind in _SUMS.items())])
        .group_by(_KEY)
        .agg(pl.col(_ADDED).sum())
        .filter(pl.any_horizontal(pl.col(_ADDED) != 0))
        .sort(_KEY)
    )


def _count(counts: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    weighted = counted.with_columns(weighted=pl.col("events") * _weight())
    more = weighted.select(shape(_COUNTS))
    return pl.concat([counts, more]).sum()


def _unbalanced(totals: pl.DataFrame) -> pl.DataFrame:
    summed = totals.group_by("block_id", *OWNER, maintain_order=True).agg(pl.col(_TOLD).sum())
    return summed.with_columns(
        first_fault(
            (pl.col("delta") != 0, "debits and credits of the block are not equal"),
            (pl.col("redemptions") != 0, "redemptions leave that nowhere arrive, or the reverse"),
        )
    )


def _other_totals(page: _BlockPage, steps: pl.DataFrame) -> pl.DataFrame:
    key = ["block_id", *_KEY]
    moved = _legs(steps).group_by(key).agg(pl.col(_TOLD).sum())
    faults = {
        "delta": "the block's total is not the sum over its events",
        "redemptions": "the block counts other redemptions than its events have moved",
    }
    return compared(page.totals, moved, key, faults)


def _other_counts(page: _BlockPage, steps: pl.DataFrame) -> pl.DataFrame:
    held = steps.group_by("block_id").agg(pl.col("events").sum())
    fault = "the block does not hold as many events as it says, or does not exist"
    return compared(page.blocks, held, ["block_id"], {"events": fault})


def _other_standing(totals: pl.DataFrame, standing: pl.DataFrame) -> pl.DataFrame:
    # The journal alone says what members have, and what became of differences.
    known = [int(Account.HELD), int(Account.FULFILLED)]
    accounts = totals.filter(pl.col("account").is_in(known))
    faults = {
        "delta": "the account is not the sum over the redemptions",
        "redemptions": "the account counts other redemptions than stand there",
    }
    return compared(accounts, standing, _KEY, faults)
