"""Law 7: what balances are read from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.ledger.instants import MILESTONE, latest
from handback.ledger.periods import PERIOD, PERIOD_BALANCE
from handback.ledger.snapshots import ACCOUNT, KEPT, SNAPSHOT, moved, summed
from handback.lifecycle.table import Account
from handback.store.bulk import fetch_frame
from handback.verify.law import Broken, Law, breaches, compared

_FAULTS: Final = {
    "quantity": "the kept balance is not what the blocks up to its position add up to",
    "redemptions": "the kept count is not what the blocks up to its position add up to",
}


class Balances(Law):
    """Law 7."""

    number = 7
    text = (
        "Every balance kept at a position, or frozen with a period, is the sum of what the blocks "
        "up to it moved; periods follow one another."
    )
    unit = "kept balances"

    def close(self, tx: sa.Connection) -> Iterator[Broken]:
        """Adds the totals of the blocks up once more, from each kept position to the next."""
        yield from self._late(tx)
        yield from self._out_of_order(tx)
        kept = _positions(tx, SNAPSHOT) | _positions(tx, MILESTONE)
        closed = _positions(tx, PERIOD)
        counted, before = _moved(tx, 0, 0), 0
        for position in sorted(kept | closed):
            counted = (
                pl.concat([counted, _moved(tx, before, position)])
                .group_by(ACCOUNT)
                .agg(pl.col(KEPT).sum())
            )
            if position in kept:
                stored = fetch_frame(tx, sa.select(SNAPSHOT).where(SNAPSHOT.c.position == position))
                yield from self._told(stored.drop("position"), counted, position)
            if position in closed:
                yield from self._periods(tx, position, counted)
            before = position

    def _periods(self, tx: sa.Connection, position: int, counted: pl.DataFrame) -> Iterator[Broken]:
        """What programmes froze at a position."""
        closed = sa.select(PERIOD.c.programme_id, PERIOD.c.number)
        for programme_id, number in tx.execute(closed.where(PERIOD.c.position == position)).all():
            frozen = (PERIOD_BALANCE.c.programme_id == programme_id) & (
                PERIOD_BALANCE.c.number == number
            )
            stored = fetch_frame(tx, sa.select(PERIOD_BALANCE).where(frozen)).drop("number")
            ours = counted.filter(pl.col("programme_id") == programme_id)
            yield from self._told(stored, ours, position)

    def _told(self, stored: pl.DataFrame, counted: pl.DataFrame, position: int) -> Iterator[Broken]:
        self.checked += len(stored)
        torn = compared(stored, counted, ACCOUNT, _FAULTS).with_columns(
            pl.col("account").replace_strict(_NAMES, return_dtype=pl.String),
            position=pl.lit(position),
        )
        yield from breaches(self.number, torn, "position", *ACCOUNT, "stored", "counted")

    def _late(self, tx: sa.Connection) -> Iterator[Broken]:
        """Milestones that are not the latest instant up to where they stand."""
        before, reached = 0, None
        for milestone in tx.execute(sa.select(MILESTONE).order_by(MILESTONE.c.position)).all():
            found = latest(tx, before, milestone.position)
            reached = max((one for one in (reached, found) if one is not None), default=None)
            if milestone.latest_at != reached:
                what = "the milestone is not the latest instant of the blocks up to it"
                yield Broken(self.number, what, {"position": str(milestone.position)})
            before = milestone.position

    def _out_of_order(self, tx: sa.Connection) -> Iterator[Broken]:
        """Periods that do not follow the one before."""
        numbers: dict[int, tuple[int, int]] = {}
        ordered = sa.select(PERIOD).order_by(PERIOD.c.programme_id, PERIOD.c.number)
        for period in tx.execute(ordered):
            number, position = numbers.get(period.programme_id, (0, 0))
            if period.number != number + 1 or period.position < position:
                what = "the period does not follow the one before"
                where = {"programme_id": str(period.programme_id), "period": period.name}
                yield Broken(self.number, what, where)
            numbers[period.programme_id] = (period.number, period.position)


def _positions(tx: sa.Connection, table: sa.Table) -> set[int]:
    return set(tx.scalars(sa.select(table.c.position).distinct()))


_NAMES = {int(account): str(account) for account in Account}


def _moved(tx: sa.Connection, after: int, until: int) -> pl.DataFrame:
    """What the blocks after one position and up to another moved on each account."""
    return fetch_frame(tx, summed(moved(tx, after, until)))
