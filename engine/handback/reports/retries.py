"""What further attempts are worth."""

from __future__ import annotations

from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.lifecycle.table import Trigger
from handback.partners.codes import ReasonClass
from handback.reports import declaring as d
from handback.reports.columns import REDEMPTION, of_programme, partner_column, unit_column, words
from handback.reports.events import after_columns
from handback.reports.frames import summed
from handback.reports.reading import Reading
from handback.reports.report import Report
from handback.reports.stretches import EVENT, Stretch, stretches
from handback.store.bulk import fetch_frame

_OUTCOMES: Final = {
    "confirmed": (Trigger.CONFIRM,),
    "rejected": (Trigger.REJECT, Trigger.EXPIRE),
    "returned": (Trigger.RETURN,),
}
_KEY: Final = ("partner_id", "unit_id", "attempt", "after_class", "after_code")
_SUMMED: Final = tuple(f"{name}{part}" for name in _OUTCOMES for part in ("", "_quantity"))
_SUMS: Final = pl.Schema(
    {
        "partner_id": pl.Int64(),
        "unit_id": pl.Int64(),
        "attempt": pl.Int16(),
        "after_class": pl.Int16(),
        "after_code": pl.String(),
        **dict.fromkeys(_SUMMED, pl.Int64()),
    }
)


def rows(asked: Reading) -> d.Rows:
    """One frame with a row for each partner, unit, number of the attempt, and reason before it."""
    outcomes = (
        stretch.of(_counted(asked, stretch))
        for stretch in stretches(asked.tx, asked.from_at, asked.to_at)
    )
    sums = summed(outcomes, _SUMS, _KEY)
    answered = pl.col("confirmed") + pl.col("rejected")
    worded = sums.with_columns(
        partner_column(asked),
        unit_column(asked),
        words("after_class", ReasonClass),
        pl.when(answered > 0)
        .then((pl.col("confirmed") * d.MILLION / answered).round().cast(pl.Int64))
        .alias("success"),
        saved_quantity=pl.when(pl.col("attempt") > 1).then("confirmed_quantity").otherwise(0),
    )
    ordered = worded.sort("partner", "unit", "attempt", "after_class", "after_code")
    yield ordered.select(one.name for one in RETRIES.columns)


def _counted(asked: Reading, stretch: Stretch) -> pl.DataFrame:
    """The outcomes of a stretch by block, redemption's owner, attempt, and reason before it."""
    every = [trigger for triggers in _OUTCOMES.values() for trigger in triggers]
    after_class, after_code = after_columns(asked)
    each = (
        sa.select(
            EVENT.c.block_id,
            REDEMPTION.c.partner_id,
            REDEMPTION.c.unit_id,
            EVENT.c.attempt,
            EVENT.c.trigger,
            EVENT.c.quantity,
            after_class,
            after_code,
        )
        .join(REDEMPTION, REDEMPTION.c.redemption_id == EVENT.c.redemption_id)
        .where(stretch.within, EVENT.c.trigger.in_(every), of_programme(asked))
        .subquery("each")
    )
    kinds = [each.c[name] for name in ("block_id", *_KEY)]
    sums = []
    for name, triggers in _OUTCOMES.items():
        ours = each.c.trigger.in_(triggers)
        sums.append(sa.func.sum(sa.case((ours, 1), else_=0)).label(name))
        moved = sa.case((ours, each.c.quantity), else_=0)
        sums.append(sa.func.sum(moved).label(f"{name}_quantity"))
    return fetch_frame(asked.tx, sa.select(*kinds, *sums).group_by(*kinds))


def _drill(name: str) -> d.Drill:
    return d.Drill(
        (name, f"{name}_quantity"),
        "events",
        columns={
            "partner": "partner",
            "unit": "unit",
            "attempt": "attempt",
            "after_class": "after_class",
            "after_code": "after_code",
        },
        fixed={"trigger": ",".join(map(str, _OUTCOMES[name]))},
        kept=("from", "to", "zone"),
    )


RETRIES: Final = Report(
    name="retries",
    sentence="What became of first and further attempts, by the reason for trying once more.",
    parameters=(*d.PERIOD, d.PARTNER, d.UNIT),
    columns=(
        d.text("partner", "The partner that answers."),
        d.text("unit", "The unit of the quantities."),
        d.integer("attempt", "The number of the attempt, from 1.", total=False),
        d.text("after_class", "The class of the rejection before it; `none` for a first attempt."),
        d.text("after_code", "The code of that rejection."),
        *d.both("confirmed", "Confirmations of such attempts."),
        *d.both("rejected", "Rejections of such attempts, by silence too."),
        *d.both("returned", "Confirmations that came back whole."),
        d.share("success", "The part of confirmations among both."),
        d.quantity("saved_quantity", "What was confirmed because it was tried once more."),
    ),
    rows=rows,
    drills=tuple(map(_drill, _OUTCOMES)),
)
