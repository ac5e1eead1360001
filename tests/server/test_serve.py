"""`handbackd` as a process of its own: starting, refusing to start, and stopping without loss."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import handback_migrations
from fake_clock import FakeClock
from handback.partners.registry import apply
from handback.store.session import Store
from handback_server._stubs.v1 import redemptions_pb2
from handback_server._stubs.v1.events_pb2 import WatchRequest, WatchResponse
from server.calls import PROGRAMME, Callers, refused, submission


async def started(environment: dict[str, str], *arguments: str) -> asyncio.subprocess.Process:
    """`handbackd` with these arguments."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "handback_server", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ran(environment: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and complaints of `handbackd` with these arguments."""
    process = await started(environment, *arguments)
    output, complaints = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), complaints.decode()


@asynccontextmanager
async def serving(
    environment: dict[str, str],
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Callers]]:
    """A process that serves, and its stubs; killed at the end where it still runs."""
    process = await started(environment, "serve")
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            line = (await process.stdout.readline()).decode()
        assert line.startswith("listening on "), await process.communicate()
        target = line.removeprefix("listening on ").strip()
        async with grpc.aio.insecure_channel(target) as channel:
            yield process, Callers(channel, target)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def stopped(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """Exit code and complaints of a process that has been told to stop."""
    async with asyncio.timeout(30):
        _, complaints = await process.communicate()
    return process.returncode, complaints.decode()


async def test_sigterm_ends_everything_and_loses_nothing(
    environment: dict[str, str], store: Store, clock: FakeClock, skyways: str
) -> None:
    apply(store, clock, skyways, "operator")
    async with serving(environment) as (process, callers):
        health = health_pb2_grpc.HealthStub(callers.channel)
        states = aiter(health.Watch(health_pb2.HealthCheckRequest()))
        assert (await anext(states)).status == health_pb2.HealthCheckResponse.SERVING
        watch = callers.events.Watch(WatchRequest(programme=PROGRAMME))
        first = await watch.read()
        assert isinstance(first, WatchResponse)
        assert first.caught_up
        batches = callers.redemptions.SubmitRedemptions()
        request = redemptions_pb2.SubmitRedemptionsRequest(
            programme=PROGRAMME, submissions=[submission("one")]
        )
        await batches.write(request)
        answer = await batches.read()
        assert isinstance(answer, redemptions_pb2.SubmitRedemptionsResponse)

        process.send_signal(signal.SIGTERM)

        for stream in (watch, batches):
            async with refused() as told:
                while await stream.read() is not grpc.aio.EOF:  # type: ignore[attr-defined]
                    pass
            assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
        assert (await anext(states)).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert await stopped(process) == (0, "")
    async with serving(environment) as (_, callers):
        found = redemptions_pb2.GetRedemptionRequest(
            programme=PROGRAMME,
            redemption_id=answer.outcomes[0].redemption.redemption_id,
        )
        assert (await callers.redemptions.GetRedemption(found)).redemption.held == 500


@pytest.mark.parametrize("store_kind", ["sqlite"])
async def test_another_address_without_certificates_is_refused(
    environment: dict[str, str],
) -> None:
    code, _, complaints = await ran(environment | {"HANDBACK_LISTEN": "0.0.0.0:0"}, "serve")
    assert code == 2
    assert [name for name in ("CERT", "KEY", "CLIENT_CA") if f"_TLS_{name}:" in complaints] == [
        "CERT",
        "KEY",
        "CLIENT_CA",
    ]


@pytest.mark.parametrize("store_kind", ["sqlite"])
async def test_an_embedded_store_has_one_server(environment: dict[str, str]) -> None:
    async with serving(environment):
        code, _, complaints = await ran(environment, "serve")
        assert (code, "HANDBACK_STORE" in complaints) == (2, True)


async def test_an_embedded_store_migrates_itself_and_a_shared_one_does_not(
    environment: dict[str, str], empty_store_url: str, store_kind: str
) -> None:
    environment["HANDBACK_STORE"] = empty_store_url
    if store_kind == "postgres":
        code, _, complaints = await ran(environment, "serve")
        assert (code, "SCHEMA_MISMATCH" in complaints) == (1, True)
        assert "handbackd migrate" in complaints
        assert (await ran(environment, "migrate"))[0] == 0
    async with serving(environment) as (process, _):
        process.send_signal(signal.SIGTERM)
        assert await stopped(process) == (0, "")


async def test_verify_says_that_the_laws_hold(environment: dict[str, str]) -> None:
    code, output, _ = await ran(environment, "verify", "--json")
    assert (code, json.loads(output)["holds"]) == (0, True)
    code, output, _ = await ran(environment, "verify")
    assert (code, "checked" in output) == (0, True)


async def test_verify_says_that_a_store_is_none(
    environment: dict[str, str], empty_store_url: str
) -> None:
    environment["HANDBACK_STORE"] = empty_store_url
    handback_migrations.current(empty_store_url)  # on SQLite it is a file from now on
    code, output, complaints = await ran(environment, "verify")
    assert (code, output) == (1, "")
    assert complaints.startswith("handbackd: SCHEMA_MISMATCH: ")
    assert complaints.count("\n") == 1


@pytest.mark.parametrize("store_kind", ["sqlite"])
async def test_verify_names_the_file_that_is_not_there_and_makes_none(
    environment: dict[str, str], tmp_path: Path
) -> None:
    mistyped = tmp_path / "elsewhere" / "handback.db"
    environment["HANDBACK_STORE"] = f"sqlite:///{mistyped}"
    said = f"handbackd: NOT_FOUND: no database {mistyped}\n"
    assert await ran(environment, "verify") == (1, "", said)
    assert not mistyped.parent.exists()


async def test_doctor_shows_the_settings_and_what_is_wrong(
    environment: dict[str, str], empty_store_url: str, store_kind: str
) -> None:
    code, output, _ = await ran(environment, "doctor")
    assert (code, "ready to serve" in output) == (0, True)
    environment["HANDBACK_STORE"] = empty_store_url
    code, output, _ = await ran(environment, "doctor", "--json")
    troubles = json.loads(output)["troubles"]
    assert (code, list(troubles)) == ((1, ["store"]) if store_kind == "postgres" else (0, []))


@pytest.mark.parametrize("store_kind", ["sqlite"])
async def test_what_is_asked_for_wrongly_is_exit_code_2(environment: dict[str, str]) -> None:
    code, _, complaints = await ran(environment, "serve", "--log-level", "loud")
    assert code == 2
    assert complaints.startswith("Usage: ")


@pytest.mark.parametrize("store_kind", ["sqlite"])
async def test_every_command_says_what_it_does(environment: dict[str, str]) -> None:
    code, output, _ = await ran(environment, "--help")
    assert code == 0
    for command in ("doctor", "migrate", "serve", "verify"):
        assert command in output
        assert (await ran(environment, command, "-h"))[0] == 0


def test_polars_is_not_loaded_before_its_allocator_is_told() -> None:
    loaded = "import sys, handback_server.__main__; sys.exit('polars' in sys.modules)"
    subprocess.run([sys.executable, "-c", loaded], check=True)
