"""Fixed-width records: fields stand in columns of characters."""

from __future__ import annotations

import polars as pl

from handback.formats.findings import FindingCode
from handback.formats.layout import Columns, Kind, Place, Record

_BLANKS = " \t"


class FixedCut:
    """Cuts lines by character columns. Trailing blanks may be missing, or too many."""

    def rows(self, lines: pl.DataFrame, *, last: bool) -> pl.DataFrame:
        """The lines that are records: all but blank ones."""
        raw = pl.col("raw").str.strip_suffix("\r")
        return lines.with_columns(raw).filter(raw.str.strip_chars(_BLANKS) != "")

    def text(self, place: Place) -> pl.Expr:
        """The characters of some columns, fewer where the line ends before."""
        assert isinstance(place, Columns), place
        return pl.col("raw").str.slice(place.first - 1, place.width)

    def size_flaws(self, record: Record) -> list[tuple[FindingCode, str, pl.Expr]]:
        """What may be wrong with the length of a record: code, message, where it holds.

        A record is short where its end cuts through a number, a day or a right-aligned field; text
        filled up with blanks may have lost them on the way.
        """
        length = pl.col("raw").str.len_chars()
        too_long = pl.col("raw").str.strip_chars_end(_BLANKS).str.len_chars() > record.width
        cut = [
            length.is_between(place.first, place.last, closed="left")
            for place in (
                *(field.place for field in record.fields if not field.left_aligned_text),
                record.tag.place if record.tag else None,
            )
            if isinstance(place, Columns) and place.width > 1
        ]
        flaws = [
            (FindingCode.LONG_RECORD, f"expected {record.width} characters, found more", too_long)
        ]
        if cut:
            message = f"expected {record.width} characters, the record ends within a field"
            flaws.append((FindingCode.SHORT_RECORD, message, pl.any_horizontal(cut)))
        return flaws

    def is_cut(self, raw: str, record: Record) -> bool:
        """May this last record, which has no line end, have lost characters of its own?"""
        return record.kind is not Kind.IGNORE and len(raw) < record.width
