"""Bytes to numbered lines of text, block by block, whatever the bytes are.

Memory is bounded by the block: at most two blocks of bytes and their lines are held. Blocks have a
fixed size, so the same bytes always fall into the same blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import polars as pl

from handback.formats.findings import Finding, FindingCode, file_finding
from handback.formats.layout import EBCDIC, Layout
from handback.formats.octets import OCTETS

BLOCK_BYTES: Final = 4 * 1024 * 1024
MAX_LINE_CHARS: Final = 64 * 1024
"""A longer line is no record of anybody; it is reported and its end is skipped."""

LINES: Final = pl.Schema({"line": pl.Int64(), "raw": pl.String(), "flaw": pl.String()})
"""Line number from 1, text without its line end, FindingCode or null. Where columns count bytes,
`octets` stands beside them: the line with a character for each of its bytes."""

_BOM: Final = b"\xef\xbb\xbf"
_END_OF_FILE: Final = b"\x1a"  # some systems still close a text file with Ctrl-Z
_SIGNATURES: Final = (b"PK\x03\x04", b"\x1f\x8b", b"%PDF", b"{\\rtf", b"\xff\xfe", b"\xfe\xff")
_PROBE_BYTES: Final = 1024
_UNDECODABLE: Final = "\ufffd"
UNREADABLE: Final = f"{_UNDECODABLE}\x00"
"""What stands for bytes of no character, and what is no text either."""
_NEXT_LINE: Final = bytes.maketrans(b"\x15", b"\x25")  # EBCDIC has two ends of a line


@dataclass(frozen=True, slots=True)
class Block:
    """Some records or lines (schema LINES, and what their cut needs); `last` with the final ones,
    `terminated` by a line end or not. `findings` are about the file."""

    lines: pl.DataFrame
    last: bool
    terminated: bool = True
    findings: tuple[Finding, ...] = ()


class LineReader:
    """Reads the lines of one stream. Raises nothing of its own: undecodable and over-long lines
    are flagged."""

    def __init__(self, layout: Layout) -> None:
        self._codec = layout.encoding
        self._with_octets = layout.in_bytes
        self._ebcdic = layout.encoding in EBCDIC
        self._newline = b"\x25" if self._ebcdic else b"\n"
        self._number = 0

    def blocks(self, stream: BinaryIO, ahead: bytes) -> Iterator[Block]:
        """All lines; `ahead` is the first block of bytes, read already. An empty stream gives one
        last block without lines."""
        newline = self._newline
        lone_returns = newline not in ahead and b"\r" in ahead
        ahead = ahead.removeprefix(_BOM)
        rest = b""
        while True:
            block, ahead = rest + ahead, fill(stream)
            if lone_returns:
                block = block.replace(b"\r", newline)
            if self._ebcdic:
                block = block.translate(_NEXT_LINE)
            last, terminated = not ahead, True
            if last:
                block = block.rstrip(_END_OF_FILE)
                terminated = not block or block.endswith(newline)
                whole, rest = block.removesuffix(newline), b""
            else:
                whole, _, rest = block.rpartition(newline)
                if len(rest) > MAX_LINE_CHARS * 4:  # whatever the encoding, already too long
                    rest = rest[: MAX_LINE_CHARS * 4 + 1]
            there = whole or block.startswith(newline)
            lines = self._lines(whole) if there else self._nothing()
            self._number += lines.height
            yield Block(lines, last, terminated)
            if last:
                return

    def _nothing(self) -> pl.DataFrame:
        nothing = LINES.to_frame()
        return nothing.with_columns(octets=pl.col("raw")) if self._with_octets else nothing

    def _lines(self, block: bytes) -> pl.DataFrame:
        """The lines of a block, numbered on from those before."""
        text = block.decode(self._codec, errors="replace")
        raw = pl.Series([text]).str.split("\n").explode()
        lines = pl.DataFrame({"raw": raw})
        if self._with_octets:
            separator = self._newline.decode(OCTETS)
            octets = pl.Series([block.decode(OCTETS)]).str.split(separator).explode()
            if octets.len() != raw.len():  # a line end was taken for the end of a character
                each = [one.decode(self._codec, errors="replace") for one in block.split(b"\n")]
                lines = pl.DataFrame({"raw": each})
            lines = lines.with_columns(octets=octets)
        return numbered(lines, self._number, suspect=_UNDECODABLE in text or "\x00" in text)


def numbered(lines: pl.DataFrame, number: int, *, suspect: bool) -> pl.DataFrame:
    """Texts (raw) as LINES, the first of them number + 1; `suspect` where some may be no text."""
    flaw = pl.lit(None, dtype=pl.String)
    if suspect:
        bad = pl.any_horizontal(
            pl.col("raw").str.contains(mark, literal=True) for mark in UNREADABLE
        )
        flaw = pl.when(bad).then(pl.lit(FindingCode.UNDECODABLE.value))
    columns = [
        (pl.int_range(pl.len(), dtype=pl.Int64) + number + 1).alias("line"),
        pl.col("raw"),
        flaw.alias("flaw"),
        *(pl.col(name) for name in lines.columns if name != "raw"),
    ]
    if int(lines["raw"].str.len_bytes().max() or 0) <= MAX_LINE_CHARS:  # type: ignore[arg-type]
        return lines.select(columns)
    long = pl.col("raw").str.len_chars() > MAX_LINE_CHARS
    columns[1] = pl.when(long).then(pl.col("raw").str.slice(0, MAX_LINE_CHARS)).otherwise("raw")
    told = pl.lit(FindingCode.LINE_TOO_LONG.value)
    columns[2] = pl.when(long).then(told).otherwise(flaw).alias("flaw")
    return lines.select(columns)


def without_blank(lines: pl.DataFrame, blanks: str) -> pl.DataFrame:
    """The lines that hold more than `blanks`, without the carriage return at their end."""
    raw = lines["raw"]
    if raw.str.ends_with("\r").any():
        raw = raw.str.strip_suffix("\r")
        lines = lines.with_columns(raw)
    # To strip every line costs five times what it costs to see that none begins like a blank one.
    if any(raw.str.starts_with(one).any() for one in blanks):
        return lines.filter(raw.str.strip_chars(blanks) != "")
    return lines.filter(raw != "") if raw.str.len_bytes().min() == 0 else lines


def not_text(head: bytes) -> Finding | None:
    """Do these first bytes belong to something that is no text file of ours?"""
    if head.startswith(_SIGNATURES) or b"\x00" in head[:_PROBE_BYTES]:
        return file_finding(FindingCode.NOT_TEXT, "the file is not text")
    return None


def fill(stream: BinaryIO) -> bytes:
    """A whole block, or what is left; pipes and sockets may answer in smaller pieces."""
    pieces, missing = [], BLOCK_BYTES
    while missing and (piece := stream.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
