"""The status stream: every event once, in order, from anywhere, whatever the watcher's pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import grpc
import pytest

from fake_clock import FakeClock
from handback.settings import Settings
from handback_server import pages
from handback_server._stubs.v1 import lifecycle_pb2, redemptions_pb2
from handback_server._stubs.v1.events_pb2 import WatchRequest, WatchResponse
from handback_server._stubs.v1.lifecycle_pb2 import RedemptionEvent
from handback_server.services import events as service
from server.calls import PARTNER, PROGRAMME, Callers, refused, serving

pytestmark = pytest.mark.usefixtures("partner")


class Watcher:
    """Reads one stream as far as a test wants."""

    def __init__(self, responses: AsyncIterator[WatchResponse]) -> None:
        self._responses = responses
        self.responses: list[WatchResponse] = []

    @property
    def events(self) -> list[RedemptionEvent]:
        """All events so far."""
        return [event for response in self.responses for event in response.events]

    async def one(self) -> WatchResponse:
        """The next response."""
        async with asyncio.timeout(10):
            self.responses.append(await anext(self._responses))
        return self.responses[-1]

    async def until(self, count: int) -> list[RedemptionEvent]:
        """Everything up to the response that brings the events to so many."""
        while len(self.events) < count:
            await self.one()
        return self.events

    async def until_caught_up(self) -> list[RedemptionEvent]:
        """Everything up to the mark."""
        while not (await self.one()).caught_up:
            pass
        return self.events


@asynccontextmanager
async def watching(callers: Callers, **wanted: object) -> AsyncIterator[Watcher]:
    """A stream that ends with the block."""
    request = WatchRequest(**({"programme": PROGRAMME} | wanted))  # type: ignore[arg-type]
    call = callers.events.Watch(request)
    try:
        yield Watcher(aiter(call))
    finally:
        call.cancel()


async def test_what_was_comes_before_the_mark_and_what_follows_after_it(callers: Callers) -> None:
    await callers.submit_many(3)
    async with watching(callers) as watcher:
        assert len(await watcher.until_caught_up()) == 3
        fourth = await callers.submit("fourth")
        events = await watcher.until(4)
        assert events[3].redemption_id == fourth.redemption_id
        assert [response.caught_up for response in watcher.responses].count(True) == 1


async def test_an_event_says_all_there_is_to_say(callers: Callers, clock: FakeClock) -> None:
    submitted = await callers.submit("one")
    async with watching(callers) as watcher:
        [event] = await watcher.until(1)
    assert event.committed_at.ToDatetime(clock.now().tzinfo) == clock.now()
    assert event.block_id.startswith("blk_")
    event.ClearField("committed_at")
    event.ClearField("block_id")
    assert event == RedemptionEvent(
        redemption_id=submitted.redemption_id,
        version=1,
        trigger=lifecycle_pb2.TRIGGER_SUBMIT,
        to_state=lifecycle_pb2.REDEMPTION_STATE_SUBMITTED,
        quantity=500,
        partner=PARTNER,
        unit="miles",
        cause=lifecycle_pb2.CAUSE_KIND_COMMAND,
        actor="local",
        position=1,
        cursor="0.1",
    )


async def test_a_stream_goes_on_after_any_event(callers: Callers) -> None:
    await callers.submit_many(2_500)
    async with watching(callers) as watcher:
        whole = await watcher.until(2_500)
    for place in (0, 1, 998, 999, 1_000, 1_500, 2_498):
        async with watching(callers, after=whole[place].cursor) as watcher:
            rest = await watcher.until(2_499 - place)
        assert [event.redemption_id for event in rest] == [
            event.redemption_id for event in whole[place + 1 :]
        ]


async def test_a_stream_goes_on_after_any_response(callers: Callers) -> None:
    await callers.submit_many(2_500)
    async with watching(callers) as watcher:
        whole = await watcher.until(2_500)
    seen = 0
    for response in watcher.responses:
        seen += len(response.events)
        async with watching(callers, after=response.cursor) as again:
            assert await again.until_caught_up() == whole[seen:]


async def test_only_new_events_where_asked(callers: Callers) -> None:
    await callers.submit("old")
    async with watching(callers, only_new=True) as watcher:
        assert await watcher.until_caught_up() == []
        new = await callers.submit("new")
        [event] = await watcher.until(1)
        assert event.redemption_id == new.redemption_id


async def test_filters_leave_out_the_rest_and_the_cursor_moves_past_it(callers: Callers) -> None:
    first, second = await callers.submit("one"), await callers.submit("two")
    cancel = redemptions_pb2.CancelRedemptionRequest(
        programme=PROGRAMME, request_key="three", redemption_id=first.redemption_id
    )
    await callers.redemptions.CancelRedemption(cancel)
    for wanted, versions in (
        ({"redemption_id": first.redemption_id}, [1, 2]),
        ({"redemption_id": second.redemption_id}, [1]),
        ({"triggers": [lifecycle_pb2.TRIGGER_CANCEL]}, [2]),
        ({"partners": [PARTNER]}, [1, 1, 2]),
    ):
        async with watching(callers, **wanted) as watcher:
            assert [event.version for event in await watcher.until_caught_up()] == versions
            assert watcher.responses[-1].cursor == "3"


async def test_a_quiet_stream_marks_its_progress(
    callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_PROGRESS_S", 0.02)
    async with watching(callers, triggers=[lifecycle_pb2.TRIGGER_CANCEL]) as watcher:
        await watcher.until_caught_up()
        await callers.submit("left out")
        while (await watcher.one()).cursor != "1":
            pass
        assert watcher.events == []


async def test_a_watcher_that_falls_behind_the_memory_loses_nothing(
    callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "KEPT_BYTES", 10_000)
    async with watching(callers) as slow, watching(callers) as fast:
        await asyncio.gather(slow.until_caught_up(), fast.until_caught_up())
        submitted = []
        for start in range(0, 5_000, 500):
            submitted += await callers.submit_many(500, start)
        expected = [one.redemption_id for one in submitted]
        assert [event.redemption_id for event in await fast.until(5_000)] == expected
        assert [event.redemption_id for event in await slow.until(5_000)] == expected


async def test_concurrent_callers_are_seen_once_each_and_in_version_order(
    callers: Callers,
) -> None:
    async def submit_and_cancel(key: str) -> None:
        redemption_id = (await callers.submit(key)).redemption_id
        request = redemptions_pb2.CancelRedemptionRequest(
            programme=PROGRAMME, request_key=f"cancel {key}", redemption_id=redemption_id
        )
        await callers.redemptions.CancelRedemption(request)

    async with watching(callers) as watcher:
        await asyncio.gather(*(submit_and_cancel(f"key-{n}") for n in range(100)))
        events = await watcher.until(200)
    positions = [event.position for event in events]
    assert positions == sorted(positions)
    steps = [(event.redemption_id, event.version) for event in events]
    assert len(set(steps)) == 200
    assert all(steps.index((one, 1)) < steps.index((one, 2)) for one, _ in steps)


@pytest.mark.parametrize("cursor", ["x", "1.", "-1", "1.2.3", "١"])
async def test_rubbish_is_no_cursor(callers: Callers, cursor: str) -> None:
    async with refused() as told, watching(callers, after=cursor) as watcher:
        await watcher.one()
    assert (told.reason, told.fields) == ("INVALID_REQUEST", ["after"])


async def test_a_cursor_ahead_of_the_journal_is_refused(callers: Callers) -> None:
    async with refused() as told, watching(callers, after="7") as watcher:
        await watcher.one()
    assert (told.code, told.reason) == (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_AHEAD")


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"programme": "nowhere"}, "NOT_FOUND"),
        ({"programme": ""}, "INVALID_REQUEST"),
        ({"partners": ["nobody"]}, "NOT_FOUND"),
        ({"redemption_id": "bat_1"}, "INVALID_REQUEST"),
        ({"triggers": [0]}, "INVALID_REQUEST"),
    ],
)
async def test_a_watch_for_what_cannot_be_is_refused(
    callers: Callers, wanted: dict[str, object], reason: str
) -> None:
    async with refused() as told, watching(callers, **wanted) as watcher:
        await watcher.one()
    assert told.reason == reason


async def test_a_cursor_older_than_the_horizon_names_the_horizon(
    settings: Settings, clock: FakeClock, callers: Callers
) -> None:
    for key in ("one", "two", "three"):
        await callers.submit(key)
    # The least that may be set is a thousand positions; the tail takes any number.
    short = replace(settings, horizon=1)
    async with serving(short, clock) as other:
        async with refused() as told, watching(other, after="1") as watcher:
            await watcher.one()
        assert (told.code, told.reason) == (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_TOO_OLD")
        assert told.facts == {"cursor": "1", "horizon": "2"}
        async with watching(other, after=told.facts["horizon"]) as watcher:
            [event] = await watcher.until_caught_up()
            assert event.position == 3


async def test_watchers_are_limited(settings: Settings, clock: FakeClock) -> None:
    few = replace(settings, max_watches=1)
    async with serving(few, clock) as callers, watching(callers) as first:
        await first.until_caught_up()
        async with refused() as told, watching(callers) as second:
            await second.one()
    assert (told.code, told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_REACHED")


async def test_one_process_sees_what_another_commits(
    settings: Settings, clock: FakeClock, callers: Callers
) -> None:
    async with serving(settings, clock) as other, watching(other) as watcher:
        await watcher.until_caught_up()
        submitted = await callers.submit_many(50)
        events = await watcher.until(50)
    assert {event.redemption_id for event in events} == {one.redemption_id for one in submitted}


@pytest.mark.parametrize("store_kind", ["postgres"])
async def test_another_process_is_heard_at_once(settings: Settings, clock: FakeClock) -> None:
    never = replace(settings, sequence_s=3_600.0)
    async with (
        serving(never, clock) as one,
        serving(never, clock) as other,
        watching(other) as watcher,
    ):
        await watcher.until_caught_up()
        submitted = await one.submit("one")
        [event] = await watcher.until(1)
    assert event.redemption_id == submitted.redemption_id
