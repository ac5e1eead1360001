"""Committed changes appear in the traces of their submits, whichever process commits them."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from handback import telemetry
from handback.journal import traces
from handback.journal.commit import CHANGES
from handback.lifecycle.table import State, Trigger
from handback.partners.codes import ReasonClass
from handback.store.session import Store

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def submit_context(redemption_id: int, flags: str = "01") -> str:
    return f"00-{redemption_id:032x}-00000000000000aa-{flags}"


def rejections(*redemption_ids: int) -> pl.DataFrame:
    row = {name: 1 for name, kind in CHANGES.items() if kind.is_integer()} | {
        "trigger": Trigger.REJECT,
        "to_state": State.REJECTED,
        "reason_class": ReasonClass.DEAD,
    }
    rows = [row | {"redemption_id": redemption_id} for redemption_id in redemption_ids]
    return pl.DataFrame(rows, schema=CHANGES)


@pytest.fixture(autouse=True)
def remembered(store: Store) -> None:
    """Submits 2, 3 and 9 were traced, 3 by somebody who does not keep the trace."""
    rows = {
        "redemption_id": [2, 3, 9],
        "trace_context": [submit_context(2), submit_context(3, flags="00"), submit_context(9)],
    }
    with store.write() as tx:
        store.dialect.insert_frame(tx, traces.TRACE_LINK, pl.DataFrame(rows))


def test_each_change_appears_in_the_trace_that_waits_for_it(
    store: Store, spans: InMemorySpanExporter
) -> None:
    with telemetry.span("chunk") as chunk:
        traces.record(store, rejections(1, 2, 3, 4, 10), NOON)
    step, cause = spans.get_finished_spans()
    assert (step.name, cause.name) == ("redemption reject", "chunk")
    assert step.context.trace_id == 2
    assert step.context.trace_id != cause.context.trace_id
    assert [link.context for link in step.links] == [chunk.get_span_context()]
    assert (step.attributes or {})["handback.state"] == "rejected"
    assert (step.attributes or {})["handback.reason_class"] == "dead"


def test_changes_outside_any_span_are_not_shown(store: Store, spans: InMemorySpanExporter) -> None:
    traces.record(store, rejections(2), NOON)
    assert spans.get_finished_spans() == ()


def test_a_block_without_changes_shows_nothing(store: Store, spans: InMemorySpanExporter) -> None:
    with telemetry.span("chunk"):
        traces.record(store, rejections(), NOON)
    assert [span.name for span in spans.get_finished_spans()] == ["chunk"]
