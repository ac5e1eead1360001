"""Spans and measures leave by OTLP, as the standard variables say: real receiver, real process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent import futures
from dataclasses import dataclass, field

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from handback import telemetry
from handback.errors import InvalidSettings

PROGRAMME = """
import os
from datetime import UTC, datetime
from opentelemetry import metrics
from handback import telemetry

shutdown = telemetry.configure("handbackd", os.environ)
submit = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
metrics.get_meter("test").create_counter("records").add(3)
with telemetry.span("chunk"):
    step = telemetry.Step(submit, 1, "confirm", "confirmed", 1, "ok")
    telemetry.record_steps([step], datetime(2026, 3, 2, tzinfo=UTC))
shutdown()
"""


@dataclass
class Received:
    """What came, by name: trace ids of spans, values of measures; and from which services."""

    spans: dict[str, str] = field(default_factory=dict)
    measures: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=set)


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, received: Received) -> None:
        self._received = received

    def Export(self, request, context):  # type: ignore[no-untyped-def]
        for resource in request.resource_spans:
            _note_service(resource, self._received)
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self._received.spans[span.name] = span.trace_id.hex()
        return trace_service_pb2.ExportTraceServiceResponse()


class _Measures(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, received: Received) -> None:
        self._received = received

    def Export(self, request, context):  # type: ignore[no-untyped-def]
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                self._received.measures |= {metric.name for metric in scope.metrics}
        return metrics_service_pb2.ExportMetricsServiceResponse()


def _note_service(resource, received: Received) -> None:  # type: ignore[no-untyped-def]
    for attribute in resource.resource.attributes:
        if attribute.key == "service.name":
            received.services.add(attribute.value.string_value)


@pytest.fixture
def collector() -> Iterator[tuple[str, Received]]:
    """An OTLP receiver on a free port of this machine: its address, and what it got."""
    received = Received()
    with futures.ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool)
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Traces(received), server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Measures(received), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"http://127.0.0.1:{port}", received
        server.stop(None).wait()


def run(**variables: str) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
        "PYTHONPATH": os.pathsep.join(sys.path),
        **variables,
    }
    subprocess.run([sys.executable, "-c", PROGRAMME], env=environment, check=True, timeout=60)


def test_spans_and_measures_are_exported(collector: tuple[str, Received]) -> None:
    address, received = collector
    run(OTEL_EXPORTER_OTLP_ENDPOINT=address)
    assert received.spans.keys() == {"chunk", "redemption confirm"}
    assert received.spans["redemption confirm"] == "0af7651916cd43dd8448eb211c80319c"
    assert received.spans["chunk"] != received.spans["redemption confirm"]
    assert received.measures == {"records"}
    assert received.services == {"handbackd"}


def test_the_standard_variables_are_followed(collector: tuple[str, Received]) -> None:
    address, received = collector
    run(
        OTEL_EXPORTER_OTLP_ENDPOINT=address,
        OTEL_METRICS_EXPORTER="none",
        OTEL_SERVICE_NAME="another",
    )
    assert received.services == {"another"}
    assert received.spans and not received.measures


def test_measures_may_go_alone(collector: tuple[str, Received]) -> None:
    address, received = collector
    run(OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=address)
    assert received.measures and not received.spans


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_METRICS_EXPORTER": "none",
        },
    ],
)
def test_nothing_is_exported_unasked(variables: Mapping[str, str]) -> None:
    telemetry.configure("handbackd", variables)()


def test_another_protocol_is_refused() -> None:
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    with pytest.raises(InvalidSettings, match="expected grpc"):
        telemetry.configure("handbackd", variables)


def test_the_engine_alone_does_not_load_grpc() -> None:
    check = "import sys, handback.telemetry; sys.exit('grpc' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", check], env=environment, check=True)
