"""Bytes to numbered lines of text, block by block, whatever the bytes are.

Memory is bounded by the block: at most two blocks of bytes and their lines are held. Blocks have a
fixed size, so the same bytes always fall into the same blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import polars as pl

from handback.formats.findings import FindingCode

BLOCK_BYTES: Final = 4 * 1024 * 1024
MAX_LINE_CHARS: Final = 64 * 1024
"""A longer line is no record of anybody; it is reported and its end is skipped."""

LINES: Final = pl.Schema({"line": pl.Int64(), "raw": pl.String(), "flaw": pl.String()})
"""Line number from 1, text without its line end, FindingCode or null."""

_BOM: Final = b"\xef\xbb\xbf"
_END_OF_FILE: Final = b"\x1a"  # some systems still close a text file with Ctrl-Z
_SIGNATURES: Final = (b"PK\x03\x04", b"\x1f\x8b", b"%PDF", b"{\\rtf", b"\xff\xfe", b"\xfe\xff")
_PROBE_BYTES: Final = 1024
_UNDECODABLE: Final = "\ufffd"


@dataclass(frozen=True, slots=True)
class Block:
    """Some lines (schema LINES); `last` with the final ones, `terminated` by a line end or not.

    `binary` says that the file is none of text, and that nothing more of it was read.
    """

    lines: pl.DataFrame
    last: bool
    terminated: bool
    binary: bool = False


def _looks_binary(head: bytes) -> bool:
    """Do these first bytes belong to something that is no text file of ours?"""
    return head.startswith(_SIGNATURES) or b"\x00" in head[:_PROBE_BYTES]


def read_blocks(stream: BinaryIO, codec: str) -> Iterator[Block]:
    """All lines of a stream. An empty stream gives one last block without lines.

    Raises nothing of its own: undecodable and over-long lines are flagged.
    """
    ahead = _fill(stream)
    if _looks_binary(ahead):
        yield Block(LINES.to_frame(), last=True, terminated=True, binary=True)
        return
    lone_returns = b"\n" not in ahead and b"\r" in ahead
    ahead = ahead.removeprefix(_BOM)
    rest, number = b"", 0
    while True:
        block, ahead = rest + ahead, _fill(stream)
        if lone_returns:
            block = block.replace(b"\r", b"\n")
        last = not ahead
        terminated = True
        if last:
            block = block.rstrip(_END_OF_FILE)
            terminated = not block or block.endswith(b"\n")
            whole, rest = block.removesuffix(b"\n"), b""
        else:
            whole, _, rest = block.rpartition(b"\n")
            if len(rest) > MAX_LINE_CHARS * 4:  # whatever the encoding, already too long
                rest = rest[: MAX_LINE_CHARS * 4 + 1]
        lines = (
            _lines(whole, codec, number) if whole or block.startswith(b"\n") else LINES.to_frame()
        )
        number += lines.height
        yield Block(lines, last, terminated)
        if last:
            return


def _fill(stream: BinaryIO) -> bytes:
    """A whole block, or what is left; pipes and sockets may answer in smaller pieces."""
    pieces, missing = [], BLOCK_BYTES
    while missing and (piece := stream.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _lines(block: bytes, codec: str, number: int) -> pl.DataFrame:
    """The lines of a block, the first of them numbered `number` + 1."""
    text = block.decode(codec, errors="replace")
    lines = pl.DataFrame({"raw": pl.Series([text]).str.split("\n").explode()})
    flaw = pl.lit(None, dtype=pl.String)
    if _UNDECODABLE in text or "\x00" in text:
        marks = [_UNDECODABLE, "\x00"]
        bad = pl.any_horizontal(pl.col("raw").str.contains(mark, literal=True) for mark in marks)
        flaw = pl.when(bad).then(pl.lit(FindingCode.UNDECODABLE.value))
    long = pl.col("raw").str.len_chars() > MAX_LINE_CHARS
    return lines.select(
        (pl.int_range(pl.len(), dtype=pl.Int64) + number + 1).alias("line"),
        pl.when(long).then(pl.col("raw").str.slice(0, MAX_LINE_CHARS)).otherwise("raw"),
        pl.when(long).then(pl.lit(FindingCode.LINE_TOO_LONG.value)).otherwise(flaw).alias("flaw"),
    )
