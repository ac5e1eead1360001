"""Payout batches: what was sent is confirmed, rejected, pending or the remainder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback.ids import Prefix
from handback.payouts.outcomes import OUTCOMES, left_out_column, outcome_column
from handback.payouts.states import BatchState
from handback.reports import declaring as d
from handback.reports.columns import REDEMPTION, partner_column, unit_column, words
from handback.reports.events import ATTEMPT, BATCH, attempts_of
from handback.reports.frames import pages, summed
from handback.reports.reading import Reading
from handback.reports.report import Report
from handback.store.bulk import fetch_frame

_PAGE: Final = 500
_SUMS: Final = pl.Schema(
    {"outcome": pl.String(), "count": pl.Int64(), "quantity": pl.Int64(), "left_out": pl.Int64()}
)


def rows(asked: Reading) -> d.Rows:
    """Batches, oldest first, some hundred at a time."""
    for page in _pages(asked):
        sums = pl.DataFrame([_sums(asked, batch_id) for batch_id in page["batch_id"]])
        late = (pl.lit(asked.now) - pl.col("deadline_at")).dt.total_seconds()
        joined = pl.concat([page, sums], how="horizontal").with_columns(
            partner_column(asked),
            unit_column(asked),
            words("state", BatchState),
            overdue_s=pl.when((pl.col("pending") > 0) & (late > 0)).then(late),
        )
        yield joined.select(one.name for one in BATCHES.columns)


def _pages(asked: Reading) -> Iterator[pl.DataFrame]:
    """The batches that were asked for; there are as many as files were sent."""
    names = ("batch_id", "partner_id", "unit_id", "sequence", "state", "file_name", "sealed_at")
    selected = sa.select(
        *(BATCH.c[name] for name in names), BATCH.c.dispatched_at, BATCH.c.deadline_at
    ).where(*_conditions(asked))
    return pages(asked.tx, selected, BATCH.c.batch_id, _PAGE)


def _conditions(asked: Reading) -> Iterator[sa.ColumnElement[bool]]:
    yield BATCH.c.partner_id.in_(asked.partner_ids)
    yield (BATCH.c.sealed_at >= asked.from_at) & (BATCH.c.sealed_at < asked.to_at)
    if asked.unit_id is not None:
        yield BATCH.c.unit_id == asked.unit_id
    if (batch_id := asked.number("batch")) is not None:
        yield BATCH.c.batch_id == batch_id
    if asked.text("only") == "unsettled":
        yield BATCH.c.settled_at.is_(None)


def _sums(asked: Reading, batch_id: int) -> dict[str, int]:
    """What became of a batch: count and quantity of every outcome, and of all that was sent."""
    counted = (_counted(asked, some) for some in attempts_of(asked.tx, batch_id))
    sums = summed(counted, _SUMS, ["outcome"])
    by_outcome = {row["outcome"]: row for row in sums.iter_rows(named=True)}
    nothing = {"count": 0, "quantity": 0, "left_out": 0}
    amounts = {"sent": int(sums["count"].sum()), "sent_quantity": int(sums["quantity"].sum())}
    for outcome in OUTCOMES:
        row = by_outcome.get(outcome, nothing)
        amounts[outcome] = row["count"]
        amounts[f"{outcome}_quantity"] = row["quantity"] - row["left_out"]
    amounts["remainder_quantity"] += int(sums["left_out"].sum())
    return amounts


def _counted(asked: Reading, some: sa.ColumnElement[bool]) -> pl.DataFrame:
    each = _each(some).subquery("each")
    totals = (sa.func.sum(each.c[name]).label(name) for name in ("quantity", "left_out"))
    select = sa.select(each.c.outcome, sa.func.count().label("count"), *totals)
    return fetch_frame(asked.tx, select.group_by(each.c.outcome))


def _each(some: sa.ColumnElement[bool]) -> sa.Select[Any]:
    names = ("batch_id", "ordinal", "redemption_id", "attempt", "quantity")
    return (
        sa.select(*(ATTEMPT.c[name] for name in names), outcome_column(), left_out_column())
        .join(BATCH, BATCH.c.batch_id == ATTEMPT.c.batch_id)
        .where(some)
    )


def attempt_rows(asked: Reading) -> d.Rows:
    """The attempts of a batch in the order of its file, some thousand at a time."""
    wanted = asked.text("outcome")
    for some in attempts_of(asked.tx, asked.needed("batch")):
        each = _each(some).add_columns(
            REDEMPTION.c.member_ref, REDEMPTION.c.partner_id, REDEMPTION.c.unit_id
        )
        found = fetch_frame(
            asked.tx,
            each.join(REDEMPTION, REDEMPTION.c.redemption_id == ATTEMPT.c.redemption_id)
            .where(ATTEMPT.c.partner_id.in_(asked.partner_ids))
            .order_by(ATTEMPT.c.ordinal),
        )
        rest = pl.col("quantity") - pl.col("left_out")
        placed = found.with_columns(
            unit_column(asked),
            *(
                pl.when(pl.col("outcome") == outcome)
                .then(rest)
                .otherwise(0)
                .alias(f"{outcome}_quantity")
                for outcome in OUTCOMES[:-1]
            ),
            remainder_quantity="left_out",
            sent_quantity="quantity",
            record="ordinal",
        )
        if wanted is not None:
            placed = placed.filter(pl.col("outcome") == wanted)
        yield placed.select(one.name for one in ATTEMPTS.columns)


_BATCH: Final = d.Parameter(
    "batch", d.ParameterKind.ID, "Only this payout batch.", prefix=Prefix.PAYOUT_BATCH
)

BATCHES: Final = Report(
    name="batches",
    sentence="What became of payout batches: sent = confirmed + rejected + pending + remainder.",
    parameters=(
        *d.PERIOD,
        d.PARTNER,
        d.UNIT,
        _BATCH,
        d.Parameter(
            "only",
            d.ParameterKind.TEXT,
            "Only those in which an answer is still missing, or all.",
            default="all",
            choices=("all", "unsettled"),
        ),
    ),
    columns=(
        d.public("batch_id", Prefix.PAYOUT_BATCH, "The payout batch."),
        d.text("partner", "The partner it is for."),
        d.integer("sequence", "Its number among those of the partner.", total=False),
        d.text("state", "How far it has come."),
        d.text("file_name", "The name of its file."),
        d.text("unit", "The unit of the quantities."),
        *d.both("sent", "What was in it."),
        *d.both("confirmed", "What the partner credited, or is taken to have credited."),
        *d.both("rejected", "What it did not credit, or took back."),
        *d.both("pending", "What is not answered yet."),
        *d.both("remainder", "What was recalled; of credits in part, what was not credited."),
        d.instant("sealed_at", "When it was fixed; what periods go by."),
        d.instant("dispatched_at", "When it had left."),
        d.instant("deadline_at", "When the partner's time to answer is over."),
        d.duration("overdue_s", "How long that is past, where an answer is missing."),
    ),
    rows=rows,
    drills=(
        *(
            d.Drill(
                (outcome, f"{outcome}_quantity"),
                "attempts",
                columns={"batch": "batch_id"},
                fixed={"outcome": outcome},
            )
            for outcome in OUTCOMES[:-1]
        ),
        d.Drill(
            ("remainder",),
            "attempts",
            columns={"batch": "batch_id"},
            fixed={"outcome": OUTCOMES[-1]},
        ),
        d.Drill(
            ("sent", "sent_quantity", "remainder_quantity"),
            "attempts",
            columns={"batch": "batch_id"},
        ),
    ),
)

ATTEMPTS: Final = Report(
    name="attempts",
    sentence="What travelled in a payout batch, and what became of each attempt.",
    parameters=(
        d.Parameter(
            "batch",
            d.ParameterKind.ID,
            "The payout batch.",
            required=True,
            prefix=Prefix.PAYOUT_BATCH,
        ),
        d.Parameter(
            "outcome", d.ParameterKind.TEXT, "Only those with this outcome.", choices=OUTCOMES
        ),
    ),
    columns=(
        d.public("batch_id", Prefix.PAYOUT_BATCH, "The payout batch."),
        d.integer("record", "The place in the batch's file, from 1.", total=False),
        d.public("redemption_id", Prefix.REDEMPTION, "The redemption."),
        d.integer("attempt", "The number of the attempt, from 1.", total=False),
        d.text("member_ref", "The member."),
        d.text("outcome", "What became of it; `remainder` where it was recalled."),
        d.text("unit", "The unit of the quantities."),
        d.quantity("sent_quantity", "What was asked for."),
        d.quantity("confirmed_quantity", "What of it is credited."),
        d.quantity("rejected_quantity", "What of it is rejected."),
        d.quantity("pending_quantity", "What of it is not answered."),
        d.quantity("remainder_quantity", "What of it was recalled or went elsewhere."),
    ),
    rows=attempt_rows,
    drills=(d.Drill(("redemption_id",), "events", columns={"redemption": "redemption_id"}),),
)
