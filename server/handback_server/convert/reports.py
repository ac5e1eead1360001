"""Reports: their declarations, their rows column by column, their footers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from handback.reports.declaring import Column, ColumnKind, Drill, Parameter
from handback.reports.report import Report
from handback.reports.run import Footer
from handback_server._stubs.v1 import reports_pb2
from handback_server.convert.values import instant

_TEXTS: Final = (ColumnKind.TEXT, ColumnKind.ID)


def report(declared: Report) -> reports_pb2.Report:
    """A report as it is declared."""
    return reports_pb2.Report(
        name=declared.name,
        sentence=declared.sentence,
        parameters=map(_parameter, declared.parameters),
        columns=map(_column, declared.columns),
        drills=map(_drill, declared.drills),
    )


def report_header(
    declared: Report, parameters: Mapping[str, str], zone: str
) -> reports_pb2.ReportHeader:
    """What goes ahead of the rows."""
    return reports_pb2.ReportHeader(report=report(declared), parameters=parameters, zone=zone)


def report_rows(declared: Report, rows: pl.DataFrame) -> reports_pb2.ReportRows:
    """Some rows, as a run gives them."""
    columns = (_values(rows[one.name], one) for one in declared.columns)
    return reports_pb2.ReportRows(row_count=len(rows), columns=columns)


def report_footer(declared: Report, footer: Footer) -> reports_pb2.ReportFooter:
    """What the rows came to."""
    return reports_pb2.ReportFooter(
        row_count=footer.row_count,
        totals=report_rows(declared, footer.totals),
        as_of_position=footer.as_of_position,
        as_of_at=instant(footer.as_of_at),
    )


def _parameter(declared: Parameter) -> reports_pb2.ReportParameter:
    return reports_pb2.ReportParameter(
        name=declared.name,
        kind=reports_pb2.ReportParameterKind.ValueType(declared.kind),
        sentence=declared.sentence,
        required=declared.required,
        default_text=declared.default,
        choices=declared.choices,
        several=declared.several,
    )


def _column(declared: Column) -> reports_pb2.ReportColumn:
    return reports_pb2.ReportColumn(
        name=declared.name,
        kind=reports_pb2.ReportColumnKind.ValueType(declared.kind),
        sentence=declared.sentence,
        total=declared.total,
    )


def _drill(declared: Drill) -> reports_pb2.ReportDrill:
    return reports_pb2.ReportDrill(
        figures=declared.figures,
        report=declared.report,
        columns=declared.columns,
        fixed=declared.fixed,
        kept=declared.kept,
    )


def _values(values: pl.Series, column: Column) -> reports_pb2.ReportValues:
    absent = values.is_null().arg_true().to_list() if values.null_count() else ()
    if column.kind in _TEXTS:
        return reports_pb2.ReportValues(texts=values.fill_null("").to_list(), absent=absent)
    # Instants are microseconds and days are days, as they are kept in a frame.
    numbers = values.to_physical().fill_null(0).to_list()
    return reports_pb2.ReportValues(numbers=numbers, absent=absent)
