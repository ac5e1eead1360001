"""An OTLP receiver on a free port of this machine, and what it got."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


class Span(NamedTuple):
    """One span received; ids in lower-case hexadecimal, links by their span ids."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...]


@dataclass
class Received:
    """What came to `address`, and from which services."""

    address: str = ""
    spans: list[Span] = field(default_factory=list)
    measures: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=set)

    def names(self, trace_id: str | None = None) -> list[str]:
        """The names of the spans, in alphabetical order; of one trace only where it is given."""
        return sorted(span.name for span in self.spans if trace_id in (None, span.trace_id))


@contextmanager
def collecting() -> Iterator[Received]:
    """A receiver that listens as long as the context."""
    received = Received()
    with futures.ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool)
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Traces(received), server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Measures(received), server)
        received.address = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        yield received
        server.stop(None).wait()


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, received: Received) -> None:
        self._received = received

    def Export(self, request: Any, context: object) -> Any:
        for resource in request.resource_spans:
            _note_service(resource.resource, self._received)
            for scope in resource.scope_spans:
                self._received.spans.extend(map(_span, scope.spans))
        return trace_service_pb2.ExportTraceServiceResponse()


class _Measures(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, received: Received) -> None:
        self._received = received

    def Export(self, request: Any, context: object) -> Any:
        for resource in request.resource_metrics:
            _note_service(resource.resource, self._received)
            for scope in resource.scope_metrics:
                self._received.measures |= {metric.name for metric in scope.metrics}
        return metrics_service_pb2.ExportMetricsServiceResponse()


def _note_service(resource: Any, received: Received) -> None:
    for attribute in resource.attributes:
        if attribute.key == "service.name":
            received.services.add(attribute.value.string_value)


def _span(span: Any) -> Span:
    links = tuple(link.span_id.hex() for link in span.links)
    ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
    return Span(span.name, *ids, links)
