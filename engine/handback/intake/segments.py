"""Frames behind each other in one file, each an Arrow stream behind its length.

Of such a file no more is in memory than the segments that are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, Final

import polars as pl

_LENGTH_BYTES: Final = 8


def append(target: BinaryIO, segment: pl.DataFrame) -> None:
    """Write one more segment where the file stands, at its end."""
    content = BytesIO()
    # A fifth of the size, and removing a large file takes long.
    segment.write_ipc_stream(content, compression="lz4")
    target.write(content.tell().to_bytes(_LENGTH_BYTES, "big"))
    target.write(content.getbuffer())


def read(source: BinaryIO) -> Iterator[pl.DataFrame]:
    """The segments from where the file stands to its end."""
    while length := int.from_bytes(source.read(_LENGTH_BYTES), "big"):
        yield pl.read_ipc_stream(BytesIO(source.read(length)))
