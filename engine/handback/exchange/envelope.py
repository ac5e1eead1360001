"""Envelopes: what a file is compressed in, layer around layer, and opening it without trusting it.

Every layer is unpacked to an unnamed file, so what comes out can be read from any place, memory
stays bounded, and nothing is read of a file that turns out to be cut short. Names inside archives
are never looked at. How far a small file may unfold is bounded in size, ratio and depth.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Final

from handback.errors import LimitReached
from handback.exchange.packed import Damaged, NotOneMember, Unsupported, members_of, zip_member
from handback.exchange.streams import Readable
from handback.partners.vocabulary import Compression

MAX_LAYERS: Final = 2
MAX_RATIO: Final = 1_000
"""How many times its own size a file may unfold to.

The real files we know stay below 20. One made to be as regular as can be, 400 columns of mostly
blanks with references that count up, reached 875 in xz.
"""

# Below this nobody minds, and tiny files of blanks go beyond any ratio.
_FREE_BYTES: Final = 16 << 20


class EnvelopeFlaw(StrEnum):
    """Why an envelope is not opened; codes of findings, fixed for ever."""

    DAMAGED = "envelope_damaged"
    UNSUPPORTED = "envelope_unsupported"
    MEMBERS = "envelope_members"
    NESTED = "envelope_nested"
    RATIO = "envelope_ratio"
    TOO_LARGE = "envelope_too_large"


class Unopenable(Exception):
    """An envelope that cannot be opened, or should not; the engine makes a finding of it."""

    def __init__(self, flaw: EnvelopeFlaw, message: str) -> None:
        self.flaw = flaw
        self.message = message
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Opened:
    """The content without its envelope, at its beginning, and the layers it had, outermost first.

    Without a layer `content` is the very file that was to be opened.
    """

    content: BinaryIO
    layers: tuple[Compression, ...]


@contextmanager
def opened(
    received: BinaryIO,
    allowed: Collection[Compression],
    limit_bytes: int,
    scratch: Callable[[], BinaryIO],
) -> Iterator[Opened]:
    """Take every allowed layer off a file that is open at its beginning.

    A layer is known by its first bytes; a file that begins otherwise is plain. `scratch` gives
    empty files that vanish when closed. Raises Unopenable.
    """
    received_bytes = _size(received)
    most_bytes = min(limit_bytes, max(_FREE_BYTES, MAX_RATIO * received_bytes))
    content: BinaryIO = received
    layers: list[Compression] = []
    with ExitStack() as stack:
        while (layer := _layer_of(content, allowed)) is not None:
            if len(layers) == MAX_LAYERS:
                raise Unopenable(EnvelopeFlaw.NESTED, f"more than {MAX_LAYERS} layers")
            unpacked = stack.enter_context(scratch())
            _unpack(layer, content, unpacked, most_bytes)
            if unpacked.tell() > most_bytes:
                raise _too_much(limit_bytes, received_bytes)
            unpacked.seek(0)
            content = unpacked
            layers.append(layer)
        yield Opened(content, tuple(layers))


class Limited:
    """A stream that lets at most `limit_bytes` through; reading beyond them raises LimitReached."""

    def __init__(self, content: Readable, limit_bytes: int) -> None:
        self._content = content
        self._limit_bytes = limit_bytes
        self._left_bytes = limit_bytes

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, empty only at the end."""
        piece = self._content.read(size)
        self._left_bytes -= len(piece)
        if self._left_bytes < 0:
            raise LimitReached(f"file size of {self._limit_bytes} bytes")
        return piece


_SIGNATURES: Final[Mapping[Compression, tuple[bytes, ...]]] = {
    Compression.GZIP: (b"\x1f\x8b\x08",),
    Compression.ZIP: (b"PK\x03\x04", b"PK\x05\x06"),
    Compression.BZIP2: tuple(b"BZh%d" % level for level in range(1, 10)),
    Compression.XZ: (b"\xfd7zXZ\x00",),
    Compression.ZSTD: (b"\x28\xb5\x2f\xfd",),
}


def _layer_of(content: BinaryIO, allowed: Collection[Compression]) -> Compression | None:
    """Which allowed layer the content begins with."""
    head = content.read(8)
    content.seek(0)
    known = (one for one in Compression if one in allowed and head.startswith(_SIGNATURES[one]))
    return next(known, None)


def _unpack(layer: Compression, content: BinaryIO, target: BinaryIO, most_bytes: int) -> None:
    """Write what is inside a layer, stopping soon after `most_bytes`."""
    try:
        inside = zip_member(content) if layer is Compression.ZIP else members_of(layer, content)
        for piece in inside:
            target.write(piece)
            if target.tell() > most_bytes:
                return
    except Damaged as damage:
        raise Unopenable(EnvelopeFlaw.DAMAGED, f"the {layer} content is {damage}") from damage
    except Unsupported as reason:
        raise Unopenable(EnvelopeFlaw.UNSUPPORTED, str(reason)) from reason
    except NotOneMember as reason:
        raise Unopenable(EnvelopeFlaw.MEMBERS, str(reason)) from reason


def _too_much(limit_bytes: int, received_bytes: int) -> Unopenable:
    if max(_FREE_BYTES, MAX_RATIO * received_bytes) < limit_bytes:
        told = f"{received_bytes} bytes unfold to more than {MAX_RATIO} times as many"
        return Unopenable(EnvelopeFlaw.RATIO, told)
    return Unopenable(EnvelopeFlaw.TOO_LARGE, f"it unfolds to more than {limit_bytes} bytes")


def _size(content: BinaryIO) -> int:
    size_bytes = content.seek(0, io.SEEK_END)
    content.seek(0)
    return size_bytes
