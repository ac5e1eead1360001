"""Start-up: until a server answers health, and until the client's programs say anything."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Final

import grpc
from grpc_health.v1 import health_pb2

from handback_server.bench.apart import apart
from handback_server.bench.engine import engine
from handback_server.bench.ground import Ground, Place

_TRIES: Final = 5
_SERVE: Final = "from handback_server.__main__ import main; main()"
_HELP: Final = "from handback_client.cli import main; main()"


def startup(ground: Ground, records: int, order: str) -> Mapping[str, object]:
    """The best of five starts each, of a server on a database with so many redemptions."""
    with ground.place("product") as place:
        apart(_prepare, place, records)
        health_s = min(_until_healthy(place) for _ in range(_TRIES))
    bare_s = _best("pass")
    return {
        "records": records,
        "serve_to_health_s": health_s,
        "python_s": bare_s,
        "handback_help_s": _best(_HELP, "--help"),
        "grpc_import_s": (grpc_s := _best("import grpc, grpc.aio, google.protobuf.message")),
        "client_import_s": (client_s := _best("from handback_client import Client")),
        "client_beyond_grpc_s": client_s - grpc_s,
    }


def _prepare(place: Place, records: int) -> None:
    with engine(place) as ours:
        ours.bear(records)


def _best(code: str, *given: str) -> float:
    """Seconds that Python takes for a piece of code, from the start of its process to its end."""
    took = []
    for _ in range(_TRIES):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code, *given], stdout=subprocess.DEVNULL, check=True)
        took.append(time.perf_counter() - began)
    return min(took)


def _until_healthy(place: Place) -> float:
    environment = {
        "HANDBACK_STORE": place.url,
        "HANDBACK_HOME": str(place.folder / "served"),
        "HANDBACK_LISTEN": "127.0.0.1:0",
        "PYTHONPATH": ":".join(sys.path),
    }
    began = time.perf_counter()
    command = [sys.executable, "-c", _SERVE, "serve", "--log-level", "error"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[-1]
        with grpc.insecure_channel(address) as channel:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                health_pb2.HealthCheckRequest.SerializeToString,
                health_pb2.HealthCheckResponse.FromString,
            )
            answer = check(health_pb2.HealthCheckRequest(), wait_for_ready=True)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        seconds = time.perf_counter() - began
        server.terminate()
    return seconds
