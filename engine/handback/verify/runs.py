"""Law 4: every record of a file ends somewhere.

That what was held before a file, what it moved and what was held after it add up follows from laws
2 and 7: a file's movements are its events, which its blocks' totals equal, and balances are sums of
totals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback.formats.findings import Severity
from handback.intake.states import FileState
from handback.journal.commit import CauseKind
from handback.lifecycle.table import Trigger
from handback.store.bulk import fetch_frame, table_of
from handback.store.tables import Block, Break, Event, Finding, HandbackFile, RunChunk
from handback.verify.law import Broken, Law, breaches, first_fault
from handback.verify.walk import Page

BLOCK, BREAK, EVENT = table_of(Block), table_of(Break), table_of(Event)
CHUNK, FILE, FINDING = table_of(RunChunk), table_of(HandbackFile), table_of(Finding)

_ENDS: Final = ("events", "repeats", "breaks", "rejects")
# A record becomes one of these at most; what a policy does next is the record's event no more.
_ANSWERS: Final = (
    Trigger.ACKNOWLEDGE,
    Trigger.CONFIRM,
    Trigger.REJECT,
    Trigger.RETURN,
    Trigger.RETURN_PART,
)
_COUNTED: Final = pl.Schema({"file_id": pl.Int64(), "found_events": pl.Int64()})
_PAGE_FILES: Final = 1_000


class Runs(Law):
    """Law 4."""

    number = 4
    text = "The records of a file are its events, repeats, breaks and rejects, and nothing else."
    unit = "files"

    def __init__(self) -> None:
        super().__init__()
        # One row per file: a file a minute for ten years is 80 MB.
        self._events = pl.DataFrame(schema=_COUNTED)

    def read(self, page: Page) -> Iterator[Broken]:
        """Counts the answers that each file's records became."""
        answers = page.events.filter(
            pl.col("file_id").is_not_null() & pl.col("trigger").is_in(_ANSWERS)
        )
        counted = answers.group_by("file_id").agg(found_events=pl.len().cast(pl.Int64))
        self._events = (
            pl.concat([self._events, counted]).group_by("file_id").agg(pl.col("found_events").sum())
        )
        return iter(())

    def close(self, tx: sa.Connection) -> Iterator[Broken]:
        """Compares each file's bookkeeping with itself and with what is stored."""
        yield from self._chunks(tx)
        after, more = -1, True
        while more:
            files = fetch_frame(tx, _files(after))
            self.checked += len(files)
            yield from breaches(self.number, self._judged(files), "file_id")
            more = len(files) == _PAGE_FILES
            after = int(files["file_id"][-1]) if more else after

    def _chunks(self, tx: sa.Connection) -> Iterator[Broken]:
        ends = sum((CHUNK.c[name] for name in _ENDS[1:]), start=CHUNK.c.events)
        quantities = sum(
            (CHUNK.c[f"{name}_quantity"] for name in _ENDS[1:]), start=CHUNK.c.events_quantity
        )
        torn = sa.select(CHUNK.c.file_id, CHUNK.c.chunk).where(
            (CHUNK.c.records != ends) | (CHUNK.c.records_quantity != quantities)
        )
        told = fetch_frame(tx, torn.order_by(*CHUNK.primary_key.columns)).with_columns(
            fault=pl.lit("the chunk's records are not its events, repeats, breaks and rejects")
        )
        yield from breaches(self.number, told, "file_id", "chunk")

    def _judged(self, files: pl.DataFrame) -> pl.DataFrame:
        closed = pl.col("state") == int(FileState.RECONCILED)
        found = files.join(self._events, on="file_id", how="left").with_columns(
            pl.col("found_events").fill_null(0)
        )
        return found.with_columns(
            first_fault(
                (
                    closed & (pl.col("record_count") != pl.col("records")),
                    "the file holds another number of records than its run saw",
                ),
                (
                    pl.col("events") != pl.col("found_events") - pl.col("found_later"),
                    "the run counts other events than the journal holds of the file",
                ),
                (
                    pl.col("breaks") != pl.col("found_breaks"),
                    "the run counts other breaks than were opened for the file",
                ),
                (
                    closed & (pl.col("rejects") < pl.col("found_rejects")),
                    "the run counts fewer rejects than the file has findings for",
                ),
            )
        )


def _files(after: int) -> sa.Select[Any]:
    """A page of files that were run or are: what their chunks say, and what is stored of them."""
    sums = [
        sa.func.coalesce(sa.func.sum(CHUNK.c[name]), 0).label(name) for name in ("records", *_ENDS)
    ]
    return (
        sa.select(
            FILE.c.file_id,
            FILE.c.state,
            FILE.c.record_count,
            *sums,
            _breaks().label("found_breaks"),
            _later().label("found_later"),
            _rejects().label("found_rejects"),
        )
        .outerjoin(CHUNK, CHUNK.c.file_id == FILE.c.file_id)
        .where(FILE.c.file_id > after)
        .group_by(FILE.c.file_id, FILE.c.state, FILE.c.record_count)
        .order_by(FILE.c.file_id)
        .limit(_PAGE_FILES)
    )


_IN_RUN: Final = sa.case((BLOCK.c.cause_kind == int(CauseKind.HANDBACK_FILE), 1), else_=0)


def _became(
    extreme: Callable[[sa.ColumnElement[int]], sa.ColumnElement[int]],
) -> sa.ScalarSelect[int]:
    """Of the events that a break's record became, whether the file's run wrote them: 1 or 0, null
    where there are none; otherwise somebody decided on them."""
    # One value and not `exists`, for which PostgreSQL was seen to pair all breaks with all events.
    return (
        sa.select(extreme(_IN_RUN))
        .select_from(EVENT.join(BLOCK, BLOCK.c.block_id == EVENT.c.block_id))
        .where(
            EVENT.c.redemption_id == BREAK.c.redemption_id,
            EVENT.c.file_id == BREAK.c.file_id,
            EVENT.c.ordinal == BREAK.c.ordinal,
            EVENT.c.trigger.in_([int(trigger) for trigger in _ANSWERS]),
        )
        .correlate(BREAK)
        .scalar_subquery()
    )


def _breaks() -> sa.ScalarSelect[int]:
    """Records of the file that a break was opened for instead of, not beside, an event."""
    return _count_of_breaks(sa.func.coalesce(_became(sa.func.max), 0) == 0)


def _later() -> sa.ScalarSelect[int]:
    """Records of the file that became an event after its run had opened a break for them."""
    return _count_of_breaks(_became(sa.func.min) == 0)


def _count_of_breaks(condition: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    return (
        sa.select(sa.func.count(BREAK.c.ordinal.distinct()))
        .where(BREAK.c.file_id == FILE.c.file_id, condition)
        .correlate(FILE)
        .scalar_subquery()
    )


def _rejects() -> sa.ScalarSelect[int]:
    """Records of the file that a finding rejects; of very many only the first are kept."""
    return (
        sa.select(sa.func.count(FINDING.c.ordinal.distinct()))
        .where(FINDING.c.file_id == FILE.c.file_id, FINDING.c.ordinal > 0)
        .where(FINDING.c.severity == int(Severity.REJECT))
        .correlate(FILE)
        .scalar_subquery()
    )
