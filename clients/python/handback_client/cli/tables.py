"""Rows of reports as people read them on a terminal, with what they come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from handback_client.cli.drawing import Column, draw
from handback_client.cli.exporting import totals_of
from handback_client.cli.output import TERMINAL_ROWS, readable, title_of
from handback_client.models.reports import (
    ColumnKind,
    ReportDrill,
    ReportFooter,
    ReportHeader,
    ReportRow,
    ReportValue,
)

if TYPE_CHECKING:
    from handback_client.sync.reports import ReportRun

_NUMBERS = (ColumnKind.INTEGER, ColumnKind.QUANTITY, ColumnKind.SHARE, ColumnKind.DURATION)
_QUANTITY = "_quantity"


def show_table(running: ReportRun, behind: bool, limit: int | None) -> None:
    """Show rows to a person on a terminal."""
    header = running.header()
    rows = list(islice(running, limit or TERMINAL_ROWS))
    more = sum(1 for _ in running)  # what is not shown still counts
    draw(columns_of(header, rows), len(rows))
    if more and limit is None:
        click.echo(f"the first {TERMINAL_ROWS}; --limit shows more", err=True)
    if running.footer is not None:
        _show_footer(header, running.footer, behind)


def columns_of(header: ReportHeader, rows: Sequence[ReportRow]) -> Iterator[Column]:
    """The columns as they are shown; one may be two of the report: a count and its quantity."""
    zone = ZoneInfo(header.zone)
    for column in header.report.columns:
        name, together = column.name, f"{column.name}{_QUANTITY}"
        if name.removesuffix(_QUANTITY) != name and name.removesuffix(_QUANTITY) in header.places:
            continue
        cells, beside = (
            [_readable(row[one], zone) for row in rows] if one in header.places else []
            for one in (name, together)
        )
        yield Column(title_of(name), cells, column.kind in _NUMBERS, beside)


def _readable(value: ReportValue, zone: ZoneInfo) -> str:
    match value:
        case datetime():
            return value.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        case timedelta():
            return str(value)
        case Decimal():
            return f"{value:.2%}"
    return readable(value)


def _show_footer(header: ReportHeader, footer: ReportFooter, behind: bool) -> None:
    for totals in footer.totals:
        said = ", ".join(_summed(dict(totals_of(totals))))
        click.echo(f"total: {said}")
    if behind:
        for drill in header.report.drills:
            click.echo(_way_down(header, drill))
    rows = "1 row" if footer.row_count == 1 else f"{footer.row_count:,} rows"
    click.echo(f"{rows}, as of position {footer.as_of_position}, times in {header.zone}")


def _summed(totals: dict[str, ReportValue]) -> Iterator[str]:
    """Totals with their names, a count and its quantity together."""
    for name, value in totals.items():
        if name.endswith(_QUANTITY) and name.removesuffix(_QUANTITY) in totals:
            continue
        text = readable(value)
        if (more := totals.get(f"{name}{_QUANTITY}")) is not None:
            text += f" / {more:,}"
        yield f"{title_of(name)} {text}"


def _way_down(header: ReportHeader, drill: ReportDrill) -> str:
    """The command that shows what is behind some figures; what a row has to tell is in capitals."""
    asked = {name: header.parameters[name] for name in drill.kept if name in header.parameters}
    told = {name: column.upper() for name, column in drill.columns.items()}
    options = " ".join(
        f"--{name.replace('_', '-')} {value}"
        for name, value in {**asked, **drill.fixed, **told}.items()
    )
    return f"behind {', '.join(drill.figures)}: handback report {drill.report} {options}"
