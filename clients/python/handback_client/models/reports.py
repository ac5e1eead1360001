"""Reports: what there are, and what a run of one says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

ReportValue = str | int | datetime | date | Decimal | timedelta | None
"""A text or an id, a whole number or quantity, an instant, a day, a share between 0 and 1, a length
of time; None where there is nothing to say."""


class ColumnKind(StrEnum):
    """What the values of a column are."""

    NONE = "none"
    TEXT = "text"
    INTEGER = "integer"
    QUANTITY = "quantity"
    INSTANT = "instant"
    DAY = "day"
    ID = "id"
    SHARE = "share"
    DURATION = "duration"
    UNKNOWN = "unknown"


class ParameterKind(StrEnum):
    """How the text of a parameter is read."""

    NONE = "none"
    TEXT = "text"
    INTEGER = "integer"
    INSTANT = "instant"
    ID = "id"
    ZONE = "zone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportColumn:
    """One column; `total` says whether the footer has its sum."""

    name: str
    kind: ColumnKind
    sentence: str
    total: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportParameter:
    """One thing that may be asked; `choices` are all that is understood, where there are any."""

    name: str
    kind: ParameterKind
    sentence: str
    required: bool
    default: str
    choices: tuple[str, ...]
    several: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDrill:
    """Which report shows what is behind some figures of a row: `columns` are its parameters by the
    column that has their text, `fixed` those that are always the same, `kept` those passed on."""

    figures: tuple[str, ...]
    report: str
    columns: Mapping[str, str]
    fixed: Mapping[str, str]
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report: what it answers, what may be asked, what its rows say, where they lead."""

    name: str
    sentence: str
    parameters: tuple[ReportParameter, ...]
    columns: tuple[ReportColumn, ...]
    drills: tuple[ReportDrill, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What to run to see what is behind a figure."""

    report: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ReportHeader:
    """What a run is of: the report, what was asked, and the time zone of its days."""

    report: Report
    parameters: Mapping[str, str]
    zone: str

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Where in a row the value of each column stands."""
        return {column.name: place for place, column in enumerate(self.report.columns)}


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One row: `row["sent"]` by the column's name, or all `values` in the order of the columns."""

    header: ReportHeader
    values: tuple[ReportValue, ...]

    def __getitem__(self, column: str) -> ReportValue:
        return self.values[self.header.places[column]]

    def behind(self, figure: str) -> Behind | None:
        """What shows what is behind a figure; None where it leads nowhere."""
        for drill in self.header.report.drills:
            if figure in drill.figures:
                told = {name: self[column] for name, column in drill.columns.items()}
                asked = self.header.parameters
                kept = {name: asked[name] for name in drill.kept if name in asked}
                given = {name: _text(one) for name, one in told.items() if one is not None}
                return Behind(report=drill.report, parameters={**kept, **drill.fixed, **given})
        return None


def _text(value: ReportValue) -> str:
    """A value as a parameter has it."""
    return value.isoformat() if isinstance(value, date) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFooter:
    """What the rows came to: `totals` has a row for each unit, or one where there are no units.

    All was read from the state of the journal right after the block at `as_of_position`.
    """

    row_count: int
    totals: tuple[ReportRow, ...]
    as_of_position: int
    as_of_at: datetime | None
