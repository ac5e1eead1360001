"""Subscribers: a thousand watchers with filters of their own, on one server.

They sit in a few client processes and begin at the beginning. Redemptions are submitted while they
watch, and each has to be sent just the events that its filter lets through. What is counted besides
is how often the server read events from the database, and the most memory it had.

A tenth of them stops reading while redemptions are submitted, and has to be sent everything in the
end like the rest.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Final

import grpc
import sqlalchemy as sa

from handback.ids import Prefix, public_id
from handback_server._stubs.v1 import lifecycle_pb2
from handback_server._stubs.v1 import redemptions_pb2 as pb
from handback_server._stubs.v1.events_pb2 import WatchRequest
from handback_server._stubs.v1.events_pb2_grpc import EventServiceStub
from handback_server._stubs.v1.redemptions_pb2_grpc import RedemptionServiceStub
from handback_server.bench.apart import apart, peak_rss_mb
from handback_server.bench.engine import PARTNER, PROGRAMME, UNIT, engine
from handback_server.bench.ground import Ground, Place, settle
from handback_server.bench.serving import product, serving
from handback_server.runtime import Runtime
from handback_server.workers import Work

SUBSCRIBERS: Final = 1_000
_CLIENTS: Final = 4
_BORN: Final = 1_000
_BATCH: Final = 100


def subscribers(ground: Ground, records: int, order: str) -> Mapping[str, object]:
    """So many submits before a thousand subscribers; `order` means nothing here."""
    with ground.place("product") as place:
        apart(_prepare, place)
        with serving(_counting, place) as address, _watching(address, records) as clients:
            for client in clients:
                client.recv()  # that all of its watchers have caught up
            began = time.perf_counter()
            apart(_submit, address, records)
            submitted_s = time.perf_counter() - began
            events = sum(client.recv() for client in clients)
            seconds = time.perf_counter() - began
        blocks, laws_hold = apart(_end, place)
        counted = json.loads((place.folder / "counted.json").read_text())
    return {
        "records": records,
        "subscribers": SUBSCRIBERS,
        "seconds": seconds,
        "submitting_seconds": submitted_s,
        "events_sent": events,
        "events_sent_per_s": events / seconds,
        "blocks": blocks,
        **counted,
        "laws_hold": laws_hold,
    }


def _prepare(place: Place) -> None:
    with engine(place) as ours:
        ours.bear(_BORN)
    settle(place)


def _end(place: Place) -> tuple[int, bool]:
    """How many blocks there are, and whether the laws hold."""
    with engine(place) as ours:
        holds = ours.laws_hold()
        with ours.store.read() as tx:
            blocks = tx.scalar(sa.text("select count(*) from block"))
    return int(blocks or 0), holds


def _counting(parent: Connection, place: Place) -> None:
    """Handback itself, which counts how often it reads events."""
    reads = 0

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal reads
        reads += statement.startswith("SELECT") and "FROM event " in statement

    def no_work(runtime: Runtime) -> Sequence[Work]:
        sa.event.listen(runtime.store.engine, "before_cursor_execute", count)
        return ()

    product(parent, place, no_work)
    counted = {"event_reads": reads, "server_peak_rss_mb": peak_rss_mb()}
    (place.folder / "counted.json").write_text(json.dumps(counted))


@contextmanager
def _watching(address: str, records: int) -> Iterator[list[Connection]]:
    """A pipe to each of the client processes."""
    fresh = multiprocessing.get_context("spawn")
    pipes, children = [], []
    for number in range(_CLIENTS):
        ours, theirs = fresh.Pipe()
        numbers = range(number, SUBSCRIBERS, _CLIENTS)
        child = fresh.Process(target=_clients, args=(theirs, address, numbers, records))
        child.start()
        theirs.close()
        pipes.append(ours)
        children.append(child)
    try:
        yield pipes
    finally:
        for pipe in pipes:
            pipe.close()
        for child in children:
            child.join()


def _wanted(number: int, records: int) -> tuple[dict[str, Any], int]:
    """The filter of a subscriber, unlike most others', and how many events it lets through."""
    if number % 10 == 0:
        return {"redemption_id": public_id(Prefix.REDEMPTION, number + 1)}, 1
    others = [trigger for trigger in lifecycle_pb2.Trigger.values() if trigger > 1]
    chosen = [trigger for place, trigger in enumerate(others) if number >> place & 1]
    if number % 2:
        return {"triggers": [lifecycle_pb2.TRIGGER_SUBMIT, *chosen]}, _BORN + records
    return {"triggers": chosen, "partners": [PARTNER]}, 0


def _clients(parent: Connection, address: str, numbers: range, records: int) -> None:
    asyncio.run(_watch_all(parent, address, numbers, records))


async def _watch_all(parent: Connection, address: str, numbers: range, records: int) -> None:
    caught_up = asyncio.Semaphore(0)
    submitted, all_received = asyncio.Event(), asyncio.Event()

    async def watch(channel: grpc.aio.Channel, number: int) -> int:
        wanted, expected = _wanted(number, records)
        call = EventServiceStub(channel).Watch(WatchRequest(programme=PROGRAMME, **wanted))
        received, marked = 0, False
        async for response in call:
            received += len(response.events)
            if response.caught_up:
                marked = True
                caught_up.release()
                if number % 10 == 1:
                    await submitted.wait()
            if marked and received >= expected:
                break
        assert received == expected, f"{number}: {received} events and not {expected}"
        if expected <= _BORN:
            await all_received.wait()  # who has nothing to come goes on listening
        call.cancel()
        return received

    async with grpc.aio.insecure_channel(address) as channel:
        watches = {number: asyncio.create_task(watch(channel, number)) for number in numbers}
        for _ in numbers:
            await caught_up.acquire()
        parent.send(None)
        reading = [number for number in numbers if _wanted(number, records)[1] > _BORN]
        await asyncio.gather(*(watches[number] for number in reading if number % 10 != 1))
        submitted.set()
        await asyncio.gather(*(watches[number] for number in reading))
        all_received.set()
        parent.send(sum(await asyncio.gather(*watches.values())))


def _submit(address: str, records: int) -> None:
    asyncio.run(_submitted(address, records))


async def _submitted(address: str, records: int) -> None:
    async def batches() -> AsyncIterator[pb.SubmitRedemptionsRequest]:
        for first in range(0, records, _BATCH):
            submissions = [_submission(n) for n in range(first, min(first + _BATCH, records))]
            yield pb.SubmitRedemptionsRequest(programme=PROGRAMME, submissions=submissions)

    async with grpc.aio.insecure_channel(address) as channel:
        call = RedemptionServiceStub(channel).SubmitRedemptions(batches())
        async for response in call:
            assert not any(outcome.HasField("error") for outcome in response.outcomes)


def _submission(number: int) -> pb.Submission:
    return pb.Submission(
        request_key=f"key-{number}",
        partner=PARTNER,
        member_ref=f"M{number}",
        quantity=500,
        unit=UNIT,
        fields={"surname": "Example"},
    )
