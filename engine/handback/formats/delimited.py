"""Delimited records: cells between delimiters, quoted where they hold one, or a line end."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from handback.formats.controls import LINE_COUNT, counts_lines
from handback.formats.days import Day
from handback.formats.findings import FindingCode
from handback.formats.layout import Cell, Field, Kind, Layout, Place, Record
from handback.formats.lines import LINES, MAX_LINE_CHARS, without_blank
from handback.formats.numbers import Integer
from handback.formats.reading import BLANKS
from handback.formats.texts import Constant

_EXTRA: Final = "cell_0"  # not null where a record has more cells than any of the layout's
_ONE_LINE: Final = pl.lit(1, dtype=pl.Int64).alias(LINE_COUNT)
_LINE_COUNTS: Final = pl.col(f"^{LINE_COUNT}$")  # none where they are not counted


class DelimitedCut:
    """Cuts lines into cells; joins the lines of a cell that holds line ends.

    Lines without quotes are split as they stand. The others are matched by a regular expression, a
    column at a time as well; only lines with an odd number of quotes are looked at one by one.
    """

    def __init__(self, layout: Layout, cells: int) -> None:
        """`cells` is how many the widest record has."""
        self._delimiter = layout.delimiter
        self._quote = layout.quote
        self._cells = cells
        self._continues = layout.continues
        self._record_end = layout.record_end
        self._counts_lines = counts_lines(layout)
        self._nothing = LINES.to_frame()
        if self._counts_lines:
            self._nothing = self._nothing.with_columns(_ONE_LINE)
        self._open = self._nothing
        delimiter, quote = pl.escape_regex(self._delimiter), pl.escape_regex(self._quote)
        quoted = f"(?:[^{quote}]|{quote}{quote})*"
        cell = f"(?:{quote}{quoted}{quote}|[^{delimiter}{quote}]*)"
        self._cell_pattern = f"{delimiter}{cell}"
        self._opens_pattern = f"^(?:{cell}{delimiter})*{quote}{quoted}$"
        self._closes_pattern = f"^{quoted}{quote}(?:{delimiter}{cell})*$"

    def rows(self, lines: pl.DataFrame, *, last: bool) -> pl.DataFrame:
        """The records of these lines and of a record still open, with a column per cell."""
        if self._counts_lines:
            lines = lines.with_columns(_ONE_LINE)
        if self._quote:
            lines = self._join(pl.concat([self._open, lines]), last=last)
        rows = without_blank(lines, " ")
        if self._record_end:
            ended = pl.col("raw").str.strip_chars_end(" ").str.strip_suffix(self._record_end)
            rows = rows.with_columns(ended.alias("raw"))
        if self._continues:
            rows = self._continued(pl.concat([self._open, rows]), last=last)
        return self._split(rows)

    def node(self, record: Record) -> int | None:
        """Any line may be a record of any kind."""
        return None

    def has_blanks(self, rows: pl.DataFrame) -> bool:
        """Only where there are blanks at all."""
        return rows["raw"].str.contains_any(list(BLANKS)).any()

    def text(self, place: Place) -> pl.Expr:
        """The text of a cell, null where the record has fewer."""
        assert isinstance(place, Cell), place
        return pl.col(f"cell_{place.number}")

    def octets(self, place: Place) -> pl.Expr:
        """Nothing: cells are made of characters."""
        raise AssertionError(place)

    def rest(self, place: Place) -> pl.Expr:
        """The text of a cell and of all behind it, as they stand."""
        assert isinstance(place, Cell), place
        names = [f"cell_{number}" for number in range(place.number, self._cells + 1)]
        return pl.when(pl.col(names[0]).is_not_null()).then(
            pl.concat_str([*names, _EXTRA], separator=self._delimiter, ignore_nulls=True)
        )

    def size_flaws(self, record: Record) -> list[tuple[FindingCode, str, pl.Expr]]:
        """What may be wrong with the number of cells: code, message, where it holds."""
        wrong = pl.col(f"cell_{record.fewest or record.cells}").is_null()
        if not any(field.rest for field in record.fields):
            over = _EXTRA if record.cells == self._cells else f"cell_{record.cells + 1}"
            wrong |= pl.col(over).is_not_null()
        few = f"{record.fewest} to " if record.fewest not in (0, record.cells) else ""
        return [(FindingCode.CELL_COUNT, f"expected {few}{record.cells} cells", wrong)]

    def is_cut(self, raw: str, record: Record) -> bool:
        """May this last record, which has no line end, have lost characters of its own?

        Not if its last cell proves itself: a tag or a constant, a day, or a total that is compared.
        It is asked of controls alone: many files without one never end in a line end.
        """
        if record.kind not in (Kind.CONTROL, Kind.BATCH_CONTROL):
            return False
        end = Cell(record.cells)
        if any(one.place == end for one in record.tag) or self._record_end:
            return bool(self._record_end) and not raw.rstrip(" ").endswith(self._record_end)
        return not any(field.place == end and _proves_itself(field) for field in record.fields)

    def _join(self, lines: pl.DataFrame, *, last: bool) -> pl.DataFrame:
        """Join lines that stand within quotes; an open record is kept for the next lines."""
        self._open = self._nothing
        odd_quotes = pl.col("raw").str.count_matches(self._quote, literal=True) % 2 == 1
        whole = pl.col("flaw").is_null() | (pl.col("flaw") != FindingCode.LINE_TOO_LONG.value)
        odd = lines.with_row_index("row").filter(odd_quotes & whole)
        if odd.is_empty():
            return lines
        odd = odd.with_columns(
            pl.col("raw").str.strip_suffix("\r").str.contains(self._opens_pattern).alias("opens"),
            pl.col("raw").str.strip_suffix("\r").str.contains(self._closes_pattern).alias("closes"),
        )
        ends = np.cumsum(lines["raw"].str.len_chars().to_numpy().astype(np.int64) + 1)
        group = np.arange(lines.height)
        bad = []
        opened: int | None = None
        for row, opens, closes in odd.select("row", "opens", "closes").iter_rows():
            if opened is not None:
                if closes and ends[row] - ends[opened] <= MAX_LINE_CHARS:
                    group[opened : row + 1] = opened
                    opened = None
                    continue
                bad.append(opened)
            opened = row if opens else None
            if not opens:
                bad.append(row)
        if opened is not None:
            if not last and ends[-1] - ends[opened] <= MAX_LINE_CHARS:
                self._open = lines.slice(opened)
                lines, group = lines.head(opened), group[:opened]
            else:
                bad.append(opened)
        return _joined(lines, group, bad)

    def _continued(self, rows: pl.DataFrame, *, last: bool) -> pl.DataFrame:
        """Join lines with those that go on with them; the last record is kept, for the next lines
        may belong to it as well."""
        self._open = self._nothing
        if not last and rows.height:
            own = ~rows["raw"].str.starts_with(self._continues)
            start = int(own.arg_true()[-1]) if own.any() else 0
            if rows[start:]["raw"].str.len_chars().sum() <= MAX_LINE_CHARS:
                self._open, rows = rows[start:], rows[:start]
        more = pl.col("raw").str.starts_with(self._continues)
        if not rows.select(more.any()).item():
            return rows
        text = pl.when(more).then(pl.col("raw").str.strip_prefix(self._continues)).otherwise("raw")
        joined = rows.group_by((~more).cum_sum().alias("group"), maintain_order=True).agg(
            pl.col("line").first(),
            text.str.join(self._delimiter).alias("raw"),
            pl.col("flaw").drop_nulls().first(),
            _LINE_COUNTS.sum(),
        )
        return joined.drop("group")

    def _split(self, rows: pl.DataFrame) -> pl.DataFrame:
        """A column per cell, `cell_1` on; null where the record has fewer."""
        if not self._quote:
            return self._split_plain(rows)
        quoted = rows["raw"].str.contains(self._quote, literal=True)
        if not quoted.any():
            return self._split_plain(rows)
        plain = self._split_plain(rows.filter(~quoted))
        return pl.concat([plain, self._split_quoted(rows.filter(quoted))]).sort("line")

    def _split_plain(self, rows: pl.DataFrame) -> pl.DataFrame:
        split = pl.col("raw").str.splitn(self._delimiter, self._cells + 1).struct
        names = [f"cell_{number}" for number in range(1, self._cells + 1)] + [_EXTRA]
        return rows.with_columns(split.rename_fields(names).struct.unnest())

    def _split_quoted(self, rows: pl.DataFrame) -> pl.DataFrame:
        rows = rows.with_columns(
            (pl.lit(self._delimiter) + pl.col("raw"))
            .str.extract_all(self._cell_pattern)
            .alias("cells")
        )
        tiled = pl.col("cells").list.eval(pl.element().str.len_bytes()).list.sum()
        whole = tiled == pl.col("raw").str.len_bytes() + len(self._delimiter.encode())
        quote, twice = self._quote, self._quote * 2
        names = [*range(1, self._cells + 1), 0]
        columns = []
        for index, number in enumerate(names):
            cell = pl.col("cells").list.get(index, null_on_oob=True).str.slice(1)
            inner = cell.str.strip_prefix(quote).str.strip_suffix(quote)
            plain = inner.str.replace_all(twice, quote, literal=True)
            columns.append(
                pl.when(cell.str.starts_with(quote))
                .then(plain)
                .otherwise(cell)
                .alias(f"cell_{number}")
            )
        bad = pl.lit(FindingCode.BAD_QUOTING.value)
        flaw = pl.when(whole | pl.col("flaw").is_not_null()).then("flaw").otherwise(bad)
        return rows.with_columns(*columns, flaw.alias("flaw")).drop("cells")


def _joined(lines: pl.DataFrame, group: np.ndarray, bad: list[int]) -> pl.DataFrame:
    """Lines of one group become one record under the number of its first line."""
    flagged = np.zeros(lines.height, dtype=bool)
    flagged[[row for row in bad if row < lines.height]] = True
    flaw = pl.when(pl.lit(pl.Series(flagged)) & pl.col("flaw").is_null()).then(
        pl.lit(FindingCode.BAD_QUOTING.value)
    )
    lines = lines.with_columns(flaw.otherwise("flaw").alias("flaw"), pl.Series("group", group))
    joined = lines.group_by("group", maintain_order=True).agg(
        pl.col("line").first(),
        pl.col("raw").str.join("\n"),
        pl.col("flaw").drop_nulls().first(),
        _LINE_COUNTS.sum(),
    )
    return joined.drop("group")


def _proves_itself(field: Field) -> bool:
    """Would a value of this field that lost its end be noticed? Zeros at the end of decimals, and
    of a zero filled up to its width, would not be missed."""
    if field.total is not None:
        return isinstance(field.type, Integer) and not field.width
    return isinstance(field.type, Constant | Day)
