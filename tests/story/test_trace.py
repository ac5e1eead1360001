"""A shop traces a checkout; the partner's answer appears in that same trace, by way of OTLP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider

from agreements import source_of
from handback_client import Client
from otlp import Received, collecting
from world import Answer, Sent, skyways_file


@contextmanager
def handbackd(data: Path, otlp: str) -> Iterator[str]:
    """A server process with its workers, as an operator starts it; the address it listens on."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HANDBACK_HOME": str(data),
        "HANDBACK_LISTEN": "127.0.0.1:0",
        "HANDBACK_PICKUP_S": "0.05",
        "HANDBACK_GATHER_S": "0.05",
        "HANDBACK_DELIVER_S": "0.05",
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp,
    }
    command = [sys.executable, "-m", "handback_server", "serve"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().removeprefix("listening on ").strip()
        finally:
            server.send_signal(signal.SIGTERM)
    assert server.returncode == 0


def answer(exchange: Path) -> None:
    """What the partner does: read the payout file, confirm every record."""
    (payout,) = (exchange / "outbound/skyways").glob("*.csv")
    rows = [line.split(",") for line in payout.read_text().splitlines()]
    sent = [Sent(row[1], row[2], int(row[5])) for row in rows if row[0] == "D"]
    folder = exchange / "inbound/skyways"
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / ".answer.part"
    unfinished.write_bytes(skyways_file(Answer(*one, "0000") for one in sent))
    unfinished.rename(folder / "answer.csv")


def follow(client: Client, redemption_id: str, exchange: Path) -> None:
    """Watch until the redemption is confirmed, and answer once it has been sent."""
    with client.watch(redemption_id=redemption_id) as events:
        for event in events:
            if event.to_state == "awaiting_handback":
                answer(exchange)
            if event.to_state == "confirmed":
                return


def test_the_outcome_appears_in_the_callers_trace(tmp_path: Path) -> None:
    shop = TracerProvider(shutdown_on_exit=False).get_tracer("shop")
    with collecting() as received:
        with (
            handbackd(tmp_path, received.address) as address,
            Client(address, programme="aurora") as client,
        ):
            client.partners.apply(source_of("skyways"))
            with shop.start_as_current_span("checkout") as checkout:
                submitted = client.submit(
                    partner="skyways",
                    member_ref="M1",
                    quantity=100,
                    unit="miles",
                    fields={"surname": "Example"},
                )
            follow(client, submitted.redemption_id, tmp_path / "exchange")
        assert_story(received, f"{checkout.get_span_context().trace_id:032x}")


def assert_story(received: Received, trace_id: str) -> None:
    assert received.services == {"handbackd"}
    assert received.names(trace_id) == [
        "handback.v1.RedemptionService/SubmitRedemption",
        "redemption confirm",
        "redemption dispatch",
    ]
    by_name = {span.name: span for span in received.spans}
    submit = by_name["handback.v1.RedemptionService/SubmitRedemption"]
    for step, cause in (("dispatch", "dispatch batch"), ("confirm", "reconcile chunk")):
        span = by_name[f"redemption {step}"]
        assert span.parent_id == submit.span_id
        assert span.links == (by_name[cause].span_id,)
        assert by_name[cause].trace_id != trace_id
