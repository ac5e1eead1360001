"""What every call goes through: health, reflection, limits, deadlines, and errors of our own."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace

import grpc
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from fake_clock import FakeClock
from handback.errors import InvalidSettings, StoreUnavailable
from handback.redemptions import queries
from handback.settings import Address, Settings, StoreURL
from handback_server._stubs.v1 import redemptions_pb2
from handback_server._stubs.v1.redemptions_pb2_grpc import RedemptionServiceStub
from handback_server.app import Server
from server.calls import PROGRAMME, Callers, reason_of, refused, serving, submission

SERVICES = {
    f"handback.v1.{name}Service"
    for name in (
        "Redemption",
        "Payout",
        "HandbackFile",
        "Break",
        "Agreement",
        "Format",
        "Ledger",
        "Event",
    )
}


async def test_every_service_is_healthy(callers: Callers) -> None:
    health = health_pb2_grpc.HealthStub(callers.channel)
    for name in ("", *SERVICES):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_lists_every_service(callers: Callers) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(callers.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    [answer] = [one async for one in stub.ServerReflectionInfo(iter([request]))]
    listed = {service.name for service in answer.list_services_response.service}
    assert listed >= SERVICES
    assert "grpc.health.v1.Health" in listed


async def test_no_service_is_left_unimplemented(callers: Callers) -> None:
    for stub in vars(callers).values():
        methods = vars(stub).values() if type(stub).__name__.endswith("ServiceStub") else ()
        for method in methods:
            async with refused() as told:
                await begin(method)
            assert told.code is not grpc.StatusCode.UNIMPLEMENTED, method._method


async def begin(method: object) -> object:
    """Call a method with an empty request; the first answer."""
    kind = type(method).__name__
    request = request_of(method)
    call = method(iter([request])) if kind.startswith("Stream") else method(request)  # type: ignore[operator]
    if kind.endswith("StreamMultiCallable"):
        return [answer async for answer in call]
    return await call


def request_of(method: object) -> Message:
    """An empty request of a method, found by its name."""
    path = method._method.decode()  # type: ignore[attr-defined]
    name = f"handback.v1.{path.rpartition('/')[2]}Request"
    return GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))()


@pytest.mark.usefixtures("partner")
async def test_a_message_that_is_too_large_is_refused_with_the_limit(callers: Callers) -> None:
    bulky = submission("one", fields={"surname": "x" * (1 << 20)})
    request = redemptions_pb2.SubmitRedemptionRequest(programme=PROGRAMME, submission=bulky)
    async with refused() as told:
        await callers.redemptions.SubmitRedemption(request)
    assert (told.code, told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_REACHED")


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Reading a redemption waits for this."""
    release = threading.Event()
    get = queries.get

    def waiting(*args: object) -> object:
        assert release.wait(30)
        return get(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(queries, "get", waiting)
    yield release
    release.set()


async def test_a_caller_is_let_go_at_its_deadline(callers: Callers, held: threading.Event) -> None:
    async with refused() as told:
        await callers.redemptions.GetRedemption(some_redemption(), timeout=0.1)
    assert told.code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_too_much_waiting_work_is_refused_with_a_delay(
    settings: Settings, clock: FakeClock, held: threading.Event
) -> None:
    async with serving(replace(settings, workers=1), clock) as callers:
        stub = callers.redemptions
        calls = [asyncio.ensure_future(code_of(stub)) for _ in range(200)]
        done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        assert {call.result() for call in done} == {"LIMIT_REACHED"}
        held.set()
        assert set(await asyncio.gather(*calls)) == {"LIMIT_REACHED", "NOT_FOUND"}


async def code_of(stub: RedemptionServiceStub) -> str:
    """Why a redemption that does not exist is not given."""
    return await reason_of(stub.GetRedemption(some_redemption()))


def some_redemption() -> redemptions_pb2.GetRedemptionRequest:
    """A well-formed request for what does not exist."""
    return redemptions_pb2.GetRedemptionRequest(
        programme=PROGRAMME, redemption_id="rdm_0000000000001"
    )


async def test_a_mistake_of_ours_is_logged_and_not_told(
    callers: Callers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object) -> object:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(queries, "get", broken)
    with caplog.at_level(logging.ERROR):
        async with refused() as told:
            await callers.redemptions.GetRedemption(some_redemption())
    assert (told.code, told.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "a secret" in caplog.text


async def test_a_store_that_cannot_be_reached_is_no_store_to_serve(
    settings: Settings, clock: FakeClock
) -> None:
    nowhere = StoreURL("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(StoreUnavailable):
        await Server.open(replace(settings, store=nowhere), clock, lambda runtime: ())


async def test_an_address_that_is_taken_is_no_place_to_listen(
    settings: Settings, clock: FakeClock, callers: Callers
) -> None:
    async with serving(settings, clock) as other:
        port = int(other.target.rpartition(":")[2])
        taken = replace(settings, listen=Address("127.0.0.1", port))
        with pytest.raises(InvalidSettings):
            await Server.open(taken, clock, lambda runtime: ())


@pytest.mark.usefixtures("partner")
async def test_a_call_goes_below_its_caller_in_the_trace(
    callers: Callers, spans: InMemorySpanExporter
) -> None:
    trace_id, span_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    metadata = (("traceparent", f"00-{trace_id}-{span_id}-01"),)
    request = redemptions_pb2.SubmitRedemptionRequest(
        programme=PROGRAMME, submission=submission("one")
    )
    await callers.redemptions.SubmitRedemption(request, metadata=metadata)
    [span] = (one for one in spans.get_finished_spans() if one.kind is SpanKind.SERVER)
    assert span.name == "handback.v1.RedemptionService/SubmitRedemption"
    assert span.parent is not None
    assert (span.parent.trace_id, span.parent.span_id) == (int(trace_id, 16), int(span_id, 16))
    assert (span.attributes or {})["rpc.grpc.status_code"] == 0


async def test_what_the_caller_did_wrong_is_named_in_the_span_and_no_error_of_ours(
    callers: Callers, spans: InMemorySpanExporter
) -> None:
    assert await reason_of(callers.redemptions.GetRedemption(some_redemption())) == "NOT_FOUND"
    [span] = (one for one in spans.get_finished_spans() if one.kind is SpanKind.SERVER)
    assert (span.attributes or {})["error.type"] == "NOT_FOUND"
    assert span.status.status_code is StatusCode.UNSET
