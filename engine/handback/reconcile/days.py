"""The days that records name, as stretches of time on the partner's wall."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

import polars as pl

from handback.partners.agreement import Agreement
from handback.partners.calendar import midnight
from handback.store.bulk import INSTANT

_DAY: Final = timedelta(days=1)
# No redemption is of another time, and at the ends of the calendar no day has one beside it.
_FIRST, _LAST = date(1971, 1, 1), date(9998, 1, 1)

_BOUNDS: Final = pl.Schema(
    {
        "day": pl.Date(),
        "day_from": INSTANT,
        "day_before": INSTANT,
        "batch_since": INSTANT,
    }
)


def with_days(
    records: pl.DataFrame, agreement: Agreement, received_at: datetime | None
) -> pl.DataFrame:
    """The records (columns of DETAIL) with what the parts `date` and `window` compare.

    The day that a record names begins at `day_from` and ends before `day_before`. For a window its
    batch has been made since `batch_since` and its redemption was there before `born_before`; a
    record without a day is then taken for one of the day on which the file came.
    """
    zone, window = agreement.time_zone, timedelta(days=agreement.handback.match_days)
    came_on = agreement.calendar.date_of(received_at) if received_at else None
    named = records.with_columns(
        day=pl.coalesce("answered_on", pl.lit(came_on, pl.Date)),
    )
    days = named["day"].drop_nulls().unique()
    rows = [
        (day, *(midnight(one, zone) for one in (day, day + _DAY, max(day - window, _FIRST))))
        for day in days
        if _FIRST <= day <= _LAST
    ]
    bounds = pl.DataFrame(rows, schema=_BOUNDS, orient="row")
    told = named.join(bounds, on="day", how="left", maintain_order="left")
    of_day = pl.col("answered_on").is_not_null()
    return told.with_columns(
        born_before=pl.col("day_before"),
        day_from=pl.when(of_day).then("day_from"),
        day_before=pl.when(of_day).then("day_before"),
    ).drop("day")
