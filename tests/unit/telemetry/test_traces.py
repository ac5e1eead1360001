"""Committed changes appear in the traces of their submits, whichever process commits them."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from handback import telemetry
from handback.journal.changes import CHANGES
from handback.journal.traces import trace_steps
from handback.lifecycle.table import State, Trigger
from handback.partners.codes import ReasonClass

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def submit_context(redemption_id: int, flags: str = "01") -> str:
    return f"00-{redemption_id:032x}-00000000000000aa-{flags}"


# Submits 2, 3 and 9 came with a trace, 3 from somebody who does not keep it.
LINKS = pl.DataFrame(
    {
        "redemption_id": [2, 3, 9],
        "trace_context": [submit_context(2), submit_context(3, "00"), submit_context(9)],
    }
)


def rejections(*redemption_ids: int) -> pl.DataFrame:
    row = {name: 1 for name, kind in CHANGES.items() if kind.is_integer()} | {
        "trigger": Trigger.REJECT,
        "to_state": State.REJECTED,
        "reason_class": ReasonClass.DEAD,
    }
    rows = [row | {"redemption_id": redemption_id} for redemption_id in redemption_ids]
    return pl.DataFrame(rows, schema=CHANGES)


def test_each_change_appears_in_the_trace_that_waits_for_it(spans: InMemorySpanExporter) -> None:
    with telemetry.span("chunk") as chunk:
        trace_steps(rejections(1, 2, 3, 4, 10), LINKS, NOON)
    step, cause = spans.get_finished_spans()
    assert (step.name, cause.name) == ("redemption reject", "chunk")
    assert step.context.trace_id == 2
    assert step.context.trace_id != cause.context.trace_id
    assert [link.context for link in step.links] == [chunk.get_span_context()]
    attributes = step.attributes or {}
    assert attributes["handback.redemption_id"] == "rdm_0000000000002"
    assert attributes["handback.state"] == "rejected"
    assert attributes["handback.reason_class"] == "dead"


def test_without_traces_or_changes_there_is_nothing_to_show(spans: InMemorySpanExporter) -> None:
    trace_steps(rejections(2), LINKS.clear(), NOON)
    trace_steps(rejections(), LINKS, NOON)
    assert spans.get_finished_spans() == ()
