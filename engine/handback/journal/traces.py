"""Committed steps, shown in the traces of the submits that they belong to."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback import telemetry
from handback.lifecycle.table import State, Trigger
from handback.partners.codes import ReasonClass
from handback.partners.restricted import RESTRICTED, SHOWN
from handback.store.bulk import fetch_frame, schema_of, table_of
from handback.store.session import Store
from handback.store.tables import TraceLink

LINK = table_of(TraceLink)
_NO_LINKS: Final = schema_of([LINK.c.redemption_id, LINK.c.trace_context]).to_frame()


def links_of(store: Store, tx: sa.Connection, redemption_ids: pl.Series) -> pl.DataFrame:
    """`redemption_id` and `trace_context` of those among them (Int64) whose submit was sampled."""
    known = sa.select(LINK.c.redemption_id, LINK.c.trace_context)
    if redemption_ids.is_empty():
        return _NO_LINKS
    # Where nobody traces, one look is all it costs.
    bounds = redemption_ids.min(), redemption_ids.max()
    if tx.scalar(sa.select(1).where(LINK.c.redemption_id.between(*bounds)).limit(1)) is None:
        return _NO_LINKS
    keys = store.dialect.stage(tx, "links", redemption_ids.unique().sort().to_frame())
    return fetch_frame(tx, known.join(keys, keys.c.redemption_id == LINK.c.redemption_id))


def links_among(tx: sa.Connection, chosen: sa.Select[Any]) -> pl.DataFrame:
    """The same as `links_of`, for the redemptions whose ids are selected, each once."""
    known = sa.select(LINK.c.redemption_id, LINK.c.trace_context)
    if tx.scalar(sa.select(1).select_from(LINK).limit(1)) is None:
        return _NO_LINKS
    among = chosen.subquery("chosen")
    return fetch_frame(tx, known.join(among, among.c.redemption_id == LINK.c.redemption_id))


def trace_steps(changes: pl.DataFrame, links: pl.DataFrame, at: datetime) -> None:
    """Record each committed change (columns of `CHANGES`) in the trace of its redemption.

    `links` are those of `links_of`; the current span is what the steps are linked to.
    """
    if links.is_empty() or changes.is_empty():
        return
    traced = changes.join(links, on="redemption_id", how="inner").sort("redemption_id", "version")
    telemetry.record_steps((_step(row) for row in traced.iter_rows(named=True)), at)


def _step(row: dict[str, int | str]) -> telemetry.Step:
    reason = ReasonClass(int(row["reason_class"]))
    if reason is RESTRICTED:
        reason = SHOWN
    return telemetry.Step(
        trace_context=str(row["trace_context"]),
        redemption_id=int(row["redemption_id"]),
        trigger=str(Trigger(int(row["trigger"]))),
        state=str(State(int(row["to_state"]))),
        attempt=int(row["attempt"]),
        reason_class=str(reason) if reason else "",
    )
