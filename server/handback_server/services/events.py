"""EventService: the status stream."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from handback.errors import LimitReached, NotFound, ShuttingDown
from handback.lifecycle.table import Trigger
from handback_server import convert
from handback_server._stubs.v1 import events_pb2 as pb
from handback_server._stubs.v1.events_pb2_grpc import EventServiceServicer
from handback_server.callers import Context
from handback_server.cursors import Cursor
from handback_server.runtime import Runtime
from handback_server.services.stream import events_of
from handback_server.tail import Stretch, Tail

# One message per event costs 25 times more than messages of many.
_BATCH: Final = 1_000
# How long a stream stays silent, and how many events it leaves out, before it marks its progress.
_PROGRESS_S: Final = 10.0
_PROGRESS_EVENTS: Final = 20_000
# Messages that watchers with the same filter share; a thousand events each, some 0.5 MB.
_SHARED: Final = 64


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events a watcher wants; what is None or empty does not narrow."""

    programme_id: int
    partner_ids: tuple[int, ...] = ()
    triggers: tuple[int, ...] = ()
    redemption_id: int | None = None

    def of(self, events: pl.DataFrame) -> pl.DataFrame:
        """The events that pass."""
        wanted = pl.col("programme_id") == self.programme_id
        if self.partner_ids:
            wanted &= pl.col("partner_id").is_in(self.partner_ids)
        if self.triggers:
            wanted &= pl.col("trigger").is_in(self.triggers)
        if self.redemption_id is not None:
            wanted &= pl.col("redemption_id") == self.redemption_id
        return events.filter(wanted)


class Events(EventServiceServicer):
    """Every watcher goes through the stretches of the tail at its own pace."""

    def __init__(self, runtime: Runtime) -> None:
        self._tail = runtime.tail
        self._drain = runtime.drain
        self._max_watches = runtime.settings.max_watches
        self._batches = Batches(runtime.tail)

    async def Watch(
        self, request: pb.WatchRequest, context: Context
    ) -> AsyncIterator[pb.WatchResponse]:
        """Send what comes after the cursor, in batches, for as long as the caller stays."""
        if self._tail.watchers >= self._max_watches:
            raise LimitReached(f"{self._max_watches} watches at a time", retry_after_s=5.0)
        self._tail.watchers += 1
        try:
            wanted = await self._filter(request)
            extent = await self._tail.settled_extent()
            if request.after:
                cursor = Cursor.read(request.after, "after")
                extent.check(cursor.position)
            else:
                cursor = Cursor(extent.newest if request.only_new else extent.horizon)
            async for response in self._follow(wanted, cursor, extent.newest):
                yield response
        finally:
            self._tail.watchers -= 1

    async def _filter(self, request: pb.WatchRequest) -> Filter:
        names = await self._tail.names()
        programme_id = names.programmes.get(convert.named(request.programme, "programme"))
        if programme_id is None:
            raise NotFound(kind="programme", id=request.programme)
        partner_ids = []
        for partner in request.partners:
            number = names.partner_id(request.programme, partner)
            if number is None:
                raise NotFound(kind="partner", id=f"{request.programme}/{partner}")
            partner_ids.append(number)
        triggers = convert.members(request.triggers, Trigger, "triggers")
        number = convert.redemption_number(request.redemption_id) if request.redemption_id else None
        return Filter(
            programme_id, tuple(sorted(partner_ids)), tuple(map(int, sorted(triggers))), number
        )

    async def _follow(
        self, wanted: Filter, cursor: Cursor, goal: int
    ) -> AsyncIterator[pb.WatchResponse]:
        """The stream after a cursor; at `goal` it says that it has caught up."""
        silent, caught_up = 0, False
        while True:
            if not caught_up and cursor.position >= goal:
                caught_up, silent = True, 0
                yield pb.WatchResponse(cursor=str(cursor), caught_up=True)
            if self._drain.begun:
                raise ShuttingDown()
            stretch = await self._tail.after(cursor.position)
            if stretch is None:
                if not await self._moved(cursor.position):
                    yield pb.WatchResponse(cursor=str(cursor))
                continue
            silent += len(stretch.events)
            async for response in self._batches.of(stretch, wanted, cursor.place):
                silent = 0
                yield response
            cursor = Cursor(stretch.after)
            if silent >= _PROGRESS_EVENTS:
                silent = 0
                yield pb.WatchResponse(cursor=str(cursor))

    async def _moved(self, position: int) -> bool:
        """Wait for what comes after a position; False where it is time for a mark of progress."""
        try:
            async with asyncio.timeout(_PROGRESS_S):
                await self._drain.first(self._tail.moved(position))
        except TimeoutError:
            return False
        return True


class Batches:
    """Stretches as messages, made once for all watchers who want the same of them."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self._made: OrderedDict[tuple[int, int, Filter, int], pb.WatchResponse] = OrderedDict()

    async def of(
        self, stretch: Stretch, wanted: Filter, place: int
    ) -> AsyncIterator[pb.WatchResponse]:
        """The messages of a stretch whose first `place` events have been taken before."""
        rows = wanted.of(stretch.events)
        if place:
            first = stretch.before + 1
            rows = rows.filter((pl.col("position") > first) | (pl.col("place") > place))
        for start in range(0, len(rows), _BATCH):
            key = (stretch.before, stretch.after, wanted, start)
            response = None if place else self._made.get(key)
            if response is None:
                names = await self._tail.names(stretch)
                events = events_of(rows.slice(start, _BATCH), names)
                last = start + _BATCH >= len(rows)
                cursor = str(stretch.after) if last else events[-1].cursor
                response = pb.WatchResponse(events=events, cursor=cursor)
                if not place:
                    self._keep(key, response)
            yield response

    def _keep(self, key: tuple[int, int, Filter, int], response: pb.WatchResponse) -> None:
        self._made[key] = response
        if len(self._made) > _SHARED:
            self._made.popitem(last=False)
