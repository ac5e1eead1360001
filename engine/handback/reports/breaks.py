"""Open breaks, and how long they have been waiting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback.breaks.kinds import BreakKind, Severity
from handback.ids import Prefix
from handback.ledger.ages import bucket_names
from handback.partners.codes import ReasonClass
from handback.reports import declaring as d
from handback.reports.columns import partner_column, reason_columns, words
from handback.reports.frames import pages
from handback.reports.reading import Reading
from handback.reports.report import Report
from handback.store.bulk import table_of
from handback.store.shape import shape
from handback.store.tables import Break

BREAK: Final = table_of(Break)

# The last day of each age but the oldest, in days since the break was opened.
_LAST_DAYS: Final = (0, 2, 7, 30)
AGES: Final = bucket_names(_LAST_DAYS)
_PAGE: Final = 10_000
_KEY: Final = ("partner", "severity", "kind", "owner", "age")
_COUNTED: Final = pl.Schema(
    {
        **dict.fromkeys(_KEY, pl.String()),
        "breaks": pl.Int64(),
        "overdue": pl.Int64(),
        "oldest_at": d.FRAME_TYPE[d.ColumnKind.INSTANT],
    }
)


def rows(asked: Reading) -> d.Rows:
    """The breaks that were asked for, oldest first."""
    for page in _shown_pages(asked):
        yield page.select(one.name for one in OPEN_BREAKS.columns)


def ages(asked: Reading) -> d.Rows:
    """One frame: how many there are, by partner, severity, kind, owner and age."""
    counted = pl.DataFrame(schema=_COUNTED)
    for page in _shown_pages(asked):
        more = page.with_columns(
            breaks=1,
            overdue=(pl.col("due_at") < asked.now).cast(pl.Int64),
            oldest_at="opened_at",
        ).select(shape(_COUNTED))
        counted = (
            pl.concat([counted, more])
            .group_by(_KEY)
            .agg(pl.col("breaks", "overdue").sum(), pl.col("oldest_at").min())
        )
    order = {str(one): int(one) for one in Severity}
    rank = pl.col("severity").replace_strict(order, default=0, return_dtype=pl.Int64)
    places = {age: place for place, age in enumerate(AGES)}
    age = pl.col("age").replace_strict(places, return_dtype=pl.Int64)
    ordered = counted.sort("partner", -rank, "kind", "owner", -age)
    yield ordered.select(one.name for one in BREAKS.columns)


def _shown_pages(asked: Reading) -> Iterator[pl.DataFrame]:
    """Open breaks in pages, with words and names, as `rows` shows them."""
    for page in pages(asked.tx, _select(asked), BREAK.c.break_id, _PAGE):
        yield _narrowed(asked, _shown(asked, page))


def _select(asked: Reading) -> sa.Select[Any]:
    names = ("break_id", "partner_id", "kind", "owner", "opened_at", "due_at", "redemption_id")
    selected = (
        sa.select(
            *(BREAK.c[name] for name in names),
            BREAK.c.attempt,
            BREAK.c.file_id,
            BREAK.c.ordinal.label("record"),
            BREAK.c.quantity,
            *reason_columns(asked, BREAK),
        )
        .where(BREAK.c.programme_id == asked.programme_id, BREAK.c.closed_at.is_(None))
        .where(BREAK.c.partner_id.in_(asked.partner_ids))
    )
    if (kind := asked.text("kind")) is not None:
        selected = selected.where(BREAK.c.kind == int(BreakKind[kind.upper()]))
    if (owner := asked.text("owner")) is not None:
        selected = selected.where(sa.func.coalesce(BREAK.c.owner, "") == owner)
    return selected


def _shown(asked: Reading, page: pl.DataFrame) -> pl.DataFrame:
    severities = {int(kind): str(kind.severity) for kind in BreakKind}
    open_for = pl.lit(asked.now) - pl.col("opened_at")
    return page.with_columns(
        partner_column(asked),
        pl.col("kind").replace_strict(severities, return_dtype=pl.String).alias("severity"),
        words("kind", BreakKind),
        words("reason_class", ReasonClass),
        pl.col("owner").fill_null(""),
        age=_age(open_for.dt.total_days()),
        age_s=open_for.dt.total_seconds(),
    )


def _age(days: pl.Expr) -> pl.Expr:
    """The name of an age in whole days."""
    named = pl.lit(AGES[-1])
    for last, name in reversed([*zip(_LAST_DAYS, AGES, strict=False)]):
        named = pl.when(days <= last).then(pl.lit(name)).otherwise(named)
    return named


def _narrowed(asked: Reading, page: pl.DataFrame) -> pl.DataFrame:
    for name in ("severity", "age"):
        if (wanted := asked.text(name)) is not None:
            page = page.filter(pl.col(name) == wanted)
    if asked.text("only") == "overdue":
        page = page.filter(pl.col("due_at") < asked.now)
    return page


_KIND: Final = d.Parameter(
    "kind", d.ParameterKind.TEXT, "Only of this kind.", choices=tuple(map(str, BreakKind))
)
_SEVERITY: Final = d.Parameter(
    "severity", d.ParameterKind.TEXT, "Only of this severity.", choices=tuple(map(str, Severity))
)
_OWNER: Final = d.Parameter(
    "owner", d.ParameterKind.TEXT, "Only of this owner; empty for those that nobody owns."
)
_NARROWING: Final = (d.PARTNER, _SEVERITY, _KIND, _OWNER, d.ZONE)
_BEHIND: Final = {name: name for name in _KEY}

BREAKS: Final = Report(
    name="breaks",
    sentence="How many breaks are open, and for how long, by kind, severity and owner.",
    parameters=_NARROWING,
    columns=(
        d.text("partner", "The partner that is concerned."),
        d.text("severity", "How grave it is."),
        d.text("kind", "Why a person has to look."),
        d.text("owner", "Who looks; empty for nobody."),
        d.text("age", "Days since they were opened."),
        d.integer("breaks", "So many of them are open."),
        d.integer("overdue", "So many of them should be closed by now."),
        d.instant("oldest_at", "When the oldest was opened."),
    ),
    rows=ages,
    drills=(
        d.Drill(("breaks",), "open_breaks", columns=_BEHIND),
        d.Drill(("overdue",), "open_breaks", columns=_BEHIND, fixed={"only": "overdue"}),
    ),
)

OPEN_BREAKS: Final = Report(
    name="open_breaks",
    sentence="The breaks that are open, one by one.",
    parameters=(
        *_NARROWING,
        d.Parameter("age", d.ParameterKind.TEXT, "Only those so many days old.", choices=AGES),
        d.Parameter(
            "only",
            d.ParameterKind.TEXT,
            "Only those that should be closed by now, or all.",
            default="all",
            choices=("all", "overdue"),
        ),
    ),
    columns=(
        d.public("break_id", Prefix.BREAK, "The break."),
        d.text("partner", "The partner that is concerned."),
        d.text("severity", "How grave it is."),
        d.text("kind", "Why a person has to look."),
        d.text("owner", "Who looks; empty for nobody."),
        d.instant("opened_at", "When it was opened."),
        d.instant("due_at", "When it should be closed."),
        d.duration("age_s", "How long it has been open."),
        d.public("redemption_id", Prefix.REDEMPTION, "The redemption that is concerned."),
        d.integer("attempt", "The attempt that is concerned.", total=False),
        d.integer("quantity", "The quantity that is concerned.", total=False),
        d.text("reason_class", "What the partner's code means."),
        d.text("reason_code", "The partner's code; empty where it gave none."),
        d.public("file_id", Prefix.HANDBACK_FILE, "The hand-back file whose record it was."),
        d.integer("record", "The place of that record in the file, from 1.", total=False),
    ),
    rows=rows,
    drills=(
        d.Drill(("redemption_id",), "events", columns={"redemption": "redemption_id"}),
        d.Drill(("record",), "records", columns={"file": "file_id", "record": "record"}),
    ),
)
