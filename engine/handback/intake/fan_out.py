"""Answers to a whole payout batch, as one answer to each request in it.

A partner may take or reject a batch as a whole. Such a record stands in the file once, and is from
here on a record for every attempt of the batch: each ends somewhere by itself, and the ordinals of
what follows it in the file move on. One about a batch that we do not know stays what it is, and so
does what answers one batch too often: lines of a hundred bytes would else be as many millions of
records as somebody likes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.formats.findings import DETAIL
from handback.store.among import among
from handback.store.bulk import fetch_frame, table_of
from handback.store.session import Store
from handback.store.shape import shape
from handback.store.tables import Attempt, PayoutBatch

ATTEMPT, BATCH = table_of(Attempt), table_of(PayoutBatch)

MAX_ANSWERS: Final = 16
"""How often one file may answer the same batch as a whole: partners do it once for each group."""

_NUMBER: Final = r"^\d{1,18}$"

# Where in its chunk an answer to a whole batch stands, and which batch that is.
_ANSWERED: Final = pl.Schema(
    {
        "at": pl.Int64(),
        "ordinal": pl.Int64(),
        "batch_id": pl.Int64(),
        "record_count": pl.Int64(),
    }
)


class FanOut:
    """Goes through the chunks of one file; `added` counts the records that became more by it, and
    `left` those that answer a batch more often than MAX_ANSWERS, and stay what they are.

    Only batches sealed when the file came are known, so that the same file always gives the same.
    """

    def __init__(self, store: Store, partner_id: int, received_at: datetime, page: int) -> None:
        self._store = store
        left = BATCH.c.recalled_at.is_(None) & (BATCH.c.sealed_at <= received_at)
        self._ours = (BATCH.c.partner_id == partner_id) & left
        self._page = page
        self._answers: Counter[int] = Counter()
        self.added = self.left = 0

    def of(
        self, details: pl.DataFrame, findings: pl.DataFrame
    ) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """A chunk (columns of DETAIL, sorted by ordinal, and of FINDINGS) in one or more pieces,
        each about as large as a page; the findings come with the first."""
        whole = details["scope"].is_not_null()
        if not whole.any():
            yield (
                self._moved(details, _ANSWERED.to_frame()),
                self._moved(findings, _ANSWERED.to_frame()),
            )
            return
        # What such a record is about is told by its batch alone.
        details = details.with_columns(
            redemption_id=pl.when(whole).then(0).otherwise("redemption_id")
        )
        answered = self._answered(details)
        rest, findings = self._moved(details, answered), self._moved(findings, answered)
        done = 0
        for at, _, batch_id, count in answered.iter_rows():
            yield rest[done:at], findings
            findings = findings.clear()
            for piece in self._attempts(batch_id, rest[at : at + 1]):
                yield piece, findings
            self.added += count - 1
            done = at + 1
        yield rest[done:], findings

    def _answered(self, details: pl.DataFrame) -> pl.DataFrame:
        """The answers to whole batches of ours (schema _ANSWERED), in their order."""
        reference = pl.col("reference")
        number = pl.when(reference.str.contains(_NUMBER)).then(reference).cast(pl.Int64)
        named = (
            details.with_columns(at=pl.int_range(pl.len(), dtype=pl.Int64))
            .filter(pl.col("scope").is_not_null())
            .select("at", "ordinal", sequence=pl.coalesce("batch", number))
            .drop_nulls()
        )
        if named.is_empty():
            return _ANSWERED.to_frame()
        columns = BATCH.c.sequence, BATCH.c.batch_id, BATCH.c.record_count
        found = among(BATCH.c.sequence, named["sequence"].unique())
        with self._store.read() as tx:
            batches = fetch_frame(tx, sa.select(*columns).where(self._ours, found))
        answered = named.join(batches, on="sequence").sort("at").select(shape(_ANSWERED))
        return answered.filter([self._may_answer(batch_id) for batch_id in answered["batch_id"]])

    def _may_answer(self, batch_id: int) -> bool:
        self._answers[batch_id] += 1
        left = self._answers[batch_id] > MAX_ANSWERS
        self.left += left
        return not left

    def _moved(self, rows: pl.DataFrame, answered: pl.DataFrame) -> pl.DataFrame:
        """The rows with their ordinals moved on by what earlier records became; 0 stays."""
        if not self.added and answered.is_empty():
            return rows
        more = pl.Series([0, *(answered["record_count"] - 1).cum_sum()], dtype=pl.Int64)
        before = answered["ordinal"].search_sorted(rows["ordinal"], side="left")
        moved = pl.col("ordinal") + self.added + more.gather(before)
        return rows.with_columns(ordinal=pl.when(pl.col("ordinal") > 0).then(moved).otherwise(0))

    def _attempts(self, batch_id: int, record: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """The record once for each attempt of a batch, in the order of the payout file."""
        columns = ("ordinal", "redemption_id", "attempt", "quantity", "reference")
        last, more = 0, True
        while more:
            select = (
                sa.select(*(ATTEMPT.c[name] for name in columns))
                .where(ATTEMPT.c.batch_id == batch_id, ATTEMPT.c.ordinal > last)
                .order_by(ATTEMPT.c.ordinal)
                .limit(self._page)
            )
            with self._store.read() as tx:
                attempts = fetch_frame(tx, select)
            if more := not attempts.is_empty():
                yield _each(record, attempts)
                last = int(attempts["ordinal"][-1])


def _each(record: pl.DataFrame, attempts: pl.DataFrame) -> pl.DataFrame:
    """One record as many, each about an attempt."""
    told = record.rename({name: f"told_{name}" for name in attempts.columns})
    several = attempts.join(told, how="cross").with_columns(
        ordinal=pl.col("told_ordinal") + pl.col("ordinal") - 1,
        reference=pl.coalesce("reference", "told_reference", pl.lit("")),
        batch_ordinal="ordinal",
        fee=None,  # that of the whole is none of each
    )
    return several.select(shape(DETAIL))
