"""Bare servers that stream messages which were recorded from the product."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc

from handback_server._stubs.v1.events_pb2 import WatchRequest, WatchResponse
from handback_server._stubs.v1.lifecycle_pb2 import RedemptionEvent
from handback_server.bench.serving import serve_bare

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]

_NAMES: Final = tuple(field.name for field in RedemptionEvent.DESCRIPTOR.fields)
_LENGTH_BYTES: Final = 4


def record(messages: Sequence[bytes], target: Path) -> None:
    """Write messages for the servers here, each behind its length."""
    target.write_bytes(b"".join(len(one).to_bytes(_LENGTH_BYTES, "big") + one for one in messages))


def made(parent: Connection, recorded: Path) -> None:
    """Streams messages that are all made already; gRPC serialises them as usual."""
    messages = list(_messages(recorded))
    _serve(parent, lambda: iter(messages))


def built(parent: Connection, recorded: Path) -> None:
    """Builds the same messages from rows in memory, event by event, with the generated classes."""
    rows = [
        ([tuple(getattr(event, name) for name in _NAMES) for event in message.events], message)
        for message in _messages(recorded)
    ]

    def messages() -> Iterator[WatchResponse]:
        for events, message in rows:
            yield WatchResponse(
                events=[RedemptionEvent(**dict(zip(_NAMES, row, strict=True))) for row in events],
                cursor=message.cursor,
                caught_up=message.caught_up,
            )

    _serve(parent, messages)


def _serve(parent: Connection, messages: Callable[[], Iterator[WatchResponse]]) -> None:
    async def watch(_request: WatchRequest, _context: object) -> AsyncIterator[WatchResponse]:
        for message in messages():
            yield message

    handler: Handler = grpc.unary_stream_rpc_method_handler(
        watch, WatchRequest.FromString, WatchResponse.SerializeToString
    )
    service = grpc.method_handlers_generic_handler("handback.v1.EventService", {"Watch": handler})
    asyncio.run(serve_bare(parent, service))


def _messages(recorded: Path) -> Iterator[WatchResponse]:
    content, at = recorded.read_bytes(), 0
    while at < len(content):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(content[at:start], "big")
        yield WatchResponse.FromString(content[start:at])
