"""Fixed-width records: fields stand in columns of characters or bytes."""

from __future__ import annotations

from typing import Final

import polars as pl

from handback.formats.findings import FindingCode
from handback.formats.layout import WIDE, Columns, Kind, Layout, Place, Record
from handback.formats.lines import without_blank
from handback.formats.runs import BODY, FOOT, HEAD, decoded

_BLANKS: Final = " \t"


class FixedCut:
    """Cuts records by columns. Trailing blanks may be missing, or too many."""

    def __init__(self, layout: Layout, *, runs_on: bool) -> None:
        """`runs_on` where no line ends a record."""
        self._layout = layout
        self._runs_on = runs_on
        self._by_octets = layout.in_bytes and layout.encoding in WIDE

    def rows(self, lines: pl.DataFrame, *, last: bool) -> pl.DataFrame:
        """The lines that are records: all but blank ones."""
        if self._runs_on:
            return lines
        rows = without_blank(lines, _BLANKS)
        if "octets" in rows.columns:
            rows = rows.with_columns(pl.col("octets").str.strip_suffix("\r"))
        return rows

    def node(self, record: Record) -> int | None:
        """Where a record has to stand: at the head of the file, in its body, or at its foot."""
        if not self._runs_on or self._layout.line_end:
            return None
        if record.tag or record.kind not in (Kind.HEADER, Kind.CONTROL):
            return BODY
        return HEAD if record.kind is Kind.HEADER else FOOT

    def has_blanks(self, rows: pl.DataFrame) -> bool:
        """Any may."""
        return True

    def text(self, place: Place) -> pl.Expr:
        """The characters of some columns, fewer where the record ends before."""
        if not self._by_octets:
            return self._slice("raw", place)
        codec = self._layout.encoding
        return self.octets(place).map_batches(
            lambda octets: decoded(octets, codec), return_dtype=pl.String
        )

    def octets(self, place: Place) -> pl.Expr:
        """The bytes of some columns, a character for each."""
        return self._slice("octets", place)

    def rest(self, place: Place) -> pl.Expr:
        """The characters of some columns; there is no rest."""
        return self.text(place)

    def _slice(self, column: str, place: Place) -> pl.Expr:
        assert isinstance(place, Columns), place
        return pl.col(column).str.slice(place.first - 1, place.width)

    def size_flaws(self, record: Record) -> list[tuple[FindingCode, str, pl.Expr]]:
        """What may be wrong with the length of a record: code, message, where it holds.

        A record is short where its end cuts through a number, a day or a right-aligned field; text
        filled up with blanks may have lost them on the way.
        """
        raw = pl.col("octets" if self._by_octets else "raw")
        length = raw.str.len_chars()
        too_long = raw.str.strip_chars_end(_BLANKS).str.len_chars() > record.width
        cut = [
            length.is_between(place.first, place.last, closed="left")
            for place in (
                *(field.place for field in record.fields if not field.left_aligned_text),
                *(one.place for one in record.tag),
            )
            if isinstance(place, Columns) and place.width > 1
        ]
        counted = "bytes" if self._layout.in_bytes else "characters"
        flaws = [
            (FindingCode.LONG_RECORD, f"expected {record.width} {counted}, found more", too_long)
        ]
        if cut:
            message = f"expected {record.width} {counted}, the record ends within a field"
            flaws.append((FindingCode.SHORT_RECORD, message, pl.any_horizontal(cut)))
        return flaws

    def is_cut(self, raw: str, record: Record) -> bool:
        """May this last record, which has no line end, have lost characters of its own?"""
        length = len(raw)
        if self._by_octets:
            length = len(raw.encode(self._layout.encoding, errors="replace"))
        return record.kind is not Kind.IGNORE and length < record.width
