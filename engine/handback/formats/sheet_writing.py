"""Writing workbooks: rows of one sheet, with cells that are numbers, days or texts.

A record is first a line of marked cells, which waits for its totals as a line of any file does; a
mark says what becomes of the cell. A number or a day is a cell of its own kind only where reading
gives back its text: one of more digits than a sheet can hold stays a text.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final

import polars as pl
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from handback.formats.days import Day
from handback.formats.layout import Field, Layout

MAX_ROWS: Final = 1_048_576
MAX_CELL_CHARS: Final = 32_767
BETWEEN: Final = "\t"
_TEXT, _NUMBER, _DAY = "s", "n", "d"
_MAX_DIGITS: Final = 15
_FIRST_DAY: Final = "1901-01-01"  # earlier days are not the same everywhere
# When every workbook says it was made, so that equal ones have equal bytes.
_MADE: Final = datetime(2000, 1, 1)  # noqa: DTZ001
_MEMORY_BYTES: Final = 8 << 20
_ISO_DAY: Final = "%Y-%m-%d"


def marked(field: Field | None, text: pl.Expr) -> pl.Expr:
    """The text of a cell behind its mark; nothing where it is blank."""
    mark = pl.lit(_TEXT)
    if field is not None and field.is_plain_number:
        digits = text.str.strip_chars("-").str.replace(".", "", literal=True)
        few = digits.str.strip_chars_start("0").str.len_chars() <= _MAX_DIGITS
        mark = pl.when(few).then(pl.lit(_NUMBER)).otherwise(mark)
    if field is not None and isinstance(field.type, Day) and field.type.pattern == _ISO_DAY:
        mark = pl.when(text >= _FIRST_DAY).then(pl.lit(_DAY)).otherwise(mark)
    return pl.when(text != "").then(pl.concat_str(mark, text)).otherwise(pl.lit(""))


def marked_text(text: str) -> str:
    """A text cell behind its mark."""
    return f"{_TEXT}{text}"


def write_sheet(layout: Layout, lines: Iterable[bytes], out: BinaryIO) -> None:
    """Write lines of marked cells as the rows of a workbook with one sheet.

    Memory is bounded by the row. There are at most MAX_ROWS lines.
    """
    with SpooledTemporaryFile(max_size=_MEMORY_BYTES) as file:
        # Seekable, as an archive written to a mere sink looks different.
        book = xlsxwriter.Workbook(file, {"constant_memory": True})
        book.set_properties({"created": _MADE})
        sheet = book.add_worksheet(layout.sheet or None)
        writers = _writers(book, sheet)
        for row, line in enumerate(lines):
            for column, cell in enumerate(line.decode().rstrip("\n").split(BETWEEN)):
                if cell:
                    wrong = writers[cell[0]](row, column, cell[1:])
                    assert not wrong, (row, column, cell)
        book.close()
        file.seek(0)
        shutil.copyfileobj(file, out)


def _writers(
    book: xlsxwriter.Workbook, sheet: Worksheet
) -> dict[str, Callable[[int, int, str], int]]:
    """What writes a cell of each mark; it answers 0 where it could."""
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    scaled: dict[int, Format] = {}

    def number(row: int, column: int, text: str) -> int:
        scale = len(text.partition(".")[2])
        if scale and scale not in scaled:
            scaled[scale] = book.add_format({"num_format": "0." + "0" * scale})
        return sheet.write_number(row, column, float(text), scaled.get(scale))

    def a_day(row: int, column: int, text: str) -> int:
        return sheet.write_datetime(row, column, datetime.fromisoformat(text), day)

    return {_TEXT: sheet.write_string, _NUMBER: number, _DAY: a_day}
