"""Latency: from a commit until a subscriber has its event, beside a notification and an echo.

One caller submits, and waits for the event, before it submits the next. The server notes the moment
at which the commit returns, the subscriber the moment at which it has the event; both are on one
machine and read one clock.

What it stands beside is measured in the same run: on PostgreSQL from the beginning of a transaction
that inserts a row and notifies, durable as all are, until a listener on another connection has it,
since a block gets its position by such a one; and on both stores the round trip of a call to a
server that answers at once.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grpc
import numpy as np
import psycopg

from handback_server._stubs.v1 import events_pb2
from handback_server._stubs.v1 import redemptions_pb2 as pb
from handback_server._stubs.v1.events_pb2_grpc import EventServiceStub
from handback_server._stubs.v1.redemptions_pb2_grpc import RedemptionServiceStub
from handback_server.bench.apart import apart
from handback_server.bench.engine import PARTNER, PROGRAMME, UNIT, engine
from handback_server.bench.ground import Ground, Place
from handback_server.bench.serving import echo, product, serving
from handback_server.runtime import Runtime
from handback_server.workers import Work

if TYPE_CHECKING:
    from handback_server._stubs.v1.redemptions_pb2_grpc import RedemptionServiceAsyncStub

_WARM_UP: Final = 50
_CHANNEL: Final = "handback_bench"


def latency(ground: Ground, records: int, order: str) -> Mapping[str, object]:
    """So many commits, one after the other; `order` means nothing here."""
    with ground.place("product") as place:
        apart(_prepare, place)
        with serving(echo) as address:
            echoed = apart(_echoed, address, records)
        notified = apart(_notified, place, records) if place.store == "postgres" else [0.0]
        with serving(_noting, place) as address:
            arrived = apart(_watched, address, records)
        laws_hold = apart(_laws, place)
        committed = json.loads(_noted(place).read_text())
    # The last commit before the answer is the one that it speaks of.
    late = [at - committed[bisect_left(committed, at) - 1] for at in arrived]
    beside_p99 = _p(99, notified) + _p(99, echoed)
    return {
        "records": records,
        **{f"p{share}_ms": _p(share, late) for share in (50, 99)},
        **{f"echo_p{share}_ms": _p(share, echoed) for share in (50, 99)},
        **{f"notify_p{share}_ms": _p(share, notified) for share in (50, 99)},
        "p99_to_notify_and_echo": _p(99, late) / beside_p99,
        "laws_hold": laws_hold,
    }


def _p(share: int, seconds: Sequence[float]) -> float:
    """The percentile, in milliseconds."""
    return float(np.percentile(seconds, share)) * 1_000


def _prepare(place: Place) -> None:
    with engine(place):
        pass


def _laws(place: Place) -> bool:
    with engine(place) as ours:
        return ours.laws_hold()


def _noting(parent: Connection, place: Place) -> None:
    """Handback itself, which notes when its commits return."""
    committed: list[float] = []

    def note() -> None:
        # Giving positions commits as well, on a thread of the bridge.
        if not threading.current_thread().name.startswith("engine"):
            committed.append(time.monotonic())

    def no_work(runtime: Runtime) -> Sequence[Work]:
        runtime.store.on_commit(note)
        return ()

    product(parent, place, no_work)
    _noted(place).write_text(json.dumps(committed))


def _noted(place: Place) -> Path:
    return place.folder / "committed.json"


def _watched(address: str, count: int) -> list[float]:
    """When each event was there."""
    return asyncio.run(_watch(address, count))


async def _watch(address: str, count: int) -> list[float]:
    arrived = []
    async with grpc.aio.insecure_channel(address) as channel:
        watching = EventServiceStub(channel).Watch(
            events_pb2.WatchRequest(programme=PROGRAMME, only_new=True)
        )
        responses = aiter(watching)
        await anext(responses)  # that it has caught up
        submit = _submitting(channel)
        for number in range(_WARM_UP + count):
            answer = asyncio.ensure_future(submit(number))
            while not (await anext(responses)).events:
                pass
            arrived.append(time.monotonic())
            await answer
        watching.cancel()
    return arrived[_WARM_UP:]


def _echoed(address: str, count: int) -> list[float]:
    """Seconds of each call to a server that answers at once."""
    return asyncio.run(_echo(address, count))


async def _echo(address: str, count: int) -> list[float]:
    took = []
    async with grpc.aio.insecure_channel(address) as channel:
        submit = _submitting(channel)
        for number in range(_WARM_UP + count):
            began = time.monotonic()
            await submit(number)
            took.append(time.monotonic() - began)
    return took[_WARM_UP:]


def _submitting(channel: grpc.aio.Channel) -> Callable[[int], Awaitable[object]]:
    stub: RedemptionServiceAsyncStub = RedemptionServiceStub(channel)

    async def submit(number: int) -> object:
        submission = pb.Submission(
            request_key=f"key-{number}",
            partner=PARTNER,
            member_ref=f"M{number}",
            quantity=500,
            unit=UNIT,
            fields={"surname": "Example"},
        )
        request = pb.SubmitRedemptionRequest(programme=PROGRAMME, submission=submission)
        return await stub.SubmitRedemption(request)

    return submit


def _notified(place: Place, count: int) -> list[float]:
    """Seconds from the beginning of each commit that notifies until another connection hears."""
    took = []
    with (
        psycopg.connect(place.url, autocommit=True) as hears,
        psycopg.connect(place.url, autocommit=True) as tells,
    ):
        tells.execute("create table bench_notice (number int)")
        hears.execute(f"listen {_CHANNEL}")
        for _ in range(_WARM_UP + count):
            began = time.monotonic()
            with tells.transaction():
                tells.execute("insert into bench_notice values (1)")
                tells.execute(f"notify {_CHANNEL}")
            for _notice in hears.notifies(stop_after=1):
                took.append(time.monotonic() - began)
    return took[_WARM_UP:]
