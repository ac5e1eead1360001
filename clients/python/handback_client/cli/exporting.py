"""Rows of reports as CSV, JSON and plain text, one after the other, in bounded memory."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import IO, Any, Protocol
from zoneinfo import ZoneInfo

from handback_client.cli.output import plain, text_of
from handback_client.models.reports import (
    ColumnKind,
    ReportFooter,
    ReportHeader,
    ReportRow,
    ReportValue,
)

# A program that shows tables takes a text that begins so for a formula, and works it out.
FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class Writer(Protocol):
    """Takes the rows of one report."""

    def row(self, row: ReportRow) -> None:
        """Write one row."""
        ...

    def close(self, footer: ReportFooter) -> None:
        """Write what comes behind the last one."""
        ...


class CsvWriter:
    """Comma-separated values by RFC 4180, in UTF-8, below a line of names."""

    def __init__(self, target: IO[str], header: ReportHeader) -> None:
        self._csv = csv.writer(target)
        self._kinds = [column.kind for column in header.report.columns]
        self._csv.writerow(column.name for column in header.report.columns)

    def row(self, row: ReportRow) -> None:
        """Write one row."""
        self._csv.writerow(map(_cell, self._kinds, row.values))

    def close(self, footer: ReportFooter) -> None:
        """Nothing comes behind the last one, so that a file has rows and nothing else."""


def _cell(kind: ColumnKind, value: ReportValue) -> str:
    """A value as a cell: instants in UTC, lengths of time in seconds."""
    if value is None:
        return ""
    found = str(simple(value))
    if kind is ColumnKind.TEXT and found.startswith(FORMULA_BEGINS):
        return f"'{found}"
    return found


def simple(value: ReportValue) -> Any:
    """A value as JSON has it."""
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value


class TextWriter:
    """Tab-separated text below a line of names, as all commands answer in a pipe."""

    def __init__(self, target: IO[str], header: ReportHeader) -> None:
        """Instants are told in the zone of the report."""
        self._target = target
        self._zone = ZoneInfo(header.zone)
        self._write(header.places)

    def row(self, row: ReportRow) -> None:
        """Write one row."""
        self._write(map(self._text, row.values))

    def close(self, footer: ReportFooter) -> None:
        """Nothing comes behind the last line."""

    def _text(self, value: ReportValue) -> str:
        if isinstance(value, datetime):
            return value.astimezone(self._zone).isoformat(timespec="seconds")
        return text_of(simple(value) if isinstance(value, timedelta) else value)

    def _write(self, cells: Iterable[str]) -> None:
        self._target.write("\t".join(cells) + "\n")


class JsonLineWriter:
    """One object a line for each row."""

    def __init__(self, target: IO[str], behind: bool) -> None:
        self._target = target
        self._behind = behind

    def row(self, row: ReportRow) -> None:
        """Write one row."""
        self._target.write(_object(row, self._behind) + "\n")

    def close(self, footer: ReportFooter) -> None:
        """Nothing comes behind the last line."""


class JsonWriter:
    """One object: what the report is, its rows, and what they come to."""

    def __init__(self, target: IO[str], header: ReportHeader, behind: bool) -> None:
        self._target = target
        self._behind = behind
        self._separator = "\n"
        head = plain(
            {
                "report": header.report.name,
                "parameters": header.parameters,
                "zone": header.zone,
                "columns": [
                    {"name": column.name, "kind": column.kind} for column in header.report.columns
                ],
            }
        )
        self._target.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "rows": [')

    def row(self, row: ReportRow) -> None:
        """Write one row."""
        self._target.write(self._separator + _object(row, self._behind))
        self._separator = ",\n"

    def close(self, footer: ReportFooter) -> None:
        """Write what the rows come to."""
        tail = {
            "row_count": footer.row_count,
            "totals": [dict(totals_of(row)) for row in footer.totals],
            "as_of_position": footer.as_of_position,
            "as_of_at": plain(footer.as_of_at),
        }
        self._target.write("\n], " + json.dumps(tail, ensure_ascii=False)[1:] + "\n")


def totals_of(row: ReportRow) -> Iterator[tuple[str, ReportValue]]:
    """What a row of totals says, by column."""
    for column, value in zip(row.header.report.columns, row.values, strict=True):
        if value is not None:
            yield column.name, value


def _object(row: ReportRow, behind: bool) -> str:
    names = [column.name for column in row.header.report.columns]
    found = dict(zip(names, map(simple, row.values), strict=True))
    if behind:
        figures = {name: row.behind(name) for name in names}
        found["behind"] = {name: plain(one) for name, one in figures.items() if one is not None}
    return json.dumps(found, ensure_ascii=False)
