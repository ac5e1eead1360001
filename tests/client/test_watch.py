"""A watch, of both clients, over a connection that breaks."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from client.conftest import ALWAYS_AT_ONCE, AT_ONCE, MakeClient
from client.scripted_server import Feed, Refuse, ScriptedServer
from handback_client import errors
from handback_client._stubs.v1 import events_pb2, lifecycle_pb2

DRAINS = Refuse(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")


def response(
    *positions: int, cursor: int | None = None, caught_up: bool = False
) -> events_pb2.WatchResponse:
    return events_pb2.WatchResponse(
        events=[
            lifecycle_pb2.RedemptionEvent(
                redemption_id=f"rdm_{position}", position=position, cursor=str(position)
            )
            for position in positions
        ],
        cursor=str(positions[-1] if cursor is None else cursor),
        caught_up=caught_up,
    )


async def next_of(events: Any) -> Any:
    return await asyncio.wait_for(anext(aiter(events)), 20)


async def test_events_come_one_by_one_and_the_cursor_follows(
    client: Any, server: ScriptedServer
) -> None:
    feed = Feed()
    server.on("Watch", feed)
    feed.send(response(1, 2, cursor=5), response(6, cursor=6))
    async with client.watch("0", partners=["p"], triggers=["confirm"], redemption_id="r") as watch:
        assert watch.cursor == "0"
        cursors = [((await next_of(watch)).position, watch.cursor) for _ in range(3)]
    assert cursors == [(1, "1"), (2, "5"), (6, "6")]
    assert server.calls["Watch"][0].requests == [
        events_pb2.WatchRequest(
            programme="aurora", after="0", partners=["p"], triggers=[4], redemption_id="r"
        )
    ]
    assert server.calls["Watch"][0].left_s is None or server.calls["Watch"][0].left_s > 1e6


async def test_a_broken_stream_is_taken_up_after_the_last_event_that_was_taken(
    client: Any, server: ScriptedServer
) -> None:
    first, second, third = Feed(), Feed(), Feed()
    server.on("Watch", first, DRAINING, second, third)
    first.send(response(1, 2), response(3, 4), DRAINS)
    second.send(response(5, cursor=8), None)  # a server that drains may also end it well
    third.send(response(9, caught_up=True))
    async with client.watch(retry=ALWAYS_AT_ONCE) as watch:
        taken = [(await next_of(watch)).position for _ in range(6)]
    assert taken == [1, 2, 3, 4, 5, 9]
    assert [call.requests[0].after for call in server.calls["Watch"]] == ["", "4", "4", "8"]


def DRAINING(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
    """A server that takes no new watch."""
    context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
    yield from ()


async def test_a_server_that_is_started_anew_is_found_again(
    client: Any, server: ScriptedServer
) -> None:
    first, second = Feed(), Feed()
    server.on("Watch", first, second)
    first.send(response(1))
    second.send(response(2))
    async with client.watch(retry=ALWAYS_AT_ONCE) as watch:
        assert (await next_of(watch)).position == 1
        await asyncio.to_thread(server.stop)
        server.start()
        assert (await next_of(watch)).position == 2
    assert server.calls["Watch"][1].requests[0].after == "1"


async def test_batches_mark_progress_and_say_once_that_they_caught_up(
    client: Any, server: ScriptedServer
) -> None:
    first, second = Feed(), Feed()
    server.on("Watch", first, second)
    first.send(response(1, 2), response(cursor=7), response(cursor=7, caught_up=True), DRAINS)
    second.send(response(8, caught_up=True))
    async with client.watch(retry=ALWAYS_AT_ONCE) as watch:
        batches = watch.batches()
        found = [await next_of(batches) for _ in range(4)]
        assert watch.caught_up
        assert watch.cursor == "8"
        await batches.aclose()
    assert [[event.position for event in batch.events] for batch in found] == [[1, 2], [], [], [8]]
    assert [batch.cursor for batch in found] == ["2", "7", "7", "8"]
    assert [batch.caught_up for batch in found] == [False, False, True, False]


async def test_a_cursor_that_is_too_old_surfaces_with_the_horizon(
    client: Any, server: ScriptedServer
) -> None:
    feed = Feed()
    server.on("Watch", feed)
    facts = {"cursor": "3", "horizon": "41"}
    feed.send(Refuse(grpc.StatusCode.OUT_OF_RANGE, "CURSOR_TOO_OLD", facts))
    async with client.watch("3") as watch:
        with pytest.raises(errors.CursorTooOld) as failed:
            await next_of(watch)
    assert failed.value.horizon == "41"


async def test_it_gives_up_when_it_is_told_to(make_client: MakeClient) -> None:
    async with make_client("127.0.0.1:1").watch(retry=AT_ONCE) as watch:
        with pytest.raises(errors.ServerUnreachable):
            await next_of(watch)


async def test_a_stream_that_fell_silent_is_taken_up_on_a_new_connection(
    client: Any, server: ScriptedServer
) -> None:
    silent, second = Feed(), Feed()
    server.on("Watch", silent, second)
    second.send(response(1, caught_up=True))
    async with client.watch(retry=ALWAYS_AT_ONCE, silence_s=0.05) as watch:
        assert (await next_of(watch)).position == 1
    assert len(server.calls["Watch"]) == 2


async def test_a_caller_who_takes_long_is_no_silence(client: Any, server: ScriptedServer) -> None:
    feed = Feed()
    server.on("Watch", feed)
    feed.send(response(1), response(2))
    async with client.watch(retry=ALWAYS_AT_ONCE, silence_s=0.02) as watch:
        await next_of(watch)
        await asyncio.sleep(0.1)  # what is tried here is time that passes
        assert (await next_of(watch)).position == 2
    assert len(server.calls["Watch"]) == 1


async def test_a_watch_that_is_let_go_leaves_nothing_behind(
    client: Any, server: ScriptedServer
) -> None:
    feed = Feed()
    server.on("Watch", feed)
    feed.send(response(1))
    watch = client.watch()
    await next_of(watch)
    inner = getattr(watch, "_inner", watch)
    stream = weakref.ref(inner._stream)
    del watch, inner
    async with asyncio.timeout(20):
        while stream() is not None:
            gc.collect()
            await asyncio.sleep(0)  # lets the loop finish what the test itself began


async def test_whoever_waits_sees_the_end_when_the_watch_is_closed(
    client: Any, server: ScriptedServer
) -> None:
    feed = Feed()
    server.on("Watch", feed)
    feed.send(response(1))
    watch = client.watch(retry=ALWAYS_AT_ONCE)
    taken = []

    async def follow() -> None:
        async for event in watch:
            taken.append(event.position)

    following = asyncio.create_task(follow())
    while not taken:  # the event is on its way over a real connection
        await asyncio.sleep(0)
    watch.close()
    await asyncio.wait_for(following, 20)
    assert taken == [1]


async def test_a_watch_that_was_closed_gives_nothing_more(
    client: Any, server: ScriptedServer
) -> None:
    feed = Feed()
    server.on("Watch", feed)
    feed.send(response(1, 2))
    async with client.watch(retry=ALWAYS_AT_ONCE) as watch:
        await next_of(watch)
    assert [event async for event in watch] == []
    assert [batch async for batch in watch.batches()] == []
    assert watch.cursor == "1"
