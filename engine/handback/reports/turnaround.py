"""How long partners take to answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.lifecycle.table import Trigger
from handback.partners.calendar import Calendar
from handback.payouts.outcomes import OF_ATTEMPT
from handback.reports import declaring as d
from handback.reports.columns import partner_column
from handback.reports.events import ATTEMPT, BATCH
from handback.reports.frames import summed
from handback.reports.reading import Reading
from handback.reports.report import Report
from handback.reports.stretches import EVENT, Stretch, stretches
from handback.store.bulk import fetch_frame

# Final answers that a record of a file gave; what silence or a person decides is none.
_FINAL: Final = (Trigger.CONFIRM, Trigger.REJECT)
_QUANTILES: Final = {"median": 500, "p90": 900, "p99": 990, "max": 1_000}
_KEY: Final = ("partner_id", "took_s", "took_days")
_COUNTED: Final = pl.Schema({**dict.fromkeys(_KEY, pl.Int64()), "count": pl.Int64()})


def rows(asked: Reading) -> d.Rows:
    """One frame with a row for each partner that answered."""
    answers = (
        _timed(asked, stretch.of(_answers(asked, stretch)))
        for stretch in stretches(asked.tx, asked.from_at, asked.to_at)
    )
    counted = summed(answers, _COUNTED, _KEY)
    answered = counted.group_by("partner_id").agg(pl.col("count").sum().alias("answers"))
    for unit in ("took_s", "took_days"):
        answered = answered.join(_quantiles(counted, unit), on="partner_id", how="left")
    ordered = answered.with_columns(partner_column(asked)).sort("partner")
    yield ordered.select(one.name for one in TURNAROUND.columns)


def _answers(asked: Reading, stretch: Stretch) -> pl.DataFrame:
    """How many attempts of a batch each block of a stretch answered for good."""
    kinds = (EVENT.c.block_id, ATTEMPT.c.batch_id, ATTEMPT.c.partner_id)
    select = (
        sa.select(*kinds, sa.func.count().label("count"))
        .join(ATTEMPT, OF_ATTEMPT)
        .where(stretch.within, EVENT.c.trigger.in_(_FINAL), EVENT.c.file_id.is_not(None))
        .where(ATTEMPT.c.partner_id.in_(asked.partner_ids))
        .group_by(*kinds)
    )
    return fetch_frame(asked.tx, select)


def _timed(asked: Reading, answers: pl.DataFrame) -> pl.DataFrame:
    """Those answers with the seconds and the partner's business days since their batch left."""
    ids = answers["batch_id"].unique().to_list()
    left = sa.select(BATCH.c.batch_id, BATCH.c.dispatched_at).where(BATCH.c.batch_id.in_(ids))
    timed = answers.join(fetch_frame(asked.tx, left), on="batch_id", how="left").with_columns(
        # An answer may be committed before our own note that the batch has left.
        dispatched_at=pl.min_horizontal("dispatched_at", "committed_at")
    )
    took = (pl.col("committed_at") - pl.col("dispatched_at")).dt.total_seconds()
    parts = [
        part.with_columns(took_s=took, took_days=_days(asked, part))
        for part in timed.partition_by("partner_id", include_key=True)
    ]
    return pl.concat(parts) if parts else timed.with_columns(took_s=took, took_days=took)


def _days(asked: Reading, answers: pl.DataFrame) -> pl.Series:
    """The business days between leaving and answer, in the zone and calendar of one partner."""
    calendar = asked.calendar(answers["partner_id"][0])
    local = (
        pl.col(name).dt.convert_time_zone(calendar.zone.key).dt.date()
        for name in ("dispatched_at", "committed_at")
    )
    days = answers.select(*local)
    known = {pair: business_days_between(calendar, *pair) for pair in days.unique().iter_rows()}
    return pl.Series([known[pair] for pair in days.iter_rows()], dtype=pl.Int64)


def business_days_between(calendar: Calendar, left_on: date, answered_on: date) -> int:
    """How many business days come after one day, up to and with another."""
    return sum(map(calendar.is_business_day, _days_after(left_on, answered_on)))


def _days_after(day: date, last: date) -> Iterator[date]:
    while day < last:
        day += timedelta(days=1)
        yield day


def _quantiles(counted: pl.DataFrame, unit: str) -> pl.DataFrame:
    """By partner the least time in which so many thousandths of its answers had come."""
    ordered = counted.sort("partner_id", unit).with_columns(
        reached=pl.col("count").cum_sum().over("partner_id") * 1_000,
        answers=pl.col("count").sum().over("partner_id"),
    )
    return ordered.group_by("partner_id").agg(
        pl.col(unit)
        .filter(pl.col("reached") >= pl.col("answers") * parts)
        .min()
        .alias(f"{name}{unit.removeprefix('took')}")
        for name, parts in _QUANTILES.items()
    )


TURNAROUND: Final = Report(
    name="turnaround",
    sentence="How long partners take from the dispatch of a batch to the final answer.",
    parameters=(*d.PERIOD, d.PARTNER),
    columns=(
        d.text("partner", "The partner that answers."),
        d.integer("answers", "So many attempts were answered for good by a record of a file."),
        *(
            d.duration(f"{name}_s", f"{said} took that long or less.")
            for name, said in (
                ("median", "Half of them"),
                ("p90", "Nine in ten of them"),
                ("p99", "99 in 100 of them"),
                ("max", "All of them"),
            )
        ),
        *(
            d.integer(
                f"{name}_days", f"The same in the partner's business days ({name}).", total=False
            )
            for name in _QUANTILES
        ),
    ),
    rows=rows,
    drills=(
        d.Drill(
            ("answers",),
            "events",
            columns={"partner": "partner"},
            fixed={"trigger": ",".join(map(str, _FINAL)), "source": "record"},
            kept=("from", "to", "zone"),
        ),
    ),
)
