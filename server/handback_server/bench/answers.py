"""The hand-back files of the benchmarks: what the partner of `partner.toml` answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

REJECTED_SHARE: Final = 0.07
# Their classes say what follows, a failure or another attempt, so none of them opens a break.
REJECTING: Final = ("0201", "0301", "0401")
_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Mix:
    """How many records of a file are what: the rest confirms."""

    records: int

    @property
    def repeats(self) -> int:
        """Records that say again what another one says."""
        return self.records // 100

    @property
    def redemptions(self) -> int:
        """Redemptions that are answered."""
        return self.records - self.repeats


def sent(exchange: Path) -> pl.DataFrame:
    """The details of all payout files in their order: reference, member_ref, quantity."""
    frames = [
        pl.read_csv(
            path,
            has_header=False,
            new_columns=["kind", "reference", "member_ref", "surname", "quantity"],
            schema_overrides=[pl.String] * 5,
            truncate_ragged_lines=True,
        ).filter(pl.col("kind") == "D")
        for path in sorted((exchange / "outbound").glob("*.csv"))
    ]
    details = pl.concat(frames)
    return details.select("reference", "member_ref", pl.col("quantity").cast(pl.Int64))


def answered(details: pl.DataFrame, mix: Mix, order: str) -> pl.DataFrame:
    """The records of a hand-back file: 7 % rejects, 1 % other quantities, 1 % repeats."""
    chance = np.random.default_rng(_SEED)
    count = len(details)
    rejected = pl.lit(pl.Series(chance.random(count) < REJECTED_SHARE))
    codes = pl.lit(pl.Series(chance.choice(REJECTING, count)))
    differs = pl.lit(pl.Series(chance.random(count) < 0.01))
    records = details.with_columns(
        place=pl.int_range(pl.len()).cast(pl.Float64),
        code=pl.when(rejected).then(codes).otherwise(pl.lit("0000")),
        quantity=pl.col("quantity") + differs.cast(pl.Int64),
    )
    again = records.sample(mix.repeats, seed=_SEED).with_columns(pl.col("place") + 0.5)
    every = pl.concat([records, again])
    if order == "random":
        every = every.with_columns(place=pl.lit(pl.Series(chance.permutation(len(every)))))
    return every.sort("place").drop("place")


def write_answers(records: pl.DataFrame, target: Path, sequence: int = 1) -> None:
    """Write a hand-back file in the layout of `partner.toml`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    lines = records.select(
        pl.format("D,{},{},{},{},P1", "reference", "member_ref", "quantity", "code")
    )
    with target.open("wb") as file:
        file.write(f"H,bench,{sequence}\n".encode())
        lines.write_csv(file, include_header=False, quote_style="never")
        file.write(f"T,{len(records)},{records['quantity'].sum()}\n".encode())
