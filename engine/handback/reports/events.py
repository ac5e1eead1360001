"""The events behind a figure: where every report leads in the end, and from where a record is one
step away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback.ids import Prefix
from handback.journal.commit import CauseKind
from handback.lifecycle.table import State, Trigger
from handback.partners.codes import ReasonClass
from handback.payouts.outcomes import OF_ATTEMPT
from handback.reports import declaring as d
from handback.reports.columns import (
    REDEMPTION,
    of_programme,
    partner_column,
    reason_columns,
    unit_column,
    words,
)
from handback.reports.reading import Reading
from handback.reports.report import Report
from handback.reports.stretches import BLOCK, EVENT, Stretch, stretches
from handback.store.bulk import fetch_frame, table_of
from handback.store.plans import by_key
from handback.store.tables import Attempt, Break, PayoutBatch, RunChunk

ATTEMPT, BATCH, CHUNK = table_of(Attempt), table_of(PayoutBatch), table_of(RunChunk)
BREAK = table_of(Break)

BATCH_ATTEMPTS: Final = 10_000

TRIGGERS: Final = tuple(map(str, Trigger))
CLASSES: Final = tuple(map(str, ReasonClass))
RECORD: Final = "record"

# After these an attempt is over and another may follow.
_REJECTED: Final = (Trigger.REJECT, Trigger.EXPIRE, Trigger.RETURN)

EVENT_COLUMNS: Final = (
    d.instant("committed_at", "When it was committed."),
    d.public("redemption_id", Prefix.REDEMPTION, "The redemption that moved."),
    d.integer("version", "Which step of the redemption it is, from 1.", total=False),
    d.text("trigger", "What moved it."),
    d.text("from_state", "Where it stood; `none` before its submission."),
    d.text("to_state", "Where it stands then."),
    d.integer("attempt", "The attempt that is concerned; 0 where none is.", total=False),
    d.quantity("quantity", "How much moved."),
    d.text("unit", "The unit of the quantity."),
    d.text("partner", "The partner."),
    d.text("member_ref", "The member."),
    d.text("reason_class", "What the partner's code means; `none` where there is no answer."),
    d.text("reason_code", "The partner's code; empty where it gave none."),
    d.public("file_id", Prefix.HANDBACK_FILE, "The hand-back file whose record it was."),
    d.integer("record", "The place of that record in the file, from 1.", total=False),
    d.text("actor", "Who wrote it."),
    d.integer("position", "The position of its block in the journal.", total=False),
)


def rows(asked: Reading) -> d.Rows:
    """Events by block, redemption and version."""
    for stretch, narrowed in _sources(asked):
        found = fetch_frame(asked.tx, _select(asked).where(narrowed))
        ours = (
            found
            if stretch is None
            else found.filter(pl.col("block_id").is_in(stretch.blocks["block_id"].implode()))
        )
        ordered = ours.sort("block_id", "redemption_id", "version")
        yield shown(asked, ordered).select(one.name for one in EVENT_COLUMNS)


def shown(asked: Reading, events: pl.DataFrame) -> pl.DataFrame:
    """Events with words and names in place of numbers."""
    return events.with_columns(
        words("trigger", Trigger),
        words("from_state", State),
        words("to_state", State),
        words("reason_class", ReasonClass),
        partner_column(asked),
        unit_column(asked),
    )


def after_columns(
    asked: Reading,
) -> tuple[sa.ColumnElement[int], sa.ColumnElement[str]]:
    """Why the attempt of an event was made: class and code of the last rejection before it."""
    earlier = EVENT.alias("earlier")
    reason_class, reason_code = reason_columns(asked, earlier)
    last = (
        sa.select(reason_class)
        .where(
            earlier.c.redemption_id == EVENT.c.redemption_id,
            earlier.c.attempt < EVENT.c.attempt,
            earlier.c.trigger.in_(_REJECTED),
        )
        .order_by(earlier.c.version.desc())
        .limit(1)
    )
    first = EVENT.c.attempt <= 1
    coded = last.with_only_columns(reason_code).scalar_subquery()
    return (
        sa.type_coerce(
            sa.case((first, 0), else_=sa.func.coalesce(last.scalar_subquery(), 0)), sa.SmallInteger
        ).label("after_class"),
        sa.type_coerce(sa.case((first, ""), else_=sa.func.coalesce(coded, "")), sa.Text).label(
            "after_code"
        ),
    )


def attempts_of(tx: sa.Connection, batch_id: int) -> Iterator[sa.ColumnElement[bool]]:
    """Which attempts travelled in a batch, some thousand at a time, in the order of its file.

    So that no plan is tempted to read all events for those of a batch.
    """
    by_key(tx)
    count = tx.scalar(sa.select(BATCH.c.record_count).where(BATCH.c.batch_id == batch_id)) or 0
    for first in range(1, count + 1, BATCH_ATTEMPTS):
        ordinals = ATTEMPT.c.ordinal.between(first, first + BATCH_ATTEMPTS - 1)
        yield (ATTEMPT.c.batch_id == batch_id) & ordinals


def _sources(asked: Reading) -> Iterator[tuple[Stretch | None, sa.ColumnElement[bool]]]:
    """Which events to read, by the narrowest of what was asked for, stretch by stretch."""
    by_key(asked.tx)
    timed = (BLOCK.c.committed_at >= asked.from_at) & (BLOCK.c.committed_at < asked.to_at)
    if (redemption_id := asked.number("redemption")) is not None:
        yield None, (EVENT.c.redemption_id == redemption_id) & timed
    elif (batch_id := asked.number("batch")) is not None:
        for travelled in attempts_of(asked.tx, batch_id):
            yield None, travelled & OF_ATTEMPT & timed
    elif (file_id := asked.number("file")) is not None:
        for narrowed in _of_file(asked.tx, file_id):
            yield None, narrowed & timed
    else:
        for stretch in stretches(asked.tx, asked.from_at, asked.to_at):
            yield stretch, stretch.within


def _of_file(tx: sa.Connection, file_id: int) -> Iterator[sa.ColumnElement[bool]]:
    """Where events of a file's records are: in the blocks of its run; in those of decisions on its
    breaks; and among those of redemptions whose answer was parked in a break."""
    run = sa.select(CHUNK.c.block_id).where(CHUNK.c.file_id == file_id)
    run = run.where(CHUNK.c.block_id.is_not(None)).order_by(CHUNK.c.block_id)
    for block_id in tx.scalars(run).all():
        yield EVENT.c.block_id == block_id
    ours = BREAK.c.file_id == file_id
    decided = sa.select(BLOCK.c.block_id).where(
        BLOCK.c.cause_kind == int(CauseKind.BREAK),
        BLOCK.c.cause_id.in_(sa.select(BREAK.c.break_id).where(ours)),
    )
    for block_id in tx.scalars(decided.order_by(BLOCK.c.block_id)).all():
        yield EVENT.c.block_id == block_id
    about = sa.select(BREAK.c.redemption_id).where(ours, BREAK.c.redemption_id.is_not(None))
    yield (
        EVENT.c.redemption_id.in_(about)
        & (BLOCK.c.cause_kind != int(CauseKind.BREAK))
        & EVENT.c.block_id.not_in(run.order_by(None))
    )


def _select(asked: Reading) -> sa.Select[Any]:
    """Events with everything that is shown of them, narrowed by all that was asked for."""
    columns = ("block_id", "redemption_id", "version", "trigger", "from_state", "to_state")
    reason_class, reason_code = reason_columns(asked)
    selected = (
        sa.select(
            *(EVENT.c[name] for name in columns),
            EVENT.c.attempt,
            EVENT.c.quantity,
            reason_class,
            reason_code,
            EVENT.c.file_id,
            EVENT.c.ordinal.label("record"),
            REDEMPTION.c.partner_id,
            REDEMPTION.c.unit_id,
            REDEMPTION.c.member_ref,
            BLOCK.c.committed_at,
            BLOCK.c.actor,
            BLOCK.c.position,
        )
        .join(REDEMPTION, REDEMPTION.c.redemption_id == EVENT.c.redemption_id)
        .join(BLOCK, BLOCK.c.block_id == EVENT.c.block_id)
        .where(of_programme(asked))
    )
    return selected.where(*_conditions(asked, reason_class, reason_code))


def _conditions(
    asked: Reading, reason_class: sa.ColumnElement[int], reason_code: sa.ColumnElement[str]
) -> Iterator[sa.ColumnElement[bool]]:
    if (named := asked.text("trigger")) is not None:
        wanted = [int(one) for one in Trigger if str(one) in named.split(",")]
        yield EVENT.c.trigger.in_(wanted)
    if (named := asked.text("class")) is not None:
        yield _plain(reason_class) == int(ReasonClass[named.upper()])
    if (code := asked.text("code")) is not None:
        yield _plain(reason_code) == code
    if (number := asked.number("attempt")) is not None:
        yield EVENT.c.attempt == sa.literal(number, sa.BigInteger)
    if (file_id := asked.number("file")) is not None:
        yield EVENT.c.file_id == file_id
    if (number := asked.number(RECORD)) is not None:
        yield EVENT.c.ordinal == number
    if (source := asked.text("source")) is not None:
        yield EVENT.c.file_id.is_not(None) if source == RECORD else EVENT.c.file_id.is_(None)
    after_class, after_code = after_columns(asked)
    if (named := asked.text("after_class")) is not None:
        yield _plain(after_class) == int(ReasonClass[named.upper()])
    if (code := asked.text("after_code")) is not None:
        yield _plain(after_code) == code


def _plain(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """What a label names."""
    return column.element if isinstance(column, sa.Label) else column


EVENTS: Final = Report(
    name="events",
    sentence="The steps of redemptions, one by one: what is behind a figure.",
    parameters=(
        *d.PERIOD,
        d.PARTNER,
        d.UNIT,
        d.Parameter(
            "redemption", d.ParameterKind.ID, "Only of this one.", prefix=Prefix.REDEMPTION
        ),
        d.Parameter(
            "batch",
            d.ParameterKind.ID,
            "Only of attempts that travelled in this payout batch.",
            prefix=Prefix.PAYOUT_BATCH,
        ),
        d.Parameter(
            "file",
            d.ParameterKind.ID,
            "Only what records of this hand-back file became.",
            prefix=Prefix.HANDBACK_FILE,
        ),
        d.Parameter(RECORD, d.ParameterKind.INTEGER, "Only what this record became."),
        d.Parameter(
            "trigger",
            d.ParameterKind.TEXT,
            "Only of these triggers, with commas between them.",
            choices=TRIGGERS,
            several=True,
        ),
        d.Parameter("class", d.ParameterKind.TEXT, "Only of this reason class.", choices=CLASSES),
        d.Parameter("code", d.ParameterKind.TEXT, "Only of this code; empty for those without."),
        d.Parameter("attempt", d.ParameterKind.INTEGER, "Only of this attempt, from 1."),
        d.Parameter(
            "source",
            d.ParameterKind.TEXT,
            "Only what a record of a file says, or only the rest.",
            choices=(RECORD, "other"),
        ),
        d.Parameter(
            "after_class",
            d.ParameterKind.TEXT,
            "Only of attempts that followed a rejection of this class; `none` for all others.",
            choices=CLASSES,
        ),
        d.Parameter(
            "after_code", d.ParameterKind.TEXT, "Only of those that followed one with this code."
        ),
    ),
    columns=EVENT_COLUMNS,
    rows=rows,
    drills=(
        d.Drill(("record",), "records", columns={"file": "file_id", "record": "record"}),
        d.Drill(("redemption_id",), "events", columns={"redemption": "redemption_id"}),
    ),
)
