"""What is owed by age, and the open redemptions that it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import polars as pl

from handback.errors import InvalidRequest, Violation
from handback.ids import Prefix
from handback.ledger import open_redemptions
from handback.ledger.ages import BUCKETS, bucket_names, check_buckets, youngest_end
from handback.ledger.instants import position_at
from handback.ledger.liability import By, Liability, liability
from handback.ledger.open_redemptions import OpenView
from handback.ledger.outstanding import OpenFilter, Standing
from handback.reports import declaring as d
from handback.reports.reading import Reading
from handback.reports.report import Report

_PAGE: Final = 1_000
_UNBATCHED: Final = "unbatched"


def rows(asked: Reading) -> d.Rows:
    """Lines of the liability with a row for each age in which something is open."""
    days, at = _days(asked), _at(asked)
    by = By[(asked.text("by") or "partner").upper()]
    wanted, after = _wanted(asked), list[str]()
    while page := liability(asked.tx, wanted, by, at, days, after, _PAGE):
        after = page[-1].place(by)
        found = [row for line in page for row in _aged(line, by, at, days)]
        yield LIABILITY.frame(found)


def open_rows(asked: Reading) -> d.Rows:
    """The open redemptions themselves, queue by queue."""
    wanted, after = _wanted(asked), open_redemptions.START
    unbatched = asked.text("queue") == _UNBATCHED
    while page := open_redemptions.page(asked.tx, wanted, after, _PAGE):
        after = page[-1].place
        found = OPEN.frame([_row(one, _at(asked)) for one in page])
        yield found.filter(pl.col("batch_id").is_null()) if unbatched else found


def _at(asked: Reading) -> datetime:
    return asked.instant("at") or asked.now


def _wanted(asked: Reading) -> OpenFilter:
    standing = asked.text("standing")
    position = position_at(asked.tx, _at(asked)) if "at" in asked.asked else None
    return OpenFilter(
        programme=asked.programme,
        partner=asked.text("partner"),
        unit=asked.text("unit"),
        member_ref=asked.text("member"),
        batch_id=asked.number("batch"),
        standing=None if standing is None else Standing[standing.upper()],
        submitted_after=asked.instant("submitted_after"),
        submitted_until=asked.instant("submitted_until"),
        position=position,
    )


def _days(asked: Reading) -> tuple[int, ...]:
    """The last days of the ages. Raises InvalidRequest."""
    told = asked.text("ages") or ""
    try:
        return check_buckets([int(one) for one in told.split(",")])
    except (ValueError, InvalidRequest):
        expected = f"expected rising whole numbers of days such as 7,30,60,90, not {told!r}"
        raise InvalidRequest([Violation("parameters.ages", expected)]) from None


def _aged(
    line: Liability, by: By, at: datetime, days: tuple[int, ...]
) -> Iterator[dict[str, object]]:
    names = bucket_names(days)
    ends = [youngest_end(at, day) for day in days]
    for place, tally in enumerate(line.buckets):
        if tally.count:
            yield {
                "partner": line.partner if by is not By.MEMBER else None,
                "unit": line.unit,
                "standing": None if line.standing is None else str(line.standing),
                "batch_id": line.batch_id,
                "queue": _UNBATCHED if by is By.BATCH and line.batch_id is None else None,
                "member_ref": line.member_ref or None,
                "age": names[place],
                "count": tally.count,
                "quantity": tally.quantity,
                "submitted_after": ends[place] if place < len(days) else None,
                "submitted_until": ends[place - 1] if place else None,
            }


def _row(view: OpenView, at: datetime) -> dict[str, object]:
    return {
        "redemption_id": view.redemption_id,
        "partner": view.partner,
        "unit": view.unit,
        "member_ref": view.member_ref,
        "standing": str(view.standing),
        "batch_id": view.batch_id,
        "quantity": view.held,
        "submitted_at": view.submitted_at,
        "age_s": int((at - view.submitted_at).total_seconds()),
    }


_AT: Final = d.Parameter(
    "at",
    d.ParameterKind.INSTANT,
    "As everything stood at that instant, or when that day ended; now unless given.",
)
_BATCH: Final = d.Parameter(
    "batch",
    d.ParameterKind.ID,
    "Only what is in this payout batch.",
    prefix=Prefix.PAYOUT_BATCH,
)
_MEMBER: Final = d.Parameter("member", d.ParameterKind.TEXT, "Only what is this member's.")
_STANDING: Final = d.Parameter(
    "standing",
    d.ParameterKind.TEXT,
    "Only what has come so far.",
    choices=tuple(map(str, Standing)),
)
_NARROWING: Final = (_AT, d.ZONE, d.PARTNER, d.UNIT, _STANDING, _BATCH, _MEMBER)

LIABILITY: Final = Report(
    name="liability",
    sentence="What is owed for open redemptions, by how long they have been open.",
    parameters=(
        *_NARROWING,
        d.Parameter(
            "by",
            d.ParameterKind.TEXT,
            "What a line is about, in each unit.",
            default="partner",
            choices=tuple(map(str, By)),
        ),
        d.Parameter(
            "ages",
            d.ParameterKind.TEXT,
            "The last days of all ages but the oldest, with commas between them.",
            default=",".join(map(str, BUCKETS)),
        ),
    ),
    columns=(
        d.text("partner", "The partner that is to credit it."),
        d.text("unit", "The unit of the quantities."),
        d.text("standing", "How far it has come, in lines by that."),
        d.public("batch_id", Prefix.PAYOUT_BATCH, "The payout batch, in lines by that."),
        d.text("queue", "`unbatched` in lines by payout batch for what is in none."),
        d.text("member_ref", "The member, in lines by that."),
        d.text("age", "Whole days since the submission."),
        d.integer("count", "So many redemptions are open."),
        d.quantity("quantity", "What they hold."),
        d.instant("submitted_after", "They came after then; nothing for the oldest."),
        d.instant("submitted_until", "They came by then; nothing for the youngest."),
    ),
    rows=rows,
    drills=(
        d.Drill(
            ("count", "quantity"),
            "open",
            columns={
                "partner": "partner",
                "unit": "unit",
                "standing": "standing",
                "batch": "batch_id",
                "queue": "queue",
                "member": "member_ref",
                "submitted_after": "submitted_after",
                "submitted_until": "submitted_until",
            },
            kept=("at", "zone", "partner", "standing", "batch", "member"),
        ),
    ),
)

OPEN: Final = Report(
    name="open",
    sentence="The redemptions whose outcome is open, one by one, and what each holds.",
    parameters=(
        *_NARROWING,
        d.Parameter(
            "queue",
            d.ParameterKind.TEXT,
            "Only what is in no payout batch.",
            choices=(_UNBATCHED,),
        ),
        d.Parameter("submitted_after", d.ParameterKind.INSTANT, "Only those that came after then."),
        d.Parameter("submitted_until", d.ParameterKind.INSTANT, "Only those that came by then."),
    ),
    columns=(
        d.public("redemption_id", Prefix.REDEMPTION, "The redemption."),
        d.text("partner", "The partner that is to credit it."),
        d.text("unit", "The unit of the quantity."),
        d.text("member_ref", "The member."),
        d.text("standing", "How far it has come."),
        d.public("batch_id", Prefix.PAYOUT_BATCH, "The payout batch in which it stands."),
        d.quantity("quantity", "What it holds."),
        d.instant("submitted_at", "When it came."),
        d.duration("age_s", "How long that is ago."),
    ),
    rows=open_rows,
    drills=(d.Drill(("redemption_id",), "events", columns={"redemption": "redemption_id"}),),
)
