"""Envelopes: what a file is wrapped in, layer around layer, opened as it is read.

A layer turns a stream into a stream, so any number of them costs one pass and bounded memory. No
layers at all is the plain file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from handback.errors import LimitReached
from handback.exchange.streams import Readable


class EnvelopeLayer(Protocol):
    """One wrapping of a file."""

    def open(self, content: Readable) -> Readable:
        """The content without this layer. Reading it raises a domain error where it cannot be."""
        ...


@dataclass(frozen=True, slots=True)
class SizeLimit:
    """Lets at most `limit_bytes` through, whatever a file claims to hold."""

    limit_bytes: int

    def open(self, content: Readable) -> Readable:
        """The content; reading beyond the limit raises LimitReached."""
        return _Limited(content, self.limit_bytes)


class _Limited:
    def __init__(self, content: Readable, limit_bytes: int) -> None:
        self._content = content
        self._limit_bytes = limit_bytes
        self._left_bytes = limit_bytes

    def read(self, size: int, /) -> bytes:
        piece = self._content.read(size)
        self._left_bytes -= len(piece)
        if self._left_bytes < 0:
            raise LimitReached(f"file size of {self._limit_bytes} bytes")
        return piece


def open_envelope(content: Readable, layers: Sequence[EnvelopeLayer]) -> Readable:
    """The content with every layer taken off, the outermost first."""
    for layer in layers:
        content = layer.open(content)
    return content
