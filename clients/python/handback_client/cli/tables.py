"""Rows of reports as people read them: a table where it fits, else a card for each row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from handback_client.cli.exporting import totals_of
from handback_client.cli.output import TERMINAL_ROWS, Output, is_number, text_of
from handback_client.models.reports import (
    ColumnKind,
    ReportDrill,
    ReportFooter,
    ReportHeader,
    ReportRow,
    ReportValue,
)

if TYPE_CHECKING:
    from rich.table import Table

    from handback_client.sync.reports import ReportRun

_NUMBERS = (ColumnKind.INTEGER, ColumnKind.QUANTITY, ColumnKind.SHARE, ColumnKind.DURATION)
_QUANTITY = "_quantity"
# Between columns of a table, and beside the first and the last.
_GAP = 3


def show_table(output: Output, running: ReportRun, behind: bool, limit: int | None) -> None:
    """Show rows to a person on a terminal, else as tab-separated text and nothing more."""
    header = running.header()
    if not output.terminal:
        names = [column.name for column in header.report.columns]
        output.many(_lines(header, running), names, limit)
        return
    rows = list(islice(running, limit or TERMINAL_ROWS))
    more = sum(1 for _ in running)  # what is not shown still counts
    _draw([one for one in _parts(header, rows) if any(one.cells)], len(rows))
    if more and limit is None:
        click.echo(f"the first {TERMINAL_ROWS}; --limit shows more", err=True)
    if running.footer is not None:
        _show_footer(header, running.footer, behind)


def _lines(header: ReportHeader, rows: ReportRun) -> Iterator[SimpleNamespace]:
    zone = ZoneInfo(header.zone)
    for row in rows:
        values = (_plain(value, zone) for value in row.values)
        yield SimpleNamespace(**dict(zip(header.places, values, strict=True)))


def _plain(value: ReportValue, zone: ZoneInfo) -> Any:
    match value:
        case datetime():
            return value.astimezone(zone).isoformat(timespec="seconds")
        case timedelta():
            return int(value.total_seconds())
    return value


@dataclass(frozen=True, slots=True)
class _Part:
    """One column as it is shown, which may be two of the report: a count and its quantity."""

    title: str
    cells: Sequence[str]
    right: bool

    @property
    def width(self) -> int:
        """How wide it is at its widest."""
        return max(map(len, (self.title, *self.cells)))


def _parts(header: ReportHeader, rows: Sequence[ReportRow]) -> Iterator[_Part]:
    zone = ZoneInfo(header.zone)
    for column in header.report.columns:
        name, together = column.name, f"{column.name}{_QUANTITY}"
        if name.removesuffix(_QUANTITY) != name and name.removesuffix(_QUANTITY) in header.places:
            continue
        cells = [_readable(row[name], zone) for row in rows]
        if together in header.places:
            much = [_readable(row[together], zone) for row in rows]
            wide = max(map(len, much), default=0)
            pairs = zip(cells, much, strict=True)
            cells = [f"{one} / {more:>{wide}}" if one else "" for one, more in pairs]
        yield _Part(name.replace("_", " "), cells, column.kind in _NUMBERS)


def _readable(value: ReportValue, zone: ZoneInfo) -> str:
    match value:
        case datetime():
            return value.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        case timedelta():
            return str(value)
        case Decimal():
            return f"{value:.2%}"
    return f"{value:,}" if is_number(value) else text_of(value)


def _draw(parts: Sequence[_Part], count: int) -> None:
    from rich.console import Console

    console = Console()
    if sum(one.width + _GAP for one in parts) <= console.width:
        console.print(_table(parts, count))
        return
    for place in range(count):
        console.print(_card(parts, place))


def _table(parts: Sequence[_Part], count: int) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for one in parts:
        table.add_column(one.title, justify="right" if one.right else "left", no_wrap=True)
    for place in range(count):
        table.add_row(*(Text(one.cells[place]) for one in parts))
    return table


def _card(parts: Sequence[_Part], place: int) -> Table:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, _GAP))
    for one in parts:
        if one.cells[place]:
            grid.add_row(one.title, Text(one.cells[place]))
    grid.add_row("")
    return grid


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
        text = f"{value:,}" if is_number(value) else text_of(value)
        if (more := totals.get(f"{name}{_QUANTITY}")) is not None:
            text += f" / {more:,}"
        yield f"{name.replace('_', ' ')} {text}"


def _way_down(header: ReportHeader, drill: ReportDrill) -> str:
    """The command that shows what is behind some figures; what a row has to tell is in capitals."""
    asked = {name: header.parameters[name] for name in drill.kept if name in header.parameters}
    told = {name: column.upper() for name, column in drill.columns.items()}
    options = " ".join(
        f"--{name.replace('_', '-')} {value}"
        for name, value in {**asked, **drill.fixed, **told}.items()
    )
    return f"behind {', '.join(drill.figures)}: handback report {drill.report} {options}"
