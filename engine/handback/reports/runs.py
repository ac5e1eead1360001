"""Hand-back files: every record of one became an event, a repeat, a break or a reject."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.ids import Prefix
from handback.intake.queries import FILE
from handback.intake.states import FileState
from handback.reports import declaring as d
from handback.reports.columns import partner_column, words
from handback.reports.events import CHUNK
from handback.reports.frames import pages
from handback.reports.reading import Reading
from handback.reports.report import Report
from handback.store.bulk import fetch_frame

FATES: Final = ("event", "repeat", "break", "reject")
_PARTS: Final = {
    "records": "What was in it, as far as its run has come.",
    "events": "What moved a redemption.",
    "repeats": "What was known already.",
    "breaks": "What a person has to look at.",
    "rejects": "What could not be read.",
}
_COUNTS: Final = tuple(f"{name}{part}" for name in _PARTS for part in ("", "_quantity"))
_PAGE: Final = 500


def rows(asked: Reading) -> d.Rows:
    """Files, oldest first, some hundred at a time."""
    for page in files(asked):
        sums = (sa.func.sum(CHUNK.c[name]).label(name) for name in _COUNTS)
        wanted = CHUNK.c.file_id.in_(page["file_id"].to_list())
        counted = fetch_frame(
            asked.tx, sa.select(CHUNK.c.file_id, *sums).where(wanted).group_by(CHUNK.c.file_id)
        )
        joined = page.join(counted, on="file_id", how="left", maintain_order="left").with_columns(
            pl.col(_COUNTS).fill_null(0), partner_column(asked), words("state", FileState)
        )
        yield joined.select(one.name for one in RUNS.columns)


def files(asked: Reading) -> Iterator[pl.DataFrame]:
    """The files that were asked for, oldest first, some hundred at a time."""
    names = ("file_id", "partner_id", "name", "state", "verdict", "received_at", "closed_at")
    selected = (
        sa.select(*(FILE.c[name] for name in names), FILE.c.agreement_version)
        .where(FILE.c.partner_id.in_(asked.partner_ids))
        .where(FILE.c.received_at >= asked.from_at, FILE.c.received_at < asked.to_at)
    )
    if (file_id := asked.number("file")) is not None:
        selected = selected.where(FILE.c.file_id == file_id)
    for page in pages(asked.tx, selected, FILE.c.file_id, _PAGE):
        yield page.rename({"name": "file_name"})


def _drill(fate: str) -> d.Drill:
    figures = (f"{fate}s", f"{fate}s_quantity")
    return d.Drill(figures, "records", columns={"file": "file_id"}, fixed={"fate": fate})


RUNS: Final = Report(
    name="runs",
    sentence="What became of hand-back files: records = events + repeats + breaks + rejects.",
    parameters=(
        *d.PERIOD,
        d.PARTNER,
        d.Parameter(
            "file", d.ParameterKind.ID, "Only this hand-back file.", prefix=Prefix.HANDBACK_FILE
        ),
    ),
    # Quantities are not summed up: the units of several files are not one.
    columns=(
        d.public("file_id", Prefix.HANDBACK_FILE, "The hand-back file."),
        d.text("partner", "The partner it is from."),
        d.text("file_name", "The name under which it came."),
        d.text("state", "How far it has come."),
        d.text("verdict", "What was found of it."),
        d.instant("received_at", "When its bytes were safe; what periods go by."),
        d.instant("closed_at", "When its run was closed."),
        *(
            column
            for name, sentence in _PARTS.items()
            for column in (d.both(name, sentence)[0], d.both(name, sentence, total=False)[1])
        ),
    ),
    rows=rows,
    drills=(
        d.Drill(("file_id",), "continuity", columns={"file": "file_id"}),
        d.Drill(("records", "records_quantity"), "records", columns={"file": "file_id"}),
        *map(_drill, FATES),
    ),
)
