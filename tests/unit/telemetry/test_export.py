"""Spans and measures leave by OTLP, as the standard variables say: real receiver, real process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from handback import telemetry
from handback.errors import InvalidSettings
from otlp import Received, collecting

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


@pytest.fixture
def collector() -> Iterator[Received]:
    """An OTLP receiver."""
    with collecting() as received:
        yield received


def run(**variables: str) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
        "PYTHONPATH": os.pathsep.join(sys.path),
        **variables,
    }
    subprocess.run([sys.executable, "-c", PROGRAMME], env=environment, check=True, timeout=60)


def test_spans_and_measures_are_exported(collector: Received) -> None:
    run(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address)
    assert collector.names("0af7651916cd43dd8448eb211c80319c") == ["redemption confirm"]
    assert collector.names() == ["chunk", "redemption confirm"]
    (step,) = (span for span in collector.spans if span.name == "redemption confirm")
    (chunk,) = (span for span in collector.spans if span.name == "chunk")
    assert (step.parent_id, step.links) == ("b7ad6b7169203331", (chunk.span_id,))
    assert collector.measures == {"records"}
    assert collector.services == {"handbackd"}


def test_the_standard_variables_are_followed(collector: Received) -> None:
    run(
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.address,
        OTEL_METRICS_EXPORTER="none",
        OTEL_SERVICE_NAME="another",
    )
    assert collector.services == {"another"}
    assert collector.spans
    assert not collector.measures


def test_measures_may_go_alone(collector: Received) -> None:
    run(OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=collector.address)
    assert collector.measures
    assert not collector.spans


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
