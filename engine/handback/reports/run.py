"""Running a report: its rows in bounded pieces, then what they come to, from one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from handback.errors import NotFound
from handback.ids import Prefix, public_id
from handback.intake.desk import Desk
from handback.journal.read import extent
from handback.reports.declaring import FRAME_TYPE, Column, ColumnKind
from handback.reports.reading import Reading, reading
from handback.reports.registry import REPORTS
from handback.reports.report import Report

PIECE_ROWS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Footer:
    """What the rows come to.

    `totals` has the columns of the report: a row for each unit, by name, or one where the report
    has no units; all but the unit and what is summed up is null. Everything was read from the state
    of the journal right after `as_of_position`.
    """

    row_count: int
    totals: pl.DataFrame
    as_of_position: int
    as_of_at: datetime


class Running:
    """A report under way. Iterate over it once for its rows; the footer is whole after the last."""

    def __init__(self, report: Report, asked: Reading, parameters: Mapping[str, str]) -> None:
        self.report = report
        self.parameters = parameters
        self.zone: ZoneInfo = asked.zone
        self._asked = asked
        self._row_count = 0
        self._totals = schema_frame(report)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """Frames of at most `PIECE_ROWS` rows with the columns of the report, ids as texts."""
        for frame in self.report.rows(self._asked):
            self._row_count += len(frame)
            self._totals = _added(self.report, self._totals, frame)
            for piece in frame.iter_slices(PIECE_ROWS):
                if len(piece):
                    yield _shown(self.report, piece)

    def footer(self) -> Footer:
        """What the rows that were given come to."""
        newest = extent(self._asked.tx).newest
        return Footer(self._row_count, self._totals, newest, self._asked.now)


@contextmanager
def running(
    desk: Desk, programme: str, name: str, parameters: Mapping[str, str], *, unmasked: bool
) -> Iterator[Running]:
    """A run of a report, in one transaction that sees one state of the store.

    `unmasked` says whether restricted reasons may be shown. Raises NotFound, InvalidRequest.
    """
    report = REPORTS.get(name)
    if report is None:
        raise NotFound(kind="report", id=name)
    with desk.store.read() as tx:
        asked = reading(desk, tx, report.parameters, programme, parameters, unmasked)
        yield Running(report, asked, parameters)


def schema_frame(report: Report) -> pl.DataFrame:
    """No rows, with the columns of a report."""
    return pl.DataFrame(schema={one.name: FRAME_TYPE[one.kind] for one in report.columns})


def _added(report: Report, totals: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """The totals with more rows in them, by unit where the report has units."""
    summed = [one.name for one in report.columns if one.total]
    if not summed or frame.is_empty():
        return totals
    by = [one.name for one in report.columns if one.name == "unit"]
    every = pl.concat([some.select(*by, *summed) for some in (totals, frame)])
    sums = pl.col(summed).sum()
    found = every.group_by(by).agg(sums).sort(by) if by else every.select(sums)
    return pl.concat([totals.clear(), found], how="diagonal")


def _shown(report: Report, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as callers get them."""
    return rows.select(_column(rows[one.name], one) for one in report.columns)


def _column(values: pl.Series, column: Column) -> pl.Series:
    if column.kind is not ColumnKind.ID:
        return values.cast(FRAME_TYPE[column.kind])
    assert column.prefix is not None, column
    return pl.Series(column.name, _ids(column.prefix, values), pl.String)


def _ids(prefix: Prefix, numbers: pl.Series) -> list[str | None]:
    return [None if number is None else public_id(prefix, number) for number in numbers]
