"""XLSX: the rows of one sheet as records of cells, each cell as the text a person would type.

The format holds at most a million rows a sheet, and is read as a whole; what it would take unpacked
is asked of its directory first.
"""

from __future__ import annotations

import zipfile
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final

import fastexcel
import polars as pl

from handback.formats.findings import Finding, FindingCode, file_finding
from handback.formats.layout import Cell, Layout, Place, Record
from handback.formats.lines import Block

MAX_UNPACKED_BYTES: Final = 1 << 30
_MEMORY_BYTES: Final = 8 << 20
_PIECE_BYTES: Final = 1 << 20
_FRACTION: Final = r"^-?\d{1,15}\.\d+$"
_DIGITS: Final = 15  # a workbook has as many; what is behind them is the noise of binary fractions
_MIDNIGHT: Final = r"^(\d{4}-\d{2}-\d{2}) 00:00:00$"  # what a cell with a day alone comes as


def read_rows(stream: BinaryIO, layout: Layout) -> Block | Finding:
    """All rows of the layout's sheet, the first where it names none, or why they cannot be read."""
    with SpooledTemporaryFile(max_size=_MEMORY_BYTES) as copy:
        while piece := stream.read(_PIECE_BYTES):
            copy.write(piece)
        try:
            with zipfile.ZipFile(copy) as archive:
                unpacked = sum(member.file_size for member in archive.infolist())
        except zipfile.BadZipFile:
            return file_finding(FindingCode.BAD_MARKUP, "the file is no XLSX workbook, or was cut")
        if unpacked > MAX_UNPACKED_BYTES:
            told = f"the workbook would unpack to {unpacked} bytes"
            return file_finding(FindingCode.FORBIDDEN_MARKUP, told)
        copy.seek(0)
        content = copy.read()
    try:
        sheet = fastexcel.read_excel(content).load_sheet(
            layout.sheet or 0, header_row=None, dtypes="string"
        )
        cells = sheet.to_polars()
    except fastexcel.FastExcelError as wrong:
        told = str(wrong).splitlines()[0]
        return file_finding(FindingCode.BAD_MARKUP, f"the sheet cannot be read: {told}")
    return Block(_as_lines(cells), last=True)


def _as_lines(cells: pl.DataFrame) -> pl.DataFrame:
    names = [f"cell_{number}" for number in range(1, cells.width + 1)]
    cells = cells.rename(dict(zip(cells.columns, names, strict=True)))
    seen = pl.all().cast(pl.Float64, strict=False).round_sig_figs(_DIGITS).cast(pl.String)
    cells = cells.with_columns(
        pl.when(pl.all().str.contains(_FRACTION) & (pl.all().str.len_chars() > _DIGITS + 1))
        .then(seen)
        .otherwise(pl.all().str.replace(_MIDNIGHT, "$1"))
    )
    raw = pl.concat_str(
        [pl.col(name).fill_null("") for name in names] or [pl.lit("")], separator="\t"
    )
    return cells.select(
        (pl.int_range(pl.len(), dtype=pl.Int64) + 1).alias("line"),
        raw.str.strip_chars_end("\t").alias("raw"),
        pl.lit(None, dtype=pl.String).alias("flaw"),
        *(pl.col(name).fill_null("") for name in names),
    )


class SheetCut:
    """Finds fields in the rows of a sheet. Cells at the end of a row that hold nothing may be
    missing, as no sheet tells them from empty ones."""

    def __init__(self, cells: int, there: int) -> None:
        """`cells` is how many the layout's widest record has, `there` how many the sheet."""
        self._cells = cells
        self._there = there

    def rows(self, lines: pl.DataFrame, *, last: bool) -> pl.DataFrame:
        """The rows that are records: all but blank ones."""
        missing = range(self._there + 1, self._cells + 1)
        blank = pl.lit(None, dtype=pl.String)
        rows = lines.filter(pl.col("raw").str.strip_chars() != "")
        return rows.with_columns(blank.alias(f"cell_{number}") for number in missing)

    def node(self, record: Record) -> int | None:
        """Any row may be a record of any kind."""
        return None

    def has_blanks(self, rows: pl.DataFrame) -> bool:
        """Any may."""
        return True

    def text(self, place: Place) -> pl.Expr:
        """The text of a cell."""
        assert isinstance(place, Cell), place
        return pl.col(f"cell_{place.number}")

    def octets(self, place: Place) -> pl.Expr:
        """Nothing: cells are made of characters."""
        raise AssertionError(place)

    def rest(self, place: Place) -> pl.Expr:
        """The text of a cell; there is no rest."""
        return self.text(place)

    def size_flaws(self, record: Record) -> list[tuple[FindingCode, str, pl.Expr]]:
        """Cells with a text behind the last of the record."""
        behind = range(record.cells + 1, self._there + 1)
        over = [pl.col(f"cell_{number}").str.strip_chars() != "" for number in behind]
        if not over:
            return []
        wrong = pl.any_horizontal(over)
        return [(FindingCode.CELL_COUNT, f"expected {record.cells} cells", wrong)]

    def is_cut(self, raw: str, record: Record) -> bool:
        """Never: a workbook that was cut is not one."""
        return False


def names_of(block: Block) -> tuple[list[str], int]:
    """The names in the first row that is not blank, and its number."""
    head = block.lines.filter(pl.col("raw").str.strip_chars() != "").head(1)
    if head.is_empty():
        return [], 0
    cells = head.select(pl.selectors.starts_with("cell_")).row(0)
    return [cell or "" for cell in cells], head["line"][0]
