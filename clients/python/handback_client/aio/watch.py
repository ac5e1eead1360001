"""A watch: events as they are committed, through as many connections as it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import random
from types import TracebackType
from typing import Self

from handback_client._stubs.v1 import events_pb2
from handback_client._stubs.v1.events_pb2_grpc import EventServiceStub
from handback_client.aio.connection import Connection
from handback_client.aio.runtime import sleep
from handback_client.aio.stream import AsyncStream
from handback_client.convert import event_batch
from handback_client.errors import HandbackError
from handback_client.models import Event, EventBatch
from handback_client.resume import Resume
from handback_client.retry import RetryPolicy


class AsyncWatch:
    """Events in the one order of the journal, without gap and without repeat.

    Iterate over it for single events, or over `batches()` for speed and for marks of progress;
    use it as a context manager, or `close` it. Store `cursor` after your own work on an event,
    and begin the next watch with it.
    """

    def __init__(
        self,
        connection: Connection,
        request: events_pb2.WatchRequest,
        retry: RetryPolicy,
        silence_s: float,
    ) -> None:
        self._connection = connection
        self._events = EventServiceStub(connection.channel)
        self._request = request
        self._resume = Resume(request.after, retry, random)
        self._silence_s = silence_s
        self._stream: AsyncStream[events_pb2.WatchResponse] | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave; whoever waits for the next event, in any thread or task, sees the end."""
        self._closed = True
        self._disconnect()

    @property
    def cursor(self) -> str:
        """The place after the last event that was handed over; resumes a later watch there."""
        return self._resume.cursor

    @property
    def caught_up(self) -> bool:
        """Whether everything committed before the watch began has been handed over."""
        return self._resume.caught_up

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._closed:
            event = self._resume.take()
            if event is not None:
                return event
            await self._receive()
        raise StopAsyncIteration

    async def batches(self) -> AsyncIterator[EventBatch]:
        """Events as they arrive together; a batch without any marks progress or catching up."""
        while not self._closed:
            if await self._receive():
                yield self._resume.take_batch()

    async def _receive(self) -> bool:
        """Bring in one response, or nothing: a pause was made, or the watch was closed."""
        try:
            stream = self._stream or self._connect()
            self._resume.received(event_batch(await stream.next()))
            return True
        except HandbackError as error:
            if self._closed:
                return False
            self._disconnect()
            pause_s = self._resume.pause_after(error)
            if pause_s is None:
                raise
        await sleep(pause_s)
        return False

    def _connect(self) -> AsyncStream[events_pb2.WatchResponse]:
        """Ask for what follows the cursor; the connection is made when the first is awaited."""
        self._request.after = self._resume.cursor
        call = self._events.Watch(self._request, metadata=self._connection.call_metadata())
        self._stream = stream = AsyncStream(call, self._silence_s)
        if self._closed:  # by another thread, a moment ago
            stream.close()
        return stream

    def _disconnect(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
