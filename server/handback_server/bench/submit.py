"""Submit: unary from many callers and from one, and streamed, beside an echo and bare inserts.

The bare server inserts one row for a unary submit, and for a streamed batch the same rows as the
product, without deciding anything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final
from zlib import crc32

import grpc

from handback_server._stubs.v1 import redemptions_pb2 as pb
from handback_server._stubs.v1.redemptions_pb2_grpc import RedemptionServiceStub
from handback_server.bench.apart import apart
from handback_server.bench.engine import MEMBERS, PARTNER, PROGRAMME, UNIT, engine
from handback_server.bench.ground import Ground, Place
from handback_server.bench.serving import echo, inserting, product, serving

if TYPE_CHECKING:
    from handback_server._stubs.v1.redemptions_pb2_grpc import RedemptionServiceAsyncStub

CALLERS: Final = 64
_ALONE_CALLS: Final = 300
_WARM_UP_CALLS: Final = 200
_BATCH: Final = 1_000


def submit(ground: Ground, records: int, order: str) -> Mapping[str, object]:
    """So many submits by 64 callers, then as many streamed by one; `order` means nothing here."""
    with serving(echo) as address:
        ceiling = apart(_measure, address, records)
    with ground.place("bare") as place:
        apart(_prepare, place)
        with serving(inserting, place) as address:
            bare = apart(_measure, address, records)
    with ground.place("product") as place:
        apart(_prepare, place)
        with serving(product, place) as address:
            ours = apart(_measure, address, records)
        laws_hold = apart(_laws, place)
    return {
        "records": records,
        "callers": CALLERS,
        "calls_per_s": ours["calls_per_s"],
        "echo_calls_per_s": ceiling["calls_per_s"],
        "bare_calls_per_s": bare["calls_per_s"],
        "ratio_to_echo": ours["calls_per_s"] / ceiling["calls_per_s"],
        "ratio_to_bare": ours["calls_per_s"] / bare["calls_per_s"],
        "alone_ms": ours["alone_ms"],
        "bare_alone_ms": bare["alone_ms"],
        "echo_alone_ms": ceiling["alone_ms"],
        "alone_to_bare": ours["alone_ms"] / bare["alone_ms"],
        "streamed_per_s": ours["streamed_per_s"],
        "bare_streamed_per_s": bare["streamed_per_s"],
        "streamed_to_bare": ours["streamed_per_s"] / bare["streamed_per_s"],
        "laws_hold": laws_hold,
    }


def _prepare(place: Place) -> None:
    with engine(place):
        pass


def _laws(place: Place) -> bool:
    with engine(place) as ours:
        return ours.laws_hold()


def _measure(address: str, records: int) -> dict[str, float]:
    return asyncio.run(_measured(address, records))


async def _measured(address: str, records: int) -> dict[str, float]:
    async with grpc.aio.insecure_channel(address) as channel:
        stub = RedemptionServiceStub(channel)

        async def one(key: str) -> None:
            request = pb.SubmitRedemptionRequest(programme=PROGRAMME, submission=_submission(key))
            await stub.SubmitRedemption(request)

        await _by_callers(one, "warm-up", _WARM_UP_CALLS)
        began = time.perf_counter()
        await _by_callers(one, "many", records)
        many_s = time.perf_counter() - began
        took = []
        for number in range(_ALONE_CALLS):
            began = time.perf_counter()
            await one(f"alone-{number}")
            took.append(time.perf_counter() - began)
        began = time.perf_counter()
        streamed = await _streamed(stub, records)
        streamed_s = time.perf_counter() - began
    return {
        "calls_per_s": records / many_s,
        "alone_ms": sorted(took)[_ALONE_CALLS // 2] * 1_000,
        "streamed_per_s": streamed / streamed_s,
    }


async def _by_callers(one: Callable[[str], Awaitable[None]], name: str, calls: int) -> None:
    """So many calls, each caller waiting for its answer before it asks again."""
    keys = iter(range(calls))

    async def caller() -> None:
        for number in keys:
            await one(f"{name}-{number}")

    async with asyncio.TaskGroup() as callers:
        for _ in range(CALLERS):
            callers.create_task(caller())


async def _streamed(stub: RedemptionServiceAsyncStub, records: int) -> int:
    """Submit in one stream of batches, none sent before the one before is answered."""
    call = stub.SubmitRedemptions()
    answered = 0
    for start in range(0, records, _BATCH):
        numbers = range(start, min(start + _BATCH, records))
        submissions = [_submission(f"streamed-{number}") for number in numbers]
        await call.write(pb.SubmitRedemptionsRequest(programme=PROGRAMME, submissions=submissions))
        response = await call.read()
        assert isinstance(response, pb.SubmitRedemptionsResponse)
        answered += sum(outcome.HasField("redemption") for outcome in response.outcomes)
    await call.done_writing()
    assert answered == records, "every submission is taken in"
    return answered


def _submission(key: str) -> pb.Submission:
    """A submission like no other: what all of a batch have alike could be written once."""
    told = crc32(key.encode())
    return pb.Submission(
        request_key=key,
        partner=PARTNER,
        member_ref=f"M{told % MEMBERS:08}",
        quantity=500 + told % 9_000,
        unit=UNIT,
        fields={"surname": f"Example {told % 997}"},
    )
