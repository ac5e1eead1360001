"""Files that are sent over the wire, chunk by chunk, into a file the engine can read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import BinaryIO, Final, Literal, Protocol

from handback.errors import InvalidRequest, LimitReached, Violation
from handback_server.bridge import Bridge

MAX_CHUNK_BYTES: Final = 1 << 20


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
