"""EventService: the status stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc

from handback.errors import LimitReached, ShuttingDown
from handback.lifecycle.table import Trigger
from handback_server import convert
from handback_server._stubs.v1 import events_pb2 as pb
from handback_server.callers import Context, sees_restricted
from handback_server.calls import Calls
from handback_server.cursors import Cursor
from handback_server.runtime import Runtime
from handback_server.stretches import Filter

# How long a stream stays silent, and how many events it leaves out, before it marks its progress.
_PROGRESS_S: Final = 10.0
_PROGRESS_EVENTS: Final = 20_000


class Events:
    """Every watcher goes through the stretches of the tail at its own pace."""

    def __init__(self, runtime: Runtime) -> None:
        self._tail = runtime.tail
        self._drain = runtime.drain
        self._max_watches = runtime.settings.max_watches
        self._readers = runtime.settings.restricted_readers

    async def Watch(self, request: pb.WatchRequest, context: Context) -> AsyncIterator[bytes]:
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
            unmasked = sees_restricted(context, self._readers)
            async for response in self._follow(wanted, cursor, extent.newest, unmasked):
                yield response
        finally:
            self._tail.watchers -= 1

    async def _filter(self, request: pb.WatchRequest) -> Filter:
        names = await self._tail.names()
        programme = convert.named(request.programme, "programme")
        wanted = {"programme_id": frozenset([names.programme_id(programme)])}
        if request.partners:
            partners = (names.partner_id(programme, name) for name in request.partners)
            wanted["partner_id"] = frozenset(partners)
        if request.triggers:
            triggers = convert.members(request.triggers, Trigger, "triggers")
            wanted["trigger"] = frozenset(map(int, triggers))
        if request.redemption_id:
            number = convert.redemption_number(request.redemption_id)
            wanted["redemption_id"] = frozenset([number])
        return wanted

    async def _follow(
        self, wanted: Filter, cursor: Cursor, goal: int, unmasked: bool
    ) -> AsyncIterator[bytes]:
        """The stream after a cursor; at `goal` it says that it has caught up."""
        silent, caught_up = 0, False
        while True:
            if not caught_up and cursor.position >= goal:
                caught_up, silent = True, 0
                yield _mark(cursor, caught_up=True)
            if self._drain.begun:
                raise ShuttingDown()
            stretch = await self._tail.after(cursor)
            if stretch is None:
                if not await self._moved(cursor.position):
                    yield _mark(cursor)
                continue
            response = stretch.wanted(wanted, cursor, unmasked=unmasked)
            cursor = stretch.end
            silent = 0 if response else silent + len(stretch)
            # While the message is on its way nothing else is held in memory for this stream.
            del stretch
            if response:
                yield response
            elif silent >= _PROGRESS_EVENTS:
                silent = 0
                yield _mark(cursor)

    async def _moved(self, position: int) -> bool:
        """Wait for what comes after a position; False where it is time for a mark of progress."""
        try:
            async with asyncio.timeout(_PROGRESS_S):
                await self._drain.first(self._tail.moved(position))
        except TimeoutError:
            return False
        return True


def add_events(events: Events, server: Calls) -> None:
    """Have gRPC call it; the generated way would have messages where there are bytes already."""
    watch: grpc.RpcMethodHandler[Any, Any] = grpc.unary_stream_rpc_method_handler(
        events.Watch, request_deserializer=pb.WatchRequest.FromString
    )
    name = pb.DESCRIPTOR.services_by_name["EventService"].full_name
    server.add_registered_method_handlers(name, {"Watch": watch})


def _mark(cursor: Cursor, *, caught_up: bool = False) -> bytes:
    return pb.WatchResponse(cursor=str(cursor), caught_up=caught_up).SerializeToString()
