"""Rows of reports as a workbook: numbers, instants and days are real ones, and texts stay texts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import IO, Any
from zoneinfo import ZoneInfo

import click

from handback_client.cli.exporting import totals_of
from handback_client.models.reports import ColumnKind, ReportFooter, ReportHeader, ReportRow

SHEET_ROWS = 1_048_576
_CELL_CHARS = 32_767
# Beyond this a workbook, which has nothing but floating point, would round a number.
_EXACT = 1 << 53
_WIDTHS = {ColumnKind.ID: 20, ColumnKind.INSTANT: 19, ColumnKind.TEXT: 18}
_SHAPES = {
    ColumnKind.INTEGER: "#,##0",
    ColumnKind.QUANTITY: "#,##0",
    ColumnKind.INSTANT: "yyyy-mm-dd hh:mm:ss",
    ColumnKind.DAY: "yyyy-mm-dd",
    ColumnKind.SHARE: "0.00%",
    ColumnKind.DURATION: "[h]:mm:ss",
}


class Workbook:
    """A sheet of rows, or as many as it takes, and one that says what they are.

    A row is on the disk as soon as the next one begins.
    """

    def __init__(
        self, target: IO[bytes], header: ReportHeader, sheet_rows: int = SHEET_ROWS
    ) -> None:
        """Instants are shown in the zone of the report."""
        try:
            import xlsxwriter
        except ImportError:
            told = "workbooks need XlsxWriter: pip install 'handback-client[xlsx]'"
            raise click.ClickException(told) from None
        self._book = xlsxwriter.Workbook(
            target, {"constant_memory": True, "strings_to_formulas": False}
        )
        self._header = header
        self._zone = ZoneInfo(header.zone)
        self._sheet_rows = sheet_rows
        self._bold = self._book.add_format({"bold": True})
        self._shapes = [
            self._book.add_format({"num_format": _SHAPES.get(column.kind, "@")})
            for column in header.report.columns
        ]
        self._sheets = 0
        self._begin()

    def _begin(self) -> None:
        self._sheets += 1
        name = self._header.report.name[:25] + (f" {self._sheets}" if self._sheets > 1 else "")
        self._sheet = self._book.add_worksheet(name)
        self._sheet.freeze_panes(1, 0)
        for place, column in enumerate(self._header.report.columns):
            self._sheet.set_column(place, place, _WIDTHS.get(column.kind, 12))
            self._sheet.write_string(0, place, column.name, self._bold)
        self._next = 1

    def row(self, row: ReportRow) -> None:
        """Write one row."""
        if self._next == self._sheet_rows:
            self._begin()
        for place, value in enumerate(row.values):
            if value is not None:
                self._cell(self._sheet, self._next, place, value, self._shapes[place])
        self._next += 1

    def _cell(self, sheet: Any, row: int, place: int, value: Any, shape: Any) -> None:
        """Write one value for what it is."""
        write: Callable[..., object] = sheet.write_number
        match value:
            case datetime():
                write, value = (
                    sheet.write_datetime,
                    value.astimezone(self._zone).replace(tzinfo=None),
                )
            case date():
                write, value = sheet.write_datetime, datetime.combine(value, time.min)
            case timedelta():
                value = value / timedelta(days=1)
            case Decimal():
                value = float(value)
            case int() if abs(value) < _EXACT:
                pass
            case _:
                write, value = sheet.write_string, str(value)[:_CELL_CHARS]
        write(row, place, value, shape)

    def close(self, footer: ReportFooter) -> None:
        """Write the sheet that says what the others are, and the whole."""
        about = self._book.add_worksheet("about")
        about.set_column(0, 1, 24)
        report = self._header.report
        lines: list[tuple[str, Any]] = [
            ("report", report.name),
            ("answers", report.sentence),
            *self._header.parameters.items(),
            ("time zone", self._header.zone),
            ("as of position", footer.as_of_position),
            ("as of", footer.as_of_at),
            ("rows", footer.row_count),
        ]
        for number, totals in enumerate(footer.totals, start=1):
            lines += [(f"total {number}: {name}", value) for name, value in totals_of(totals)]
        for place, (name, value) in enumerate(lines):
            about.write_string(place, 0, name, self._bold)
            if value is not None:
                self._cell(about, place, 1, value, self._about_shape(value))
        self._book.close()

    def _about_shape(self, value: Any) -> Any:
        kind = ColumnKind.INSTANT if isinstance(value, datetime) else ColumnKind.INTEGER
        return self._book.add_format({"num_format": _SHAPES[kind], "align": "left"})
