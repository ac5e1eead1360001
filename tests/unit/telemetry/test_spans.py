"""Spans, and the steps of redemptions in the traces of their submits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, StatusCode

from handback import telemetry
from handback.errors import NotFound
from handback.telemetry import Step

SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C
SPAN_ID = 0xB7AD6B7169203331
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def the_only(spans: InMemorySpanExporter) -> ReadableSpan:
    (span,) = spans.get_finished_spans()
    return span


def context_of(span: ReadableSpan) -> SpanContext:
    return cast("SpanContext", span.get_span_context())


def test_a_span_goes_below_the_remote_one_named(spans: InMemorySpanExporter) -> None:
    with telemetry.span("payout", parent=SAMPLED, links=[SAMPLED], attributes={"count": 3}):
        pass
    span = the_only(spans)
    assert context_of(span).trace_id == TRACE_ID
    assert span.parent and (span.parent.span_id, span.parent.is_remote) == (SPAN_ID, True)
    assert [link.context.span_id for link in span.links] == [SPAN_ID]
    assert dict(span.attributes or {}) == {"count": 3}


def test_a_span_goes_below_the_current_one(spans: InMemorySpanExporter) -> None:
    with telemetry.span("file") as outer, telemetry.span("chunk"):
        pass
    chunk, file = spans.get_finished_spans()
    assert chunk.parent == context_of(file) == outer.get_span_context()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotFound(kind="redemption", id="the-secret"), "NOT_FOUND"),
        (ValueError("the-secret"), "ValueError"),
    ],
)
def test_an_exception_is_named_but_not_quoted(
    spans: InMemorySpanExporter, error: Exception, reason: str
) -> None:
    with pytest.raises(type(error)), telemetry.span("chunk"):
        raise error
    span = the_only(spans)
    assert span.status.status_code is StatusCode.ERROR
    assert dict(span.attributes or {}) == {"error.type": reason}
    assert "the-secret" not in span.to_json()


def test_a_trace_context_survives_being_written_down(spans: InMemorySpanExporter) -> None:
    with telemetry.span("submit", parent=SAMPLED) as current:
        written = telemetry.traceparent_of()
        assert written == telemetry.traceparent_of(current)
    assert telemetry.is_sampled(written)
    read = trace.get_current_span(telemetry.context_of(written)).get_span_context()
    assert (read.trace_id, read.span_id) == (TRACE_ID, current.get_span_context().span_id)


def test_outside_any_trace_there_is_nothing_to_write_down() -> None:
    assert telemetry.traceparent_of() is None


@pytest.mark.parametrize(
    "text", [None, "", "nonsense", SAMPLED[:-1], f"ff{SAMPLED[2:]}", UNSAMPLED]
)
def test_what_is_not_a_sampled_context_is_none(text: str | None) -> None:
    assert not telemetry.is_sampled(text)


def test_a_step_appears_in_the_trace_of_its_submit(spans: InMemorySpanExporter) -> None:
    with telemetry.span("chunk") as chunk:
        telemetry.record_steps([Step(SAMPLED, 1, "reject", "rejected", 2, "dead")], NOON)
    step, _ = spans.get_finished_spans()
    assert step.name == "redemption reject"
    assert context_of(step).trace_id == TRACE_ID
    assert step.parent and step.parent.span_id == SPAN_ID
    assert [link.context for link in step.links] == [chunk.get_span_context()]
    assert step.start_time == step.end_time == int(NOON.timestamp()) * 10**9
    assert dict(step.attributes or {}) == {
        "handback.redemption_id": "rdm_0000000000001",
        "handback.state": "rejected",
        "handback.attempt": 2,
        "handback.reason_class": "dead",
    }


def test_a_step_outside_any_span_has_no_link(spans: InMemorySpanExporter) -> None:
    telemetry.record_steps([Step(SAMPLED, 1, "fail", "failed", 0)], NOON)
    assert not the_only(spans).links


def test_steps_of_traces_that_nobody_keeps_are_not_recorded(spans: InMemorySpanExporter) -> None:
    telemetry.record_steps([Step(UNSAMPLED, 1, "confirm", "confirmed", 1)], NOON)
    assert spans.get_finished_spans() == ()
