"""A partner's answers to redemptions that know nothing of Handback, for the systems beside it.

They answer a file that is as plain as can be: `reference,code,quantity` under one line of names,
every record for another redemption, 7 % of them rejections, none of them doubtful. All codes have
four characters.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import sqlalchemy as sa

from handback_server.bench.ground import Place, settle

OK: Final = "0000"
_REASONS: Final = ("0102", "0201", "0301")
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


# Numbers, references and quantities of the redemptions, as each store spells them.
_NUMBERS: Final = {
    "sqlite": "(with recursive n (i) as (select 0 union all select i + 1 from n where i < {last})"
    " select i from n) as n",
    "postgres": "generate_series(0, {last}) as n (i)",
}
_REFERENCE: Final = {
    "sqlite": "printf('HB%018d', i)",
    "postgres": "'HB' || lpad(cast(i as text), 18, '0')",
}
_QUANTITY: Final = "i % 9000 + 500"


def fill(job: Job, insert: str) -> None:
    """Insert the redemptions of a job and settle.

    `insert` is an `insert … select … from {numbers}` that may speak of `{reference}`, `{member}`,
    `{quantity}` and the number `i`.
    """
    place = job.place
    statement = insert.format(
        numbers=_NUMBERS[place.store].format(last=job.records - 1),
        reference=_REFERENCE[place.store],
        member="'M' || (i % 250000)",
        quantity=_QUANTITY,
    )
    engine = sa.create_engine(place.sqlalchemy_url)
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()
    settle(place)


def write_file(job: Job) -> None:
    """Write the answers of a job."""
    chance = np.random.default_rng(1)
    numbers = np.arange(job.records)
    if job.order == "random":
        numbers = chance.permutation(job.records)
    rejected = pl.lit(pl.Series(chance.random(job.records) < _REJECTED_SHARE))
    reasons = pl.lit(pl.Series(chance.choice(_REASONS, job.records)))
    number = pl.col("number")
    pl.DataFrame({"number": numbers}).select(
        reference=pl.format("HB{}", number.cast(pl.String).str.zfill(18)),
        code=pl.when(rejected).then(reasons).otherwise(pl.lit(OK)),
        quantity=number % 9_000 + 500,
    ).write_csv(job.file)
