"""Telling from the end of a file whether its trailer has arrived, without reading the whole."""

from __future__ import annotations

import io
import os
from typing import BinaryIO, Final

from handback.formats.decode import FileFacts, decode
from handback.formats.findings import Severity
from handback.formats.layout import Layout

# Control records stand at the end, and no record of a partner known to us has 64 KiB.
_TAIL_BYTES: Final = 64 << 10


def has_trailer(content: BinaryIO, layout: Layout) -> bool:
    """Whether the file control is there, with its last character.

    A last line without its end might go on: the file is then read to see whether all agrees.
    """
    if not layout.framing.has_lines:
        return _read(content, layout).worst is not Severity.QUARANTINE
    end = _read(io.BytesIO(_head(content, layout) + _tail(content)), layout)
    if not end.control_seen or end.terminated:
        return end.control_seen
    content.seek(0)
    return _read(content, layout).worst is not Severity.QUARANTINE


def _read(content: BinaryIO, layout: Layout) -> FileFacts:
    decoded = decode(layout, None, content)
    for _ in decoded:
        pass
    return decoded.facts


def _head(content: BinaryIO, layout: Layout) -> bytes:
    """The line of column names, without which the layout finds no field."""
    head = b""
    while layout.column_names and (line := content.readline(_TAIL_BYTES)):
        head += line
        if line.strip():
            break
    return head


def _tail(content: BinaryIO) -> bytes:
    """The last whole lines, of the records only where the file is short."""
    begun_at = content.tell()
    size_bytes = content.seek(0, os.SEEK_END)
    start = max(begun_at, size_bytes - _TAIL_BYTES)
    content.seek(start)
    tail = content.read(_TAIL_BYTES)
    return tail if start == begun_at else tail.partition(b"\n")[2]
