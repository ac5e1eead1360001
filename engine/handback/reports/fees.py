"""Fees that partners took off what they credited, and the records that name them.

They stand in files alone, and are read again from the landed bytes: only from files whose layout
has fees.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.ids import Prefix
from handback.intake import queries
from handback.lifecycle.table import Trigger
from handback.reports import declaring as d
from handback.reports.buckets import BUCKET_COLUMNS, BY, bucketed, with_ends
from handback.reports.columns import ANSWERS, REDEMPTION, partner_column, unit_column, words
from handback.reports.frames import summed
from handback.reports.reading import Reading
from handback.reports.records import told
from handback.reports.report import Report
from handback.reports.runs import files
from handback.store.among import among
from handback.store.bulk import fetch_frame

# What a record with a fee became, where it moved nothing.
_BREAK: Final = "break"
_KEY: Final = ("period", "partner", "unit", "became")
_SUMS: Final = pl.Schema(
    {
        "period": pl.Date(),
        **dict.fromkeys(("partner", "unit", "became"), pl.String()),
        **dict.fromkeys(("records", "fee", "quantity"), pl.Int64()),
    }
)


def rows(asked: Reading) -> d.Rows:
    """One frame: what was taken, by stretch of time, partner, unit and what the records became."""
    counted = (
        bucketed(asked, found, at="received_at").with_columns(records=1)
        for found in record_rows(asked)
    )
    sums = summed(counted, _SUMS, _KEY)
    yield with_ends(asked, sums.sort(_KEY)).select(one.name for one in FEES.columns)


def record_rows(asked: Reading) -> d.Rows:
    """Records that name a fee, file by file in the order in which those came."""
    for page in files(asked):
        for row in page.iter_rows(named=True):
            units = _units_under_fees(asked, row["partner_id"], row["agreement_version"])
            if units:
                file = queries.get(asked.tx, asked.programme, row["file_id"])
                for found in told(asked, file):
                    named = found.filter(pl.col("fee") > 0, pl.col("fate").is_in(["event", _BREAK]))
                    received = named.with_columns(
                        partner_id=pl.lit(file.partner_id), received_at=pl.lit(file.received_at)
                    )
                    yield _shown(asked, received, units)


def _units_under_fees(asked: Reading, partner_id: int, version: int | None) -> tuple[str, ...]:
    """The units of an agreement whose files name fees; none where they do not."""
    if version is None:
        return ()
    terms = asked.desk.agreements.at_version(asked.tx, partner_id, version).agreement
    fields = (field for record in terms.handback.layout.records for field in record.fields)
    return terms.units if any(field.name == "fee" for field in fields) else ()


def _shown(asked: Reading, found: pl.DataFrame, units: tuple[str, ...]) -> pl.DataFrame:
    """Records in the unit of what they are about, else the one they name, else the only one."""
    wanted = among(REDEMPTION.c.redemption_id, found["redemption_id"].drop_nulls().unique())
    select = sa.select(REDEMPTION.c.redemption_id, REDEMPTION.c.unit_id).where(wanted)
    owned = fetch_frame(asked.tx, select)
    known = found.rename({"unit": "named_unit"}).join(
        owned, on="redemption_id", how="left", maintain_order="left"
    )
    only = pl.lit(units[0] if len(units) == 1 else "")
    shown = known.with_columns(
        unit_column(asked), partner_column(asked), words("trigger", Trigger)
    ).with_columns(
        unit=pl.coalesce("unit", "named_unit", only),
        became=pl.coalesce("trigger", pl.lit(_BREAK)),
    )
    if (unit := asked.text("unit")) is not None:
        shown = shown.filter(pl.col("unit") == unit)
    if (became := asked.text("became")) is not None:
        shown = shown.filter(pl.col("became") == became)
    return shown.select(one.name for one in FEE_RECORDS.columns)


FEES: Final = Report(
    name="fees",
    sentence="The fees that partners took, by when files came and what their records became.",
    parameters=(*d.PERIOD, replace(BY, default="month"), d.PARTNER, d.UNIT),
    columns=(
        *BUCKET_COLUMNS,
        d.text("partner", "The partner that took them."),
        d.text("unit", "The unit of the quantities; empty where nothing says which."),
        d.text("became", "What the records moved; `break` for those that moved nothing."),
        d.integer("records", "So many records name a fee; repeats of them do not count."),
        d.quantity("fee", "What was taken."),
        d.quantity("quantity", "What they are about; with the fee where that counts as credited."),
    ),
    rows=rows,
    drills=(
        d.Drill(
            ("records", "fee", "quantity"),
            "fee_records",
            columns={
                "partner": "partner",
                "unit": "unit",
                "became": "became",
                "from": "from_at",
                "to": "to_at",
            },
            kept=("zone",),
        ),
    ),
)

FEE_RECORDS: Final = Report(
    name="fee_records",
    sentence="The records that name a fee, one by one.",
    parameters=(
        *d.PERIOD,
        d.PARTNER,
        d.UNIT,
        d.Parameter(
            "became",
            d.ParameterKind.TEXT,
            "Only those that became this.",
            choices=(*map(str, ANSWERS), _BREAK),
        ),
    ),
    columns=(
        d.instant("received_at", "When the file came; what periods go by."),
        d.public("file_id", Prefix.HANDBACK_FILE, "The hand-back file."),
        d.integer("record", "The place in the file, from 1.", total=False),
        d.text("partner", "The partner it is from."),
        d.public("redemption_id", Prefix.REDEMPTION, "The redemption it is about."),
        d.text("became", "What it moved; `break` where it moved nothing."),
        d.text("unit", "The unit of the quantities; empty where nothing says which."),
        d.quantity("fee", "What was taken."),
        d.quantity("quantity", "What it is about; with the fee where that counts as credited."),
    ),
    rows=record_rows,
    drills=(
        d.Drill(("record",), "records", columns={"file": "file_id", "record": "record"}),
        d.Drill(("redemption_id",), "events", columns={"redemption": "redemption_id"}),
    ),
)
