"""Committed changes, shown in the traces of the submits they answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from handback import telemetry
from handback.lifecycle.table import State, Trigger
from handback.partners.codes import ReasonClass
from handback.store.bulk import fetch_frame, table_of
from handback.store.session import Store
from handback.store.tables import TraceLink
from handback.telemetry import Step

TRACE_LINK = table_of(TraceLink)


def record(store: Store, changes: pl.DataFrame, at: datetime) -> None:
    """Show changes, which have been committed, wherever a trace waits for them.

    `changes` has the columns of `journal.commit.CHANGES`. To be called inside the span of the batch
    or chunk that caused them, since every step links to it; outside any span it does nothing.
    """
    if changes.is_empty() or not telemetry.is_traced():
        return
    ids = changes["redemption_id"]
    # A chunk is sorted by key, so the range of its ids holds few others.
    waiting = sa.select(TRACE_LINK).where(TRACE_LINK.c.redemption_id.between(ids.min(), ids.max()))
    with store.read() as tx:
        links = fetch_frame(tx, waiting)
    telemetry.record_steps(_steps(changes.join(links, on="redemption_id")), at)


def _steps(traced: pl.DataFrame) -> Iterator[Step]:
    for row in traced.sort("redemption_id", "version").iter_rows(named=True):
        yield Step(
            trace_context=row["trace_context"],
            redemption_id=row["redemption_id"],
            trigger=str(Trigger(row["trigger"])),
            state=str(State(row["to_state"])),
            attempt=row["attempt"],
            reason_class=str(ReasonClass(row["reason_class"])) if row["reason_class"] else "",
        )
