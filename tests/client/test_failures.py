"""Calls that fail, of both clients: which exception, what is repeated, what goes along."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from client.conftest import MakeClient
from client.scripted_server import Refuse, ScriptedServer
from handback_client import AsyncClient, errors
from handback_client._stubs.v1 import lifecycle_pb2, redemptions_pb2

REDEMPTION = lifecycle_pb2.Redemption(redemption_id="rdm_1", state=1, quantity=5)
AWAY = Refuse(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")


@pytest.fixture
def left() -> Iterator[threading.Event]:
    """Lets an answer that never comes end with its test."""
    left = threading.Event()
    yield left
    left.set()


async def test_a_refusal_becomes_its_exception_with_facts_and_mistakes(
    client: Any, server: ScriptedServer
) -> None:
    server.on(
        "GetRedemption",
        Refuse(grpc.StatusCode.NOT_FOUND, "NOT_FOUND", {"kind": "redemption", "id": "rdm_1"}),
        Refuse(
            grpc.StatusCode.INVALID_ARGUMENT,
            "INVALID_REQUEST",
            violations=(("quantity", "expected 1 or more"),),
        ),
        Refuse(grpc.StatusCode.FAILED_PRECONDITION, "ABOUT_OTHERS", domain="elsewhere"),
        Refuse(grpc.StatusCode.INTERNAL, "INTERNAL"),
    )
    with pytest.raises(errors.NotFound) as missing:
        await client.get("rdm_1")
    assert missing.value.facts == {"kind": "redemption", "id": "rdm_1"}
    assert isinstance(missing.value.__cause__, grpc.RpcError)
    with pytest.raises(errors.InvalidRequest) as invalid:
        await client.get("rdm_1")
    assert invalid.value.violations == (errors.Violation("quantity", "expected 1 or more"),)
    with pytest.raises(errors.HandbackError) as foreign:
        await client.get("rdm_1")
    assert foreign.value.reason == "FAILED_PRECONDITION"
    with pytest.raises(errors.InternalError):
        await client.get("rdm_1")


async def test_details_that_cannot_be_read_leave_the_status(
    client: Any, server: ScriptedServer
) -> None:
    def garbled(request: Any, context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff\xff"),))
        context.abort(grpc.StatusCode.NOT_FOUND, "gone")

    server.on("GetRedemption", garbled)
    with pytest.raises(errors.HandbackError) as failed:
        await client.get("rdm_1")
    assert (type(failed.value), failed.value.reason) == (errors.NotFound, "NOT_FOUND")


async def test_a_passing_failure_is_repeated_and_others_are_not(
    client: Any, server: ScriptedServer
) -> None:
    answer = redemptions_pb2.GetRedemptionResponse(redemption=REDEMPTION)
    conflict = Refuse(grpc.StatusCode.ABORTED, "VERSION_CONFLICT")
    server.on("GetRedemption", AWAY, AWAY, answer, conflict, answer)
    assert (await client.get("rdm_1")).redemption_id == "rdm_1"
    assert len(server.calls["GetRedemption"]) == 3
    with pytest.raises(errors.VersionConflict):
        await client.get("rdm_1")
    assert len(server.calls["GetRedemption"]) == 4


async def test_it_gives_up_after_so_many_tries(client: Any, server: ScriptedServer) -> None:
    server.on("GetRedemption", *[AWAY] * 9)
    with pytest.raises(errors.StoreUnavailable):
        await client.get("rdm_1")
    assert len(server.calls["GetRedemption"]) == 5


async def test_a_limit_that_asks_for_more_than_is_left_ends_the_call(
    client: Any, server: ScriptedServer
) -> None:
    server.on(
        "GetRedemption",
        Refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_REACHED", retry_after_s=60.0),
    )
    with pytest.raises(errors.LimitReached) as limit:
        await client.get("rdm_1")
    assert limit.value.retry_after_s == 60.0


async def test_every_call_has_a_deadline(client: Any, server: ScriptedServer) -> None:
    answer = redemptions_pb2.GetRedemptionResponse(redemption=REDEMPTION)
    server.on("GetRedemption", answer, answer)
    await client.get("rdm_1")
    await client.within(5.0).get("rdm_1")
    first, second = (call.left_s for call in server.calls["GetRedemption"])
    assert first is not None
    assert second is not None
    assert 10.0 < first < 21.0  # gRPC rounds up on the way
    assert 0.0 < second < 6.0


async def test_a_deadline_that_passes_is_its_own_error(
    client: Any, server: ScriptedServer, left: threading.Event
) -> None:
    def never(request: Any, context: grpc.ServicerContext) -> None:
        left.wait(20)

    server.on("GetRedemption", never, never)
    with pytest.raises(errors.DeadlineExceeded):
        await client.within(0.05).get("rdm_1")
    with pytest.raises(errors.DeadlineExceeded):
        await client.within(0.0).get("rdm_1")


async def test_nobody_at_the_address(make_client: MakeClient) -> None:
    nobody = make_client("127.0.0.1:1")
    with pytest.raises(errors.ServerUnreachable):
        await nobody.get("rdm_1")


async def test_the_server_may_come_back_on_another_connection(
    client: Any, server: ScriptedServer
) -> None:
    answer = redemptions_pb2.GetRedemptionResponse(redemption=REDEMPTION)
    server.on("GetRedemption", answer, answer)
    await client.get("rdm_1")
    server.stop()
    server.start()
    patient = client.within(20.0)
    assert (await patient.get("rdm_1")).redemption_id == "rdm_1"


async def test_the_actor_goes_with_every_call(
    make_client: MakeClient, server: ScriptedServer
) -> None:
    answer = redemptions_pb2.GetRedemptionResponse(redemption=REDEMPTION)
    server.on("GetRedemption", answer, answer)
    await make_client(actor="ada").get("rdm_1")
    await make_client().get("rdm_1")
    first, second = (call.metadata for call in server.calls["GetRedemption"])
    assert first["handback-actor"] == "ada"
    assert "handback-actor" not in second
    assert "traceparent" not in second


async def test_the_current_span_goes_with_the_call(client: Any, server: ScriptedServer) -> None:
    server.on("GetRedemption", redemptions_pb2.GetRedemptionResponse(redemption=REDEMPTION))
    context = SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags(1))
    with trace.use_span(NonRecordingSpan(context)):
        await client.get("rdm_1")
    sent = server.calls["GetRedemption"][0].metadata["traceparent"]
    assert sent == "00-00000000000000000000000000000abc-0000000000000def-01"


async def test_a_context_manager_closes_the_channel(
    make_client: MakeClient, server: ScriptedServer
) -> None:
    server.on("GetRedemption", redemptions_pb2.GetRedemptionResponse(redemption=REDEMPTION))
    async with make_client() as client:
        await client.get("rdm_1")
    with pytest.raises((ValueError, grpc.aio.UsageError)):
        await client.get("rdm_1")


async def test_a_task_that_is_cancelled_takes_its_call_along(
    server: ScriptedServer, left: threading.Event
) -> None:
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()

    def never(request: Any, context: grpc.ServicerContext) -> None:
        loop.call_soon_threadsafe(arrived.set)
        left.wait(20)

    server.on("GetRedemption", never)
    async with AsyncClient(server.target, programme="aurora") as client:
        waiting = asyncio.create_task(client.get("rdm_1"))
        await arrived.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
