"""A partner's answers to redemptions that know nothing of Handback, for the systems beside it.

They answer a file that is as plain as can be: `reference,code,quantity` under one line of names,
every record for another redemption, 7 % of them rejections, none of them doubtful.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from handback_server.bench.ground import Place

AWAITING, CONFIRMED, REJECTED = 2, 3, 4
REASONS: Final = ("E01", "E07", "E12")
_REJECTED_SHARE: Final = 0.07


@dataclass(frozen=True, slots=True)
class Job:
    """So many redemptions, numbered from 0, answered in `batch` or `random` order."""

    place: Place
    records: int
    order: str

    @property
    def file(self) -> Path:
        """The answers."""
        return self.place.folder / "answers.csv"


def quantity_of(number: int) -> int:
    """What the redemption with that number asks for."""
    return number % 9_000 + 500


def reference_of(number: int) -> str:
    """The reference it goes out under."""
    return f"HB{number:018}"


def write_file(job: Job) -> None:
    """Write the answers of a job."""
    chance = np.random.default_rng(1)
    numbers = np.arange(job.records)
    if job.order == "random":
        numbers = chance.permutation(job.records)
    rejected = pl.lit(pl.Series(chance.random(job.records) < _REJECTED_SHARE))
    reasons = pl.lit(pl.Series(chance.choice(REASONS, job.records)))
    number = pl.col("number")
    pl.DataFrame({"number": numbers}).select(
        reference=pl.format("HB{}", number.cast(pl.String).str.zfill(18)),
        code=pl.when(rejected).then(reasons).otherwise(pl.lit("OK")),
        quantity=number % 9_000 + 500,
    ).write_csv(job.file)
