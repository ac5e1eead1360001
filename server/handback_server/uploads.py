"""Files that are sent over the wire, chunk by chunk, into a file the engine can read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import BinaryIO, Final, Literal, Protocol, TypeVar

from google.protobuf.message import Message

from handback.errors import InvalidRequest, LimitReached, Violation
from handback_server.bridge import Bridge
from handback_server.texts import check_texts

MAX_CHUNK_BYTES: Final = 1 << 20


Header = TypeVar("Header", bound=Message, covariant=True)


class HeaderRequest(Protocol[Header]):
    """A message of which `header` is one of the things it may be."""

    @property
    def header(self) -> Header:
        """What the messages are about, where it is that."""
        ...

    def HasField(self, field_name: Literal["header"], /) -> bool:
        """Whether it is that."""
        ...


async def header_of(requests: AsyncIterator[HeaderRequest[Header]]) -> Header:
    """What the first message says of those that follow. Raises InvalidRequest."""
    first = await anext(requests, None)
    if first is None or not first.HasField("header"):
        raise InvalidRequest([Violation("header", "expected in the first message")])
    check_texts(first.header, "header")
    return first.header


class ChunkRequest(Protocol):
    """A message of which `chunk` is one of the things it may be."""

    @property
    def chunk(self) -> bytes:
        """The bytes, where it is that."""
        ...

    def HasField(self, field_name: Literal["chunk"], /) -> bool:
        """Whether it is that."""
        ...


async def spool(
    bridge: Bridge, requests: AsyncIterator[ChunkRequest], spooled: BinaryIO, max_bytes: int
) -> None:
    """Write the chunks of all messages that are left, and go back to the beginning.

    Raises InvalidRequest, LimitReached.
    """
    left = max_bytes
    async for request in requests:
        if not request.HasField("chunk"):
            raise InvalidRequest([Violation("chunk", "expected in all but the first message")])
        check_size(request.chunk)
        left -= len(request.chunk)
        if left < 0:
            raise LimitReached(f"file size of {max_bytes} bytes")
        await bridge.run(spooled.write, request.chunk)
    spooled.seek(0)


def check_size(chunk: bytes) -> None:
    """Raises LimitReached for a chunk that is larger than one may be."""
    if len(chunk) > MAX_CHUNK_BYTES:
        raise LimitReached(f"{MAX_CHUNK_BYTES} bytes in one chunk")
