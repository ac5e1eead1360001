"""How answers look: JSON lines, tables on a terminal, tab-separated text in a pipe.

rich is loaded when a table or a progress bar is drawn, and not before.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain, islice
from typing import Any, Protocol

import click

# As many rows as a table on a terminal has unless more are asked for.
TERMINAL_ROWS = 100


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


def readable(value: Any) -> str:
    """A single value on a terminal, where numbers have separators."""
    return f"{value:,}" if is_number(value) else text_of(value)


def title_of(name: str) -> str:
    """The name of a field or a column on a terminal, where a length of time shows its unit."""
    return name.removesuffix("_s").replace("_", " ")


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
            from handback_client.cli.drawing import draw_card

            draw_card((title_of(name), _shown(name, value)) for name, value in pairs)
            return
        for name, value in pairs:
            click.echo(f"{name}\t{text_of(value)}")

    def many(self, results: Iterable[Any], columns: Sequence[str], limit: int | None) -> None:
        """Show results: all fields in JSON, else these columns; up to a limit where it is set."""
        if self.as_json or not self.terminal:
            wanted = islice(results, limit)
            # Before the header, so that nothing is on stdout where the server refuses.
            first = [*islice(wanted, 1)]
            if not self.as_json:
                click.echo("\t".join(columns))
            for result in chain(first, wanted):
                self.line(result, columns)
            return
        shown = limit or TERMINAL_ROWS
        rows = list(islice(results, shown + 1))
        if not rows:
            click.echo("there are none", err=True)
            return
        self._draw(rows[:shown], columns)
        if len(rows) > shown and limit is None:
            click.echo(f"the first {shown}; --limit shows more", err=True)

    def whole(self, results: Iterable[Any], columns: Sequence[str]) -> None:
        """Show all results, however many, as `many` shows some."""
        found = list(results)
        self.many(found, columns, len(found) or 1)

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

    def _draw(self, rows: Sequence[Any], columns: Sequence[str]) -> None:
        from handback_client.cli.drawing import Column, draw

        found = {name: [getattr(row, name) for row in rows] for name in columns}
        draw(
            (
                Column(title_of(name), list(map(readable, values)), any(map(is_number, values)))
                for name, values in found.items()
            ),
            len(rows),
        )


def _shown(name: str, value: Any) -> str:
    """What a card says of a field; nothing for what is not there, or not so."""
    if value is False:
        return ""
    if name.endswith("_s") and is_number(value):
        return str(timedelta(seconds=value))
    return readable(value)
