"""Fixed-width records that no line ends: a file is cut every so many characters or bytes.

A header and a control without a tag are told by their place alone, and may have widths of their
own: the header is what comes first, the control what comes last.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO, Final

import polars as pl

from handback.formats.findings import Finding, FindingCode, file_finding
from handback.formats.layout import WIDE, Kind, Layout
from handback.formats.lines import Block, fill, numbered
from handback.formats.octets import OCTETS

HEAD: Final = 1
BODY: Final = 0
FOOT: Final = 2


class RunReader:
    """Reads the records of one stream; `node` says whether one is head, body or foot."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._width = layout.width
        self._head = placed_width(layout, Kind.HEADER)
        self._foot = placed_width(layout, Kind.CONTROL)
        self._number = 0
        codec = OCTETS if layout.in_bytes else layout.encoding
        self._decoder = codecs.getincrementaldecoder(codec)(errors="replace")

    def blocks(self, stream: BinaryIO, ahead: bytes) -> Iterator[Block]:
        """All records, each with the number of its place in the file as its line."""
        text = ""
        head = self._head
        while True:
            following = fill(stream)
            last = not following
            text += self._decoder.decode(ahead, final=last)
            if last and self._layout.line_end:  # lines were expected, and one end may have come
                text = text.rstrip("\r\n\x1a")
            pieces = []
            if head and (len(text) >= head or last):
                pieces.append(self._records([text[:head]] if text else [], HEAD))
                text, head = text[head:], 0
            body = 0
            if not head:
                body = max(len(text) - self._foot, 0)
                body -= 0 if last else body % self._width
                pieces.append(self._records(self._cut(text[:body]), BODY))
                text = text[body:]
            torn = last and bool(self._foot) and body % self._width != 0
            if last and self._foot and text:
                pieces.append(self._records([text], FOOT))
            yield Block(pl.concat(pieces), last, not last, _torn() if torn else ())
            if last:
                return
            ahead = following

    def _cut(self, text: str) -> list[str]:
        width = self._width
        return [text[start : start + width] for start in range(0, len(text), width)]

    def _records(self, texts: list[str], node: int) -> pl.DataFrame:
        frame = pl.DataFrame({"raw": texts}, schema={"raw": pl.String()})
        if self._layout.in_bytes:
            octets = frame["raw"]
            raw = decoded(octets, self._layout.encoding)
            frame = pl.DataFrame({"raw": raw, "octets": octets})
        lines = numbered(frame, self._number, suspect=not self._layout.has_bytes)
        self._number += len(texts)
        return lines.with_columns(node=pl.lit(node, dtype=pl.Int32))


def decoded(octets: pl.Series, codec: str) -> pl.Series:
    """Texts with a character for each byte, as the encoding has them; what it has not is U+FFFD."""
    if codec not in WIDE:
        table = str.maketrans(dict(enumerate(bytes(range(256)).decode(codec, errors="replace"))))
        texts = [one.translate(table) for one in octets.fill_null("").to_list()]
        return pl.Series(texts, dtype=pl.String)
    plain = {
        text: text.encode(OCTETS).decode(codec, errors="replace")
        for text in octets.drop_nulls().unique()
        if not text.isascii()
    }
    return octets.replace(plain) if plain else octets


def placed_width(layout: Layout, kind: Kind) -> int:
    """The width of a header or control that only its place tells, 0 where there is none."""
    return next((one.width for one in layout.of(kind) if not one.tag and not layout.line_end), 0)


def _torn() -> tuple[Finding, ...]:
    message = "the file does not hold a whole number of records"
    return (file_finding(FindingCode.TRUNCATED, message),)
