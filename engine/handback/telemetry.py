"""Traces: a span around what takes time, and each redemption's steps in the trace of its submit.

A submit whose trace was sampled is remembered with the redemption as a W3C `traceparent`. When the
redemption is dispatched or answered, days later and in another process, that step appears as a span
in the same trace, linked to the batch or chunk that caused it.

Spans carry ids, counts and codes, never a member's reference or details, and not the texts of
exceptions, which may quote them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from handback import ids
from handback.errors import HandbackError, InvalidSettings, Violation

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

tracer: Final = trace.get_tracer("handback")

_W3C: Final = TraceContextTextMapPropagator()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Step:
    """A transition of one redemption, and the `traceparent` of its submit."""

    trace_context: str
    redemption_id: int
    trigger: str
    state: str
    attempt: int
    reason_class: str = ""


def traceparent_of(span: Span | None = None) -> str | None:
    """The `traceparent` of a span, or of the current one; None outside any trace."""
    context = trace.set_span_in_context(span) if span is not None else None
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, context)
    return carrier.get("traceparent")


def context_of(traceparent: str | None) -> Context:
    """A context whose current span is the remote one; an empty one where that cannot be read."""
    carrier = {} if traceparent is None else {"traceparent": traceparent}
    return _W3C.extract(carrier, Context())


def is_sampled(traceparent: str | None) -> bool:
    """Whether the trace was chosen to be kept by who began it."""
    return _remote(traceparent).trace_flags.sampled


@contextmanager
def span(
    name: str,
    *,
    parent: str | None = None,
    links: Iterable[str] = (),
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Iterator[Span]:
    """A span around the block, below the current one unless the `traceparent` of another is given.

    `links` are `traceparent`s. An exception marks the span with its reason and passes through.
    """
    with tracer.start_as_current_span(
        name,
        context=None if parent is None else context_of(parent),
        links=[Link(_remote(link)) for link in links],
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except Exception as error:
            reason = error.reason if isinstance(error, HandbackError) else type(error).__qualname__
            current.set_attribute("error.type", reason)
            current.set_status(Status(StatusCode.ERROR))
            raise


def record_steps(steps: Iterable[Step], at: datetime) -> None:
    """Show each step in the trace of its submit, if sampled, linked to the current span."""
    cause = trace.get_current_span().get_span_context()
    links = [Link(cause)] if cause.is_valid else []
    instant = (at - _EPOCH) // timedelta(microseconds=1) * 1000
    for step in steps:
        if not is_sampled(step.trace_context):
            continue
        attributes: dict[str, AttributeValue] = {
            "handback.redemption_id": ids.public_id(ids.Prefix.REDEMPTION, step.redemption_id),
            "handback.state": step.state,
            "handback.attempt": step.attempt,
        }
        if step.reason_class:
            attributes["handback.reason_class"] = step.reason_class
        tracer.start_span(
            f"redemption {step.trigger}",
            context=context_of(step.trace_context),
            links=links,
            attributes=attributes,
            start_time=instant,
        ).end(instant)


def configure(service: str, environment: Mapping[str, str]) -> Callable[[], None]:
    """Export spans and measures by OTLP, as the standard `OTEL_…` variables say; once per process.

    A signal is exported where they name an endpoint for it. `environment` is the process's own:
    the exporters read the rest of the variables there. Gives what to call at the end, so that
    nothing recorded is lost. Raises InvalidSettings for a protocol other than gRPC.
    """
    signals = [signal for signal in _EXPORT if _is_wanted(signal, environment)]
    if not signals:
        return lambda: None
    # Imported only where wanted: the exporters bring grpc along, which the engine does without.
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    resource = Resource.create({"service.name": service}).merge(OTELResourceDetector().detect())
    shutdowns = [_EXPORT[signal](resource) for signal in signals]

    def shutdown() -> None:
        for stop in shutdowns:
            stop()

    return shutdown


def _is_wanted(signal: str, environment: Mapping[str, str]) -> bool:
    """Whether a signal has somewhere to go."""

    def setting(name: str) -> str:
        of_signal = environment.get(f"OTEL_EXPORTER_OTLP_{signal}_{name}")
        return of_signal or environment.get(f"OTEL_EXPORTER_OTLP_{name}") or ""

    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if environment.get(f"OTEL_{signal}_EXPORTER") == "none" or not setting("ENDPOINT"):
        return False
    if setting("PROTOCOL") not in {"", "grpc"}:
        raise InvalidSettings([Violation("OTEL_EXPORTER_OTLP_PROTOCOL", "expected grpc")])
    return True


def _export_spans(resource: Resource) -> Callable[[], None]:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider.shutdown


def _export_measures(resource: Resource) -> Callable[[], None]:
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    provider = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource)
    metrics.set_meter_provider(provider)
    return provider.shutdown


_EXPORT: Final = {"TRACES": _export_spans, "METRICS": _export_measures}


def _remote(traceparent: str | None) -> trace.SpanContext:
    return trace.get_current_span(context_of(traceparent)).get_span_context()
