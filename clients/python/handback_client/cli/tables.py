"""Rows of reports as people read them: in tables, with what they come to below."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from handback_client.cli.exporting import totals_of
from handback_client.cli.output import Output, is_number, text_of
from handback_client.models.reports import ReportDrill, ReportHeader, ReportRow, ReportValue

if TYPE_CHECKING:
    from handback_client.sync.reports import ReportRun


def show_table(output: Output, running: ReportRun, behind: bool, limit: int | None) -> None:
    """Show rows as a table on a terminal, else as tab-separated text and nothing more."""
    header = running.header()
    names = [column.name for column in header.report.columns]
    output.many(_shown(header, running), names, limit)
    for _ in running:
        pass  # what is not shown still counts
    footer = running.footer
    if not output.terminal or footer is None:
        return
    for totals in footer.totals:
        said = ", ".join(f"{name} {_grouped(value)}" for name, value in totals_of(totals))
        click.echo(f"total: {said}")
    if behind:
        for drill in header.report.drills:
            click.echo(_way_down(header, drill))
    days = f"days in {header.zone}"
    click.echo(f"{footer.row_count} rows, as of position {footer.as_of_position}, {days}")


def _shown(header: ReportHeader, rows: ReportRun) -> Iterator[SimpleNamespace]:
    zone = ZoneInfo(header.zone)
    names = [column.name for column in header.report.columns]
    for row in rows:
        yield _line(names, row, zone)


def _line(names: list[str], row: ReportRow, zone: ZoneInfo) -> SimpleNamespace:
    values = (_readable(value, zone) for value in row.values)
    return SimpleNamespace(**dict(zip(names, values, strict=True)))


def _readable(value: ReportValue, zone: ZoneInfo) -> Any:
    match value:
        case datetime():
            return value.astimezone(zone).isoformat(sep=" ", timespec="seconds")
        case timedelta():
            return str(value)
        case Decimal():
            return f"{value:.2%}"
    return value


def _grouped(value: ReportValue) -> str:
    return f"{value:,}" if is_number(value) else text_of(value)


def _way_down(header: ReportHeader, drill: ReportDrill) -> str:
    """The command that shows what is behind some figures; what a row has to tell is in capitals."""
    asked = {name: header.parameters[name] for name in drill.kept if name in header.parameters}
    told = {name: column.upper() for name, column in drill.columns.items()}
    options = " ".join(
        f"--{name.replace('_', '-')} {value}"
        for name, value in {**asked, **drill.fixed, **told}.items()
    )
    return f"behind {', '.join(drill.figures)}: handback report {drill.report} {options}"
