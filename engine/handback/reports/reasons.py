"""What partners answer and why, over time.

An answer counts where it moved something. A doubtful one became a break alone: it may be about no
redemption of ours, and so without a unit, or about an attempt whose answer was counted already.
"""

from __future__ import annotations

from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.partners.codes import ReasonClass
from handback.reports import declaring as d
from handback.reports.buckets import BUCKET_COLUMNS, BY, bucketed, with_ends
from handback.reports.columns import (
    ANSWERS,
    REDEMPTION,
    of_programme,
    partner_column,
    reason_columns,
    unit_column,
    words,
)
from handback.reports.frames import summed
from handback.reports.reading import Reading
from handback.reports.report import Report
from handback.reports.stretches import EVENT, Stretch, stretches
from handback.store.bulk import fetch_frame

_WHOSE: Final = ("partner_id", "unit_id")
_KEY: Final = ("period", *_WHOSE, "reason_class", "reason_code")
_SUMS: Final = pl.Schema(
    {
        "period": pl.Date(),
        **dict.fromkeys(_WHOSE, pl.Int64()),
        "reason_class": pl.Int16(),
        "reason_code": pl.String(),
        "count": pl.Int64(),
        "quantity": pl.Int64(),
    }
)


def rows(asked: Reading) -> d.Rows:
    """One frame: as many rows as there are reasons, however many answers."""
    answers = (
        bucketed(asked, stretch.of(_counted(asked, stretch)))
        for stretch in stretches(asked.tx, asked.from_at, asked.to_at)
    )
    sums = summed(answers, _SUMS, _KEY)
    whole = pl.col("count").sum().over("period", *_WHOSE)
    shared = sums.with_columns(
        (pl.col("count") * d.MILLION / whole).round().cast(pl.Int64).alias("share"),
        partner_column(asked),
        unit_column(asked),
    )
    by = ["period", "partner", "unit", "count", "reason_class", "reason_code"]
    ordered = shared.sort(by, descending=[name == "count" for name in by])
    worded = ordered.with_columns(words("reason_class", ReasonClass))
    yield with_ends(asked, worded).select(one.name for one in REASONS.columns)


def _counted(asked: Reading, stretch: Stretch) -> pl.DataFrame:
    """The answers of a stretch by block, redemption's owner, class and code."""
    kinds = (
        EVENT.c.block_id,
        *(REDEMPTION.c[name] for name in _WHOSE),
        *reason_columns(asked),
    )
    select = (
        sa.select(
            *kinds,
            sa.func.count().label("count"),
            sa.func.sum(EVENT.c.quantity).label("quantity"),
        )
        .join(REDEMPTION, REDEMPTION.c.redemption_id == EVENT.c.redemption_id)
        .where(stretch.within, EVENT.c.trigger.in_(ANSWERS), of_programme(asked))
        .group_by(*kinds)
    )
    return fetch_frame(asked.tx, select)


REASONS: Final = Report(
    name="reasons",
    sentence="What partners answer and why: how often and how much, by class and code, over time.",
    parameters=(*d.PERIOD, BY, d.PARTNER, d.UNIT),
    columns=(
        *BUCKET_COLUMNS,
        d.text("partner", "The partner that answers."),
        d.text("unit", "The unit of the quantities."),
        d.text("reason_class", "What the code means."),
        d.text("reason_code", "The partner's code; empty where it gave none."),
        d.integer(
            "count",
            "So many answers that moved something. Those that became a break alone do not count:"
            " `open_breaks` shows them by class and code, `runs` how many a file had.",
        ),
        d.quantity("quantity", "How much they are about."),
        d.share("share", "Their part of the partner's answers in that unit and time."),
    ),
    rows=rows,
    drills=(
        d.Drill(
            ("count", "quantity"),
            "events",
            columns={
                "partner": "partner",
                "unit": "unit",
                "class": "reason_class",
                "code": "reason_code",
                "from": "from_at",
                "to": "to_at",
            },
            fixed={"trigger": ",".join(map(str, ANSWERS))},
            kept=("zone",),
        ),
    ),
)
