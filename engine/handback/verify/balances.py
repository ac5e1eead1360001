"""Law 7: what balances are read from."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import sqlalchemy as sa

from handback.ledger.snapshots import ACCOUNT, SNAPSHOT, moved
from handback.lifecycle.table import Account
from handback.store.bulk import fetch_frame
from handback.verify.law import Broken, Law, breaches, first_fault


class Balances(Law):
    """Law 7."""

    number = 7
    text = "Every balance kept at a position is the sum of what the blocks up to it moved."
    unit = "kept balances"

    def close(self, tx: sa.Connection) -> Iterator[Broken]:
        """Adds the totals of the blocks up once more, from each kept position to the next."""
        kept = sa.select(SNAPSHOT.c.position).distinct().order_by(SNAPSHOT.c.position)
        counted = _moved(tx, 0, 0)
        before = 0
        for position in tx.scalars(kept).all():
            counted = (
                pl.concat([counted, _moved(tx, before, position)])
                .group_by(ACCOUNT)
                .agg(pl.col("quantity").sum())
            )
            stored = fetch_frame(tx, sa.select(SNAPSHOT).where(SNAPSHOT.c.position == position))
            self.checked += len(stored)
            torn = _compared(stored.drop("position"), counted)
            told = torn.with_columns(
                pl.col("account").replace_strict(_NAMES, return_dtype=pl.String),
                position=pl.lit(position),
            )
            yield from breaches(self.number, told, "position", *ACCOUNT, "stored", "counted")
            before = position


_NAMES = {int(account): str(account) for account in Account}


def _moved(tx: sa.Connection, after: int, until: int) -> pl.DataFrame:
    """What the blocks after one position and up to another moved on each account."""
    posted = moved(tx, after, until).subquery("posted")
    whose = [posted.c[name] for name in ACCOUNT]
    total = sa.func.sum(posted.c.quantity).label("quantity")
    return fetch_frame(tx, sa.select(*whose, total).group_by(*whose))


def _compared(stored: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    both = stored.rename({"quantity": "stored"}).join(
        counted.rename({"quantity": "counted"}), on=ACCOUNT, how="full", coalesce=True
    )
    fault = "the kept balance is not what the blocks up to its position add up to"
    other = pl.col("stored").ne_missing(pl.col("counted"))
    return both.sort(ACCOUNT).with_columns(first_fault((other, fault)))
