"""Reports: declarations, rows and footers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from handback_client._stubs.v1 import reports_pb2
from handback_client.convert.words import Words, instant
from handback_client.models.reports import (
    ColumnKind,
    ParameterKind,
    Report,
    ReportColumn,
    ReportDrill,
    ReportFooter,
    ReportHeader,
    ReportParameter,
    ReportRow,
    ReportValue,
)

_COLUMN_KINDS: Final = Words(ColumnKind)
_PARAMETER_KINDS: Final = Words(ParameterKind)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY: Final = _EPOCH.date().toordinal()
_MILLION: Final = Decimal(1_000_000)

_FROM_NUMBER: Final[dict[ColumnKind, Callable[[int], ReportValue]]] = {
    ColumnKind.INSTANT: lambda number: _EPOCH + timedelta(microseconds=number),
    ColumnKind.DAY: lambda number: date.fromordinal(_FIRST_DAY + number),
    ColumnKind.SHARE: lambda number: number / _MILLION,
    ColumnKind.DURATION: lambda number: timedelta(seconds=number),
}


def report(message: reports_pb2.Report) -> Report:
    """What a report is."""
    return Report(
        name=message.name,
        sentence=message.sentence,
        parameters=tuple(map(_parameter, message.parameters)),
        columns=tuple(map(_column, message.columns)),
        drills=tuple(map(_drill, message.drills)),
    )


def report_header(message: reports_pb2.ReportHeader) -> ReportHeader:
    """What a run is of."""
    return ReportHeader(
        report=report(message.report),
        parameters=dict(message.parameters),
        zone=message.zone,
    )


def report_rows(header: ReportHeader, message: reports_pb2.ReportRows) -> list[ReportRow]:
    """Some rows of a run."""
    columns = [
        _values(column.kind, values)
        for column, values in zip(header.report.columns, message.columns, strict=True)
    ]
    return [ReportRow(header, values) for values in zip(*columns, strict=True)]


def report_footer(header: ReportHeader, message: reports_pb2.ReportFooter) -> ReportFooter:
    """What the rows of a run came to."""
    return ReportFooter(
        row_count=message.row_count,
        totals=tuple(report_rows(header, message.totals)),
        as_of_position=message.as_of_position,
        as_of_at=instant(message.as_of_at),
    )


def _parameter(message: reports_pb2.ReportParameter) -> ReportParameter:
    return ReportParameter(
        name=message.name,
        kind=_PARAMETER_KINDS[message.kind],
        sentence=message.sentence,
        required=message.required,
        default=message.default_text,
        choices=tuple(message.choices),
        several=message.several,
    )


def _column(message: reports_pb2.ReportColumn) -> ReportColumn:
    return ReportColumn(
        name=message.name,
        kind=_COLUMN_KINDS[message.kind],
        sentence=message.sentence,
        total=message.total,
    )


def _drill(message: reports_pb2.ReportDrill) -> ReportDrill:
    return ReportDrill(
        figures=tuple(message.figures),
        report=message.report,
        columns=dict(message.columns),
        fixed=dict(message.fixed),
        kept=tuple(message.kept),
    )


def _values(kind: ColumnKind, message: reports_pb2.ReportValues) -> Sequence[ReportValue]:
    """The values of a column; one of a kind that this client does not know reads as it came."""
    read = _FROM_NUMBER.get(kind)
    values: list[Any] = list(message.texts or message.numbers)
    if read is not None:
        values = list(map(read, values))
    for row in message.absent:
        values[row] = None
    return values
