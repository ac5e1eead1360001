"""What happens to a redemption shows in the trace of its submit, days later, and names nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from world import World

SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C


def steps(spans: InMemorySpanExporter, trace_id: int = TRACE_ID) -> list[ReadableSpan]:
    """The spans of one trace, in their order."""
    found = [span for span in spans.get_finished_spans() if span.context.trace_id == trace_id]
    return sorted(found, key=lambda span: span.start_time or 0)


def causes(spans: InMemorySpanExporter, step: ReadableSpan) -> Sequence[str]:
    """The names of the spans that a step is linked to."""
    names = {span.context.span_id: span.name for span in spans.get_finished_spans()}
    return [names[link.context.span_id] for link in step.links]


def test_dispatch_and_outcome_appear_in_the_trace_of_the_submit(
    world: World, spans: InMemorySpanExporter
) -> None:
    world.submit(100, trace_context=SAMPLED)
    world.submit(200, 300)
    world.send()
    world.clock.advance(timedelta(days=3))
    world.answer_all(lambda one: "0000" if one.quantity == 100 else "0201")
    dispatched, confirmed = steps(spans)
    assert dispatched.name == "redemption dispatch"
    assert causes(spans, dispatched) == ["dispatch batch"]
    assert confirmed.name == "redemption confirm"
    assert causes(spans, confirmed) == ["reconcile chunk"]
    assert confirmed.start_time and dispatched.start_time
    assert confirmed.start_time - dispatched.start_time == 3 * 24 * 3600 * 10**9
    assert [step.attributes and step.attributes["handback.state"] for step in steps(spans)] == [
        "awaiting_handback",
        "confirmed",
    ]


def test_the_trace_of_a_file_runs_from_its_arrival_to_its_last_chunk(
    world: World, spans: InMemorySpanExporter
) -> None:
    world.submit(100)
    world.send()
    file = world.answer_all(lambda _: "0000")
    assert file.trace_context is not None
    trace_id = int(file.trace_context.split("-")[1], 16)
    names = [span.name for span in steps(spans, trace_id)]
    assert names == ["receive file", "decode file", "reconcile file", "reconcile chunk"]


def test_a_trace_that_nobody_keeps_gets_nothing(world: World, spans: InMemorySpanExporter) -> None:
    world.submit(100, trace_context=UNSAMPLED)
    world.send()
    assert not [span for span in spans.get_finished_spans() if span.name.startswith("redemption")]


def test_no_span_says_who_the_member_is(world: World, spans: InMemorySpanExporter) -> None:
    world.submit(100, trace_context=SAMPLED, member_ref="M-secret", fields={"surname": "Secret"})
    world.send()
    world.answer_all(lambda _: "0102")
    shown = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "redemption reject" in shown
    assert "secret" not in shown.lower()
