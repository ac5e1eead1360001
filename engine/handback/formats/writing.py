"""Writing records of one kind: typed columns to lines of text, with every value that cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from handback.formats.computed import CheckDigit, LineNumber
from handback.formats.controls import counts_lines
from handback.formats.layout import Columns, Condition, Field, Framing, Layout, Record
from handback.formats.line_writing import LineForm, in_columns
from handback.formats.lines import MAX_LINE_CHARS
from handback.formats.octets import Binary
from handback.formats.sheet_writing import MAX_CELL_CHARS
from handback.formats.texts import Constant
from handback.formats.tree_writing import element

_NEVER: Final = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x{FFFD}\x{FEFF}"
"""Characters that reading would flag or drop."""

_ROW: Final = "#"  # gives a frame its height where a record has constants only


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value that cannot be written: the row of the frame, the field, what was expected."""

    row: int
    field: str
    expected: str


class RecordWriter:
    """Writes one record of a layout from frames with a column for each of its fields."""

    def __init__(self, layout: Layout, record: Record) -> None:
        self._layout = layout
        self._record = record
        self._form = LineForm(layout, record)
        self._fields = [field for field in record.fields if field.place is not None]

    def write(
        self,
        values: pl.DataFrame,
        *,
        first: int = 1,
        step: int = 1,
        within: Sequence[tuple[Record, pl.Series]] = (),
    ) -> tuple[pl.Series, list[Refusal]]:
        """A line of text for each row, without line end; worthless where there are refusals.

        `first` is the number of the first row in its file, each next one is `step` further. In a
        tree, `within` are records that stand in these, as they were written.
        """
        values, refusals = self._of_right_kind(values)
        if refusals:
            return pl.Series(), refusals
        texts = values.select(
            pl.int_range(pl.len()).alias(_ROW),
            *(
                field.type.encode(pl.col(field.name)).alias(field.name)
                for field in self._fields
                if field.is_told
            ),
        )
        texts = self._with_computed(texts, first, step)
        refusals += self._refusals(values, texts)
        if self._layout.framing.is_tree:
            inner = [one.alias(f"{_ROW}{number}") for number, (_, one) in enumerate(within)]
            line = element(
                self._layout,
                self._record,
                [(of, series.name) for (of, _), series in zip(within, inner, strict=True)],
            )
            return texts.with_columns(inner).select(line.alias("line"))["line"], refusals
        lines = texts.select(self._form.line(texts).alias("line"))["line"]
        refusals += self._whole(texts, lines)
        return lines, refusals

    def _with_computed(self, texts: pl.DataFrame, first: int, step: int) -> pl.DataFrame:
        """The texts with those that nobody has to tell."""
        for field in self._fields:
            match field.type:
                case LineNumber():
                    text = field.type.encode(pl.col(_ROW) * step + first)
                case CheckDigit():
                    text = field.type.digit_of(pl.col(field.type.of).str.strip_chars(" "))
                case Constant():
                    text = field.type.encode(pl.col(_ROW))
                case _:
                    continue
            texts = texts.with_columns(text.alias(field.name))
        return texts

    def _of_right_kind(self, values: pl.DataFrame) -> tuple[pl.DataFrame, list[Refusal]]:
        """Refuse columns of a type that their fields cannot write, unless they are empty."""
        refusals: list[Refusal] = []
        for field in self._fields:
            if not field.is_told or field.type.accepts(values[field.name].dtype):
                continue
            refusals += _refused(values[field.name].is_not_null(), field, field.type.expected)
            values = values.with_columns(pl.lit(None).alias(field.name))
        return values, refusals

    def _refusals(self, values: pl.DataFrame, texts: pl.DataFrame) -> Iterator[Refusal]:
        """Values that are missing, of the wrong type, too wide, or hold what would not be read."""
        forbidden = self._forbidden()
        for field in self._fields:
            text = texts[field.name]
            blank = text.is_null() | (text == "")
            if field.is_told:
                wrong = text.is_null() & values[field.name].is_not_null()
                yield from _refused(wrong, field, field.type.expected)
                if field.required or isinstance(field.type, Binary):
                    yield from _refused(blank & ~wrong, field, "a value")
            if isinstance(field.type, Binary):
                continue
            if self._layout.framing is Framing.XLSX:
                long = text.str.len_chars() > MAX_CELL_CHARS
                yield from _refused(long, field, f"at most {MAX_CELL_CHARS} characters")
            if field.width:
                wide = self._form.size(text) > field.width
                counted = "bytes" if self._layout.in_bytes else "characters"
                yield from _refused(wide, field, f"at most {field.width} {counted}")
            unsafe = text.str.contains(forbidden)
            yield from _refused(unsafe, field, "no character that the format cannot hold")
            if self._layout.encoding != "utf-8":
                yield from _refused(
                    ~_encodable(text, self._layout.encoding),
                    field,
                    f"characters of {self._layout.encoding} only",
                )

    def _forbidden(self) -> str:
        if self._layout.framing is Framing.FIXED or self._layout.framing.is_tree:
            return rf"[{_NEVER}\t\r\n\x{{FFFE}}\x{{FFFF}}]"
        if self._layout.quote and not counts_lines(self._layout):
            return rf"[{_NEVER}]"
        if self._layout.quote:
            return rf"[{_NEVER}\r\n]"
        return rf"[{_NEVER}\r\n{pl.escape_regex(self._layout.delimiter)}]"

    def _whole(self, texts: pl.DataFrame, lines: pl.Series) -> Iterator[Refusal]:
        """Records that would be read as another kind, as nothing, or not at all."""
        long = lines.str.len_chars() > MAX_LINE_CHARS
        expected = f"a record of at most {MAX_LINE_CHARS} characters"
        yield from (Refusal(row, "", expected) for row in long.arg_true())
        blanks = in_columns(" \t" if self._layout.framing is Framing.XLSX else " ", self._layout)
        blank = lines.str.strip_chars(blanks) == ""
        yield from (Refusal(row, "", "a record that is not blank") for row in blank.arg_true())
        for other in self._layout.records:
            if other is self._record and other.tag:
                return
            if not other.tag:
                continue
            claims = [self._claimed(one, texts, lines) for one in other.tag]
            if any(claim is None for claim in claims):
                continue
            taken = pl.DataFrame([claim for claim in claims if claim is not None])
            both = taken.select(pl.all_horizontal(pl.all())).to_series()
            expected = f"a record that does not begin like the {other.kind} record"
            yield from (Refusal(row, "", expected) for row in both.arg_true())

    def _claimed(self, one: Condition, texts: pl.DataFrame, lines: pl.Series) -> pl.Series | None:
        """Which records another kind's tag would claim, None where it can claim none."""
        place, wanted, blanks = one.place, list(one.texts), " \t"
        if isinstance(place, Columns):
            text = lines.str.slice(place.first - 1, place.width)
            wanted = [in_columns(told, self._layout) for told in wanted]
            blanks = in_columns(blanks, self._layout)
        else:
            mine = next((field for field in self._fields if field.place == place), None)
            if mine is None:
                return None
            cell = texts.select(self._form.padded(mine, mine.width).alias("cell"))["cell"]
            text = cell.str.strip_chars(blanks)
        if not one.texts:
            blank = text.str.strip_chars(blanks).fill_null("") == ""
            return (blank if one.blank else ~blank).alias(str(place))
        return text.is_in(wanted).fill_null(False).alias(str(place))


def _refused(rows: pl.Series, field: Field, expected: str) -> Iterator[Refusal]:
    return (Refusal(row, field.name, expected) for row in rows.fill_null(False).arg_true())


def _encodable(text: pl.Series, codec: str) -> pl.Series:
    """Which texts the encoding can say; looked at one by one, once per distinct text."""
    return text.is_in([one for one in text.unique() if one is None or _can_say(one, codec)]) | (
        text.is_null()
    )


def _can_say(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
