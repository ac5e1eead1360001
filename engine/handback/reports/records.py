"""The records of a hand-back file, each with what became of it: where the road down ends.

They are read again from the landed bytes; repeats are kept nowhere else.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback.ids import Prefix
from handback.intake import queries
from handback.intake.queries import FileView
from handback.intake.records import agreement_of, codes_of, records, restricted
from handback.intake.states import FileState
from handback.partners.codes import ReasonClass
from handback.partners.restricted import SHOWN
from handback.reports import declaring as d
from handback.reports.breaks import BREAK
from handback.reports.columns import ANSWERS, words
from handback.reports.events import CHUNK
from handback.reports.reading import Reading
from handback.reports.report import Report
from handback.reports.runs import FATES
from handback.reports.stretches import EVENT
from handback.store.bulk import fetch_frame
from handback.store.shape import shape

# A record beside others of a file that is not, or not yet, reconciled.
UNAPPLIED: Final = "unapplied"
_BECAME: Final = pl.Schema(
    {
        "record": pl.Int64(),
        "redemption_id": pl.Int64(),
        "version": pl.Int64(),
        "trigger": pl.Int16(),
        "break_id": pl.Int64(),
        "moved": pl.Int64(),
        "reason_class": pl.Int16(),
    }
)


def rows(asked: Reading) -> d.Rows:
    """Records by their place, chunk by chunk."""
    file = queries.get(asked.tx, asked.programme, asked.needed("file"))
    for found in told(asked, file):
        coded = _coded(asked, file, found)
        yield _narrowed(asked, coded).select(one.name for one in RECORDS.columns)


def told(asked: Reading, file: FileView) -> d.Rows:
    """Records of a file (columns of `intake.records.RECORDS`, the place as `record`), each with its
    fate and what it became, chunk by chunk."""
    became = _became(asked, file.file_id)
    rest = "repeat" if file.state is FileState.RECONCILED else UNAPPLIED
    for chunk in records(asked.desk, file):
        found = chunk.drop("redemption_id").rename({"ordinal": "record"})
        yield found.join(became, on="record", how="left", maintain_order="left").with_columns(
            fate=pl.when(pl.col("flaw").is_not_null())
            .then(pl.lit("reject"))
            .when(pl.col("version").is_not_null())
            .then(pl.lit("event"))
            .when(pl.col("break_id").is_not_null())
            .then(pl.lit("break"))
            .otherwise(pl.lit(rest)),
            file_id=pl.lit(file.file_id, pl.Int64),
            quantity=pl.coalesce("quantity", "moved"),
        )


def _coded(asked: Reading, file: FileView, found: pl.DataFrame) -> pl.DataFrame:
    """Records with the class of their code, as the caller may see it; restricted ones lose what
    they say."""
    agreement = agreement_of(asked.desk, file)
    classified = codes_of(agreement, file).classify(found.drop("reason_class"))
    hidden = restricted(found, file, agreement) & (not asked.unmasked)
    sound = pl.col("flaw").is_null()
    masked = classified.with_columns(
        reason_class=pl.when(hidden).then(int(SHOWN)).otherwise("reason_class"),
        reason_code=pl.when(~hidden).then("code").fill_null(""),
        raw=pl.when(~hidden).then("raw"),
    )
    worded = masked.with_columns(words("reason_class", ReasonClass))
    return worded.with_columns(reason_class=pl.when(sound).then("reason_class"))


def _became(asked: Reading, file_id: int) -> pl.DataFrame:
    """What records of a file became, by their place: an event, or else a break.

    Some 50 bytes for each record of the file.
    """
    written = sa.select(CHUNK.c.block_id).where(CHUNK.c.file_id == file_id)
    parts = [pl.DataFrame(schema=_BECAME)]
    for block_id in asked.tx.scalars(written.order_by(CHUNK.c.block_id)).all():
        if block_id is not None:
            parts.append(_of(fetch_frame(asked.tx, _events(file_id, block_id))))
    events = pl.concat(parts).sort("record", "version").unique("record", keep="last")
    broken = sa.select(
        BREAK.c.ordinal.label("record"),
        BREAK.c.redemption_id,
        BREAK.c.break_id,
        BREAK.c.quantity.label("moved"),
    ).where(BREAK.c.file_id == file_id, BREAK.c.ordinal.is_not(None))
    breaks = _of(fetch_frame(asked.tx, broken)).unique("record", keep="first")
    both = events.join(breaks.select("record", "break_id"), on="record", how="left")
    beside = both.with_columns(pl.coalesce("break_id_right", "break_id").alias("break_id"))
    alone = breaks.join(events, on="record", how="anti")
    return pl.concat([beside.select(_BECAME.names()), alone])


def _events(file_id: int, block_id: int) -> sa.Select[Any]:
    return sa.select(
        EVENT.c.ordinal.label("record"),
        EVENT.c.redemption_id,
        EVENT.c.version,
        EVENT.c.trigger,
        EVENT.c.quantity.label("moved"),
        EVENT.c.reason_class,
    ).where(
        EVENT.c.block_id == block_id,
        EVENT.c.file_id == file_id,
        EVENT.c.trigger.in_(ANSWERS),
    )


def _of(found: pl.DataFrame) -> pl.DataFrame:
    empty = pl.DataFrame(schema=_BECAME)
    return pl.concat([empty, found], how="diagonal_relaxed").select(shape(_BECAME))


def _narrowed(asked: Reading, found: pl.DataFrame) -> pl.DataFrame:
    if (record := asked.number("record")) is not None:
        found = found.filter(pl.col("record") == record)
    if (fate := asked.text("fate")) is not None:
        found = found.filter(pl.col("fate") == fate)
    return found


RECORDS: Final = Report(
    name="records",
    sentence="The records of a hand-back file, and what became of each.",
    parameters=(
        d.Parameter(
            "file",
            d.ParameterKind.ID,
            "The hand-back file.",
            required=True,
            prefix=Prefix.HANDBACK_FILE,
        ),
        d.Parameter("record", d.ParameterKind.INTEGER, "Only the record at this place."),
        d.Parameter(
            "fate",
            d.ParameterKind.TEXT,
            "Only those of which this became.",
            choices=(*FATES, UNAPPLIED),
        ),
    ),
    columns=(
        d.public("file_id", Prefix.HANDBACK_FILE, "The hand-back file."),
        d.integer("record", "The place in the file, from 1.", total=False),
        d.integer("line", "The line it stands on, or where it begins.", total=False),
        d.text("fate", "What it became; `unapplied` as long as nothing of the file is applied."),
        d.public("redemption_id", Prefix.REDEMPTION, "The redemption it is about."),
        d.integer("version", "The step of the redemption that it became.", total=False),
        d.public("break_id", Prefix.BREAK, "The break that it became, or that came of it."),
        d.text("reference", "The reference it quotes."),
        d.text("member_ref", "The member it names."),
        d.integer("quantity", "How much it is about."),
        d.integer("fee", "The fee it names; where fees count as credited the quantity has it in."),
        d.text("unit", "The unit it names."),
        d.text("reason_class", "What its code means."),
        d.text("reason_code", "The partner's code; empty where it gave none."),
        d.text("flaw", "Why it could not be read."),
        d.text("raw", "What was kept of its text."),
    ),
    rows=rows,
    drills=(d.Drill(("version",), "events", columns={"redemption": "redemption_id"}),),
)
