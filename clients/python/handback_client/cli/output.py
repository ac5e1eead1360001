"""How answers look: JSON lines, tables on a terminal, tab-separated text in a pipe.

rich is loaded when a table or a progress bar is drawn, and not before.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

# As many rows as a table on a terminal has unless more are asked for.
TERMINAL_ROWS = 100

COLOUR_OF_WORD: Mapping[str, str] = {
    "confirmed": "green",
    "reconciled": "green",
    "ACCEPTED": "green",
    "ACCEPTED_WITH_FINDINGS": "green",
    "HEARTBEAT": "green",
    "dispatched": "green",
    "awaiting_handback": "cyan",
    "retrying": "yellow",
    "recalled": "yellow",
    "rejected": "yellow",
    "quarantined": "red",
    "refused": "red",
    "failed": "red",
}


class Progress(Protocol):
    """Something that is told how far the work has come."""

    def __call__(self, done: int) -> None: ...


def plain(value: Any) -> Any:
    """A result as JSON has it: objects, lists, ISO 8601 instants."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return value


def text_of(value: Any) -> str:
    """A single value as people read it; nothing for what is not there."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={text_of(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(text_of, value))
    if is_dataclass(value) and not isinstance(value, type):
        return text_of({one.name: getattr(value, one.name) for one in fields(value)})
    return printable(str(value))


def is_number(value: Any) -> bool:
    """Whether a value is set to the right."""
    return isinstance(value, int) and not isinstance(value, bool)


def printable(text: str) -> str:
    """Text on one line that cannot steer a terminal, whatever a partner has sent."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


@dataclass(frozen=True, slots=True)
class Output:
    """Where answers go."""

    as_json: bool
    terminal: bool

    def one(self, result: Any) -> None:
        """Show a single result with all its fields."""
        if self.as_json:
            self.line(result)
            return
        pairs = [(one.name, getattr(result, one.name)) for one in fields(result)]
        if self.terminal:
            from rich.table import Table

            grid = Table.grid(padding=(0, 3))
            for name, value in pairs:
                if not (value is None or value is False or value in ("", {})):
                    grid.add_row(name.replace("_", " "), self._cell(value))
            self._draw(grid)
            return
        for name, value in pairs:
            click.echo(f"{name}\t{text_of(value)}")

    def many(self, results: Iterable[Any], columns: Sequence[str], limit: int | None) -> None:
        """Show results: all fields in JSON, else these columns; up to a limit where it is set."""
        if self.as_json or not self.terminal:
            if not self.as_json:
                click.echo("\t".join(columns))
            for result in islice(results, limit):
                self.line(result, columns)
            return
        shown = limit or TERMINAL_ROWS
        rows = list(islice(results, shown + 1))
        self._draw(self._table(rows[:shown], columns))
        if len(rows) > shown and limit is None:
            click.echo(f"the first {shown}; --limit shows more", err=True)

    def line(self, result: Any, columns: Sequence[str] = ()) -> None:
        """Show a result on a line of its own, as soon as it is there."""
        if self.as_json:
            click.echo(json.dumps(plain(result), ensure_ascii=False))
        else:
            click.echo("\t".join(text_of(getattr(result, name)) for name in columns))

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Progress]:
        """A progress bar on stderr, where that is a terminal."""
        if self.as_json or not sys.stderr.isatty():
            yield lambda done: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(title, total=total)
            yield lambda done: bar.update(task, completed=done)

    def _table(self, rows: Sequence[Any], columns: Sequence[str]) -> Table:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for name in columns:
            table.add_column(
                name.replace("_", " "),
                overflow="fold",
                no_wrap=name.endswith(("_id", "_at")),  # to be copied, so not to be broken
                justify="right" if any(is_number(getattr(row, name)) for row in rows) else "left",
            )
        for row in rows:
            table.add_row(*(self._cell(getattr(row, name)) for name in columns))
        return table

    def _cell(self, value: Any) -> Text:
        from rich.text import Text

        if is_number(value):
            return Text(f"{value:,}")
        text = text_of(value)
        return Text(text, style=COLOUR_OF_WORD.get(text, ""))

    def _draw(self, table: Table) -> None:
        from rich.console import Console

        Console().print(table)
