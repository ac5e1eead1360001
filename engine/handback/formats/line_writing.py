"""Records as lines: the texts of their fields side by side, in columns or between delimiters.

Where columns count bytes a line is written with a character for each of its bytes, as it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from handback.formats.layout import Cell, Columns, Field, Framing, Layout, Record
from handback.formats.octets import OCTETS, Binary
from handback.formats.sheet_writing import marked

_TWO_BYTES: Final = r"[^\x00-\x7F\x{FF61}-\x{FF9F}]"
"""Characters that Shift_JIS writes in two bytes."""


class LineForm:
    """How records of one kind become lines."""

    def __init__(self, layout: Layout, record: Record) -> None:
        self._layout = layout
        self._record = record

    def line(self, texts: pl.DataFrame) -> pl.Expr:
        """The line of each record, from a frame with the text of each field."""
        return self._columns() if self._layout.framing is Framing.FIXED else self._cells(texts)

    def padded(self, field: Field, width: int) -> pl.Expr:
        """The text of a field filled up to its width; blanks where it has no value."""
        text = pl.col(field.name)
        if not width:
            return text.fill_null("")
        room = width - self._surplus(text) if self._layout.in_bytes else pl.lit(width)
        if field.justify == "left":
            filled = text.str.pad_end(room, " ")
        elif field.pad == "0" and field.is_number:
            filled = text.str.zfill(room)
        else:
            filled = text.str.pad_start(room, field.pad)
        blank = text.is_null() | (text == "")
        return pl.when(blank).then(pl.lit(" " * width)).otherwise(filled)

    def size(self, text: pl.Series) -> pl.Series:
        """How many columns a text takes."""
        if not self._layout.in_bytes:
            return text.str.len_chars()
        size = pl.col("text").str.len_chars().cast(pl.Int64) + self._surplus(pl.col("text"))
        return text.to_frame("text").select(size).to_series()

    def _surplus(self, text: pl.Expr) -> pl.Expr:
        """How many bytes a text takes beyond one for each character."""
        if self._layout.encoding == "utf-8":
            return text.str.len_bytes().cast(pl.Int64) - text.str.len_chars().cast(pl.Int64)
        if self._layout.encoding == "cp932":
            return text.str.count_matches(_TWO_BYTES).cast(pl.Int64)
        return pl.lit(0, dtype=pl.Int64)

    def _columns(self) -> pl.Expr:
        places = {
            field.place.first: (field.place.width, self._column(field, field.place.width))
            for field in self._record.fields
            if isinstance(field.place, Columns)
        }
        for one in self._record.tag:
            if isinstance(one.place, Columns) and one.texts:
                said = pl.lit(in_columns(one.texts[0], self._layout))
                places.setdefault(one.place.first, (one.place.width, said))
        pieces, column = [], 1
        blank = in_columns(" ", self._layout)
        for first in sorted(places):
            width, text = places[first]
            pieces += [pl.lit(blank * (first - column)), text]
            column = first + width
        pieces.append(pl.lit(blank * (self._record.width - column + 1)))
        return pl.concat_str(pieces)

    def _column(self, field: Field, width: int) -> pl.Expr:
        if isinstance(field.type, Binary):
            return pl.col(field.name)
        padded = self.padded(field, width)
        if not self._layout.in_bytes:
            return padded
        return padded.map_batches(self._in_columns, return_dtype=pl.String)

    def _in_columns(self, texts: pl.Series) -> pl.Series:
        said = [text and in_columns(text, self._layout) for text in texts.to_list()]
        return pl.Series(said, dtype=pl.String)

    def _cells(self, texts: pl.DataFrame) -> pl.Expr:
        fields = {
            field.place.number: field
            for field in self._record.fields
            if isinstance(field.place, Cell)
        }
        cells = {number: self.padded(field, field.width) for number, field in fields.items()}
        for one in self._record.tag:
            if isinstance(one.place, Cell) and one.texts:
                cells.setdefault(one.place.number, pl.lit(one.texts[0]))
        if self._layout.framing is Framing.XLSX:
            cells = {number: marked(fields.get(number), cell) for number, cell in cells.items()}
        quoted = self._quoted_cells(texts, cells)
        row = [
            self._quoted(cells[number]) if number in quoted else cells.get(number, pl.lit(""))
            for number in range(1, self._record.cells + 1)
        ]
        line = pl.concat_str(row, separator=self._layout.delimiter)
        if self._layout.record_end:
            line = pl.concat_str(line, pl.lit(self._layout.record_end))
        empty = self._layout.quote * 2
        return pl.when(line == "").then(pl.lit(empty)).otherwise(line) if empty else line

    def _quoted_cells(self, texts: pl.DataFrame, cells: Mapping[int, pl.Expr]) -> set[int]:
        """The cells that need quotes in some row: most never do, and quoting costs most of all."""
        if not self._layout.quote:
            return set()
        marks = (cell.str.contains(self._marks).any().alias(str(n)) for n, cell in cells.items())
        found = texts.select(marks)
        return {int(number) for number in found.columns if found[number][0]}

    @property
    def _marks(self) -> str:
        """What may only stand in quotes."""
        return rf"[\r\n{pl.escape_regex(self._layout.quote + self._layout.delimiter)}]"

    def _quoted(self, cell: pl.Expr) -> pl.Expr:
        quote = self._layout.quote
        inner = cell.str.replace_all(quote, quote * 2, literal=True)
        quoted = pl.concat_str(pl.lit(quote), inner, pl.lit(quote))
        return pl.when(cell.str.contains(self._marks)).then(quoted).otherwise(cell)


def in_columns(text: str, layout: Layout) -> str:
    """A text as it stands in a line: with a character for each of its bytes where columns count
    bytes. What the encoding cannot say is told of elsewhere."""
    if not layout.in_bytes:
        return text
    return text.encode(layout.encoding, errors="replace").decode(OCTETS)


def as_bytes(text: str, layout: Layout) -> bytes:
    """The bytes of lines."""
    return text.encode(OCTETS if layout.in_bytes else layout.encoding)
