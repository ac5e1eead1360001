"""What a law of the journal is, and how a breach of it is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import polars as pl
import sqlalchemy as sa

from handback.ids import Prefix, public_id
from handback.verify.walk import Page


@dataclass(frozen=True, slots=True)
class Broken:
    """One breach of a law: what is wrong, and where, by the ids of what is concerned."""

    law: int
    what: str
    where: Mapping[str, str]


class Law:
    """Reads the pages of the walk, then whatever else it needs of the same transaction.

    `checked` counts what it has looked at, in `unit`s.
    """

    number: ClassVar[int]
    text: ClassVar[str]
    unit: ClassVar[str]

    def __init__(self) -> None:
        self.checked = 0

    def read(self, page: Page) -> Iterator[Broken]:
        """Breaches within a page of the walk."""
        return iter(())

    def close(self, tx: sa.Connection) -> Iterator[Broken]:
        """Breaches that show once every page was read, or in other tables."""
        return iter(())


_PREFIXES = {
    "redemption_id": Prefix.REDEMPTION,
    "batch_id": Prefix.PAYOUT_BATCH,
    "file_id": Prefix.HANDBACK_FILE,
    "break_id": Prefix.BREAK,
    "block_id": Prefix.BLOCK,
}


def breaches(law: int, found: pl.DataFrame, *where: str) -> Iterator[Broken]:
    """One breach per row of a frame whose column `fault` says what is wrong, null for nothing."""
    faulty = found.filter(pl.col("fault").is_not_null())
    for row in faulty.select("fault", *where).iter_rows(named=True):
        what = row.pop("fault")
        yield Broken(law, what, {_plain(name): _named(name, row[name]) for name in row})


def first_fault(*faults: tuple[pl.Expr, str]) -> pl.Expr:
    """The column `fault`: the text of the first condition that holds, null where none does."""
    texts = [pl.when(condition).then(pl.lit(text)) for condition, text in faults]
    return pl.coalesce(*texts).alias("fault")


def compared(
    stored: pl.DataFrame, counted: pl.DataFrame, key: Sequence[str], faults: Mapping[str, str]
) -> pl.DataFrame:
    """Both sides by key, once for each value that `faults` names; what is missing is taken as 0.

    The columns are the key, `stored`, `counted`, and `fault` where these are not equal.
    """
    both = stored.join(counted, on=key, how="full", coalesce=True, suffix="_counted").sort(key)
    other = pl.col("stored") != pl.col("counted")
    told = (
        both.select(
            *key,
            stored=pl.col(name).fill_null(0).cast(pl.Int64),
            counted=pl.col(f"{name}_counted").fill_null(0).cast(pl.Int64),
        ).with_columns(first_fault((other, fault)))
        for name, fault in faults.items()
    )
    return pl.concat(told)


def _plain(name: str) -> str:
    return name.removesuffix("_id") if name in _PREFIXES else name


def _named(name: str, value: object) -> str:
    prefix = _PREFIXES.get(name)
    if prefix is None or not isinstance(value, int) or value < 0:
        return str(value)
    return public_id(prefix, value)
