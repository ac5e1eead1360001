"""Submit: unary from many callers and from one, and streamed, beside an echo and bare inserts.

The bare server inserts one row for a unary submit, and for a streamed batch the same rows as the
product, without deciding anything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
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

Ask = Callable[[str], Awaitable[None]]

CALLERS: Final = 64
# A lone caller asks one server after the other, so many times in a row, of which the first few are
# not counted: what else the machine does then falls on all alike.
_TURNS: Final = 10
_CALLS_A_TURN: Final = 50
_UNCOUNTED: Final = 10
_WARM_UP_CALLS: Final = 200
_BATCH: Final = 1_000


def submit(ground: Ground, records: int, order: str) -> Mapping[str, object]:
    """So many submits by 64 callers, then as many streamed by one; `order` means nothing here."""
    with ground.place("bare") as bare_place, ground.place("product") as our_place:
        for place in (bare_place, our_place):
            apart(_prepare, place)
        with (
            serving(echo) as echoing,
            serving(inserting, bare_place) as inserts,
            serving(product, our_place) as submits,
        ):
            addresses = echoing, inserts, submits
            ceiling, bare, ours = [apart(_measure, address, records) for address in addresses]
            echo_alone_ms, bare_alone_ms, alone_ms = apart(_alone, addresses)
        laws_hold = apart(_laws, our_place)
    return {
        "records": records,
        "callers": CALLERS,
        "calls_per_s": ours["calls_per_s"],
        "echo_calls_per_s": ceiling["calls_per_s"],
        "bare_calls_per_s": bare["calls_per_s"],
        "ratio_to_echo": ours["calls_per_s"] / ceiling["calls_per_s"],
        "ratio_to_bare": ours["calls_per_s"] / bare["calls_per_s"],
        "alone_ms": alone_ms,
        "bare_alone_ms": bare_alone_ms,
        "echo_alone_ms": echo_alone_ms,
        "alone_to_bare": alone_ms / bare_alone_ms,
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
    async with _asking(address) as (stub, one):
        await _by_callers(one, "warm-up", _WARM_UP_CALLS)
        began = time.perf_counter()
        await _by_callers(one, "many", records)
        many_s = time.perf_counter() - began
        began = time.perf_counter()
        streamed = await _streamed(stub, records)
        streamed_s = time.perf_counter() - began
    return {"calls_per_s": records / many_s, "streamed_per_s": streamed / streamed_s}


def _alone(addresses: Sequence[str]) -> list[float]:
    """What a lone call takes at each address, the median in milliseconds."""
    return asyncio.run(_one_after_the_other(addresses))


async def _one_after_the_other(addresses: Sequence[str]) -> list[float]:
    took: list[list[float]] = [[] for _ in addresses]
    async with AsyncExitStack() as stack:
        asked = [(await stack.enter_async_context(_asking(address)))[1] for address in addresses]
        for turn in range(_TURNS):
            for one, its in zip(asked, took, strict=True):
                calls = [await _timed(one, f"alone-{turn}-{n}") for n in range(_CALLS_A_TURN)]
                its += calls[_UNCOUNTED:]
    return [median(its) * 1_000 for its in took]


async def _timed(one: Ask, key: str) -> float:
    began = time.perf_counter()
    await one(key)
    return time.perf_counter() - began


@asynccontextmanager
async def _asking(address: str) -> AsyncIterator[tuple[RedemptionServiceAsyncStub, Ask]]:
    """What calls a server, and what submits one redemption under a key."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = RedemptionServiceStub(channel)

        async def one(key: str) -> None:
            request = pb.SubmitRedemptionRequest(programme=PROGRAMME, submission=_submission(key))
            await stub.SubmitRedemption(request)

        yield stub, one


async def _by_callers(one: Ask, name: str, calls: int) -> None:
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
