"""Run continuity: what every account held before a file, what the file moved, and what after.

The blocks of a file stand among those of others, so the stretch from right before its first block
to its last one is told, and what others moved within it apart: opening + came - left + others =
closing, for each account, in count of redemptions and in quantity. What came and left is added up
from the file's events, opening and closing from the ledger, the others from the totals of their
blocks: three sources, which agree or something is broken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.ledger.accounts import Tally
from handback.ledger.snapshots import BLOCK, TOTAL, moved, newest, postings, summed
from handback.lifecycle import relation
from handback.lifecycle.table import STANDS, Account
from handback.store.bulk import fetch_frame, table_of
from handback.store.tables import Event, HandbackFile, Redemption, RunChunk, Unit

CHUNK, EVENT, FILE = table_of(RunChunk), table_of(Event), table_of(HandbackFile)
REDEMPTION, UNIT = table_of(Redemption), table_of(Unit)

_KEY: Final = ("unit_id", "account")
_STANDS: Final = {int(state): int(account) for state, account in STANDS.items()}


@dataclass(frozen=True, slots=True)
class Movement:
    """One account of the file's partner in one unit: opening + came - left + others = closing."""

    unit: str
    account: Account
    opening: Tally
    came: Tally
    left: Tally
    others: Tally
    closing: Tally

    @property
    def holds(self) -> bool:
        """Whether the equation does, in count and in quantity."""
        return self.closing == Tally(self._ended("count"), self._ended("quantity"))

    def _ended(self, name: str) -> int:
        opening, came, left, others = (
            int(getattr(part, name)) for part in (self.opening, self.came, self.left, self.others)
        )
        return opening + came - left + others


@dataclass(frozen=True, slots=True)
class Continuity:
    """The accounts around a file's blocks: those after one position, up to another."""

    after_position: int
    until_position: int
    movements: Sequence[Movement]


def continuity(tx: sa.Connection, file_id: int) -> Continuity | None:
    """How a file's blocks join what was before to what came after.

    None for a file that moved nothing, or whose blocks have no position yet.
    """
    blocks = (
        sa.select(
            sa.func.min(BLOCK.c.position).label("first"),
            sa.func.max(BLOCK.c.position).label("last"),
            (sa.func.count() - sa.func.count(BLOCK.c.position)).label("unplaced"),
        )
        .join(CHUNK, CHUNK.c.block_id == BLOCK.c.block_id)
        .where(CHUNK.c.file_id == file_id)
    )
    found = tx.execute(blocks).one()
    if found.first is None or found.unplaced:
        return None
    after, until = found.first - 1, found.last
    partner_id: int = tx.scalars(
        sa.select(FILE.c.partner_id).where(FILE.c.file_id == file_id)
    ).one()
    sides = {
        "opening": _balances(tx, after, partner_id),
        "closing": _balances(tx, until, partner_id),
        "others": _others(tx, file_id, after, until, partner_id),
        **_moved_by(tx, file_id),
    }
    return Continuity(after, until, _movements(tx, sides))


def _movements(tx: sa.Connection, sides: dict[str, pl.DataFrame]) -> list[Movement]:
    told = pl.DataFrame(schema=dict.fromkeys(_KEY, pl.Int64))
    for name, side in sides.items():
        counted = side.select(
            *(pl.col(one).cast(pl.Int64) for one in _KEY),
            pl.struct(count="redemptions", quantity="quantity").alias(name),
        )
        told = told.join(counted, on=_KEY, how="full", coalesce=True)
    units = {row.unit_id: row.name for row in tx.execute(sa.select(UNIT))}
    nothing = {"count": 0, "quantity": 0}
    return [
        Movement(
            unit=units[row["unit_id"]],
            account=Account(row["account"]),
            **{name: Tally(**(row[name] or nothing)) for name in sides},
        )
        for row in told.sort(_KEY).iter_rows(named=True)
    ]


def _balances(tx: sa.Connection, position: int, partner_id: int) -> pl.DataFrame:
    posted = postings(tx, newest(tx, position), position)
    return fetch_frame(tx, summed(posted, _KEY, partner_id=partner_id))


def _others(
    tx: sa.Connection, file_id: int, after: int, until: int, partner_id: int
) -> pl.DataFrame:
    """What blocks of the stretch moved that are not the file's."""
    ours = sa.exists().where(CHUNK.c.file_id == file_id, CHUNK.c.block_id == TOTAL.c.block_id)
    others = moved(tx, after, until).where(~ours, TOTAL.c.partner_id == partner_id)
    return fetch_frame(tx, summed(others, _KEY))


def _moved_by(tx: sa.Connection, file_id: int) -> dict[str, pl.DataFrame]:
    """What the events of the file's blocks brought to each account, and what they took from it."""
    kinds = (REDEMPTION.c.unit_id, EVENT.c.trigger, EVENT.c.from_state, EVENT.c.to_state)
    counted = (
        sa.select(
            *kinds,
            sa.func.count().label("events"),
            sa.func.sum(EVENT.c.quantity).label("quantity"),
        )
        .join(CHUNK, CHUNK.c.block_id == EVENT.c.block_id)
        .join(REDEMPTION, REDEMPTION.c.redemption_id == EVENT.c.redemption_id)
        .where(CHUNK.c.file_id == file_id)
        .group_by(*kinds)
    )
    steps = relation.recorded(fetch_frame(tx, counted)).filter(pl.col("debit") != 0)
    stood, stands = (pl.col(name).replace_strict(_STANDS) for name in ("from_state", "to_state"))
    # Who stays where it stood neither comes nor leaves.
    steps = steps.with_columns(
        stood=stood, stands=stands, crossing=pl.when(stood != stands).then("events").otherwise(0)
    )
    return {
        "came": _legs(steps, "credit", "stands"),
        "left": _legs(steps, "debit", "stood"),
    }


def _legs(steps: pl.DataFrame, posted: str, standing: str) -> pl.DataFrame:
    nothing = pl.lit(0, pl.Int64)
    count = pl.col("crossing").cast(pl.Int64)
    return (
        pl.concat(
            [
                steps.select(
                    "unit_id",
                    account=pl.col(posted).cast(pl.Int64),
                    quantity="quantity",
                    redemptions=nothing,
                ),
                steps.select(
                    "unit_id",
                    account=pl.col(standing).cast(pl.Int64),
                    quantity=nothing,
                    redemptions=count,
                ),
            ]
        )
        .group_by(_KEY)
        .agg(pl.col("quantity", "redemptions").sum())
    )
