"""Days, weeks and months on the wall of a time zone, as the periods that figures are counted by."""

from __future__ import annotations

from typing import Final

import polars as pl

from handback.partners.calendar import midnight
from handback.reports import declaring as d
from handback.reports.reading import Reading

_STEP: Final = {"day": "1d", "week": "1w", "month": "1mo"}

BY: Final = d.Parameter(
    "by",
    d.ParameterKind.TEXT,
    "How long the stretches of time are that figures are counted by; weeks begin on Mondays.",
    default="day",
    choices=tuple(_STEP),
)
BUCKET_COLUMNS: Final = (
    d.day("period", "The first day of the stretch of time."),
    d.instant("from_at", "When it began, within what was asked for."),
    d.instant("to_at", "When it was over, within what was asked for."),
)


def bucketed(asked: Reading, rows: pl.DataFrame, at: str = "committed_at") -> pl.DataFrame:
    """The rows with the day `period` on which the stretch of time of an instant of theirs began."""
    step = _STEP[asked.text("by") or "day"]
    local = pl.col(at).dt.convert_time_zone(asked.zone.key).dt.date()
    return rows.with_columns(period=local.dt.truncate(step))


def with_ends(asked: Reading, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows (by `period`) with the instants between which it lies, cut to what was asked for."""
    step = _STEP[asked.text("by") or "day"]
    days = rows.select(pl.col("period").unique()).with_columns(
        end=pl.col("period").dt.offset_by(step)
    )
    ends = days.select(
        "period",
        from_at=pl.Series([midnight(day, asked.zone) for day in days["period"]], dtype=_INSTANT),
        to_at=pl.Series([midnight(day, asked.zone) for day in days["end"]], dtype=_INSTANT),
    )
    within = ends.with_columns(
        pl.max_horizontal("from_at", pl.lit(asked.from_at, _INSTANT)),
        pl.min_horizontal("to_at", pl.lit(asked.to_at, _INSTANT)),
    )
    return rows.join(within, on="period", how="left", maintain_order="left")


_INSTANT: Final = d.FRAME_TYPE[d.ColumnKind.INSTANT]
