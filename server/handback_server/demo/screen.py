"""What is shown while the demo runs: a live table on a terminal, else a line now and then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.bar import Bar
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from handback_server.demo.plan import CASES, Plan
from handback_server.demo.stream import Tally

STATES: Final = {
    "submitted": "white",
    "awaiting_handback": "cyan",
    "rejected": "yellow",
    "retrying": "magenta",
    "failed": "red",
    "confirmed": "green",
}
_BAR: Final = 30
_LINE_EVERY_S: Final = 2.0


class Screen:
    """The state of one run on screen."""

    def __init__(self, console: Console, plan: Plan, tally: Tally) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(_BAR), MofNCompleteColumn())
        self._bars = Progress(*columns, TimeElapsedColumn(), console=console)
        self._submitting = self._bars.add_task("submitting", total=len(plan.redemptions))
        self._console = console
        self._records = len(plan.redemptions)
        self._tally = tally
        self._began_at = self._said_at = time.monotonic()
        self._said = ""
        self.now = ""

    def submitted(self, count: int) -> None:
        """So many are submitted."""
        self._bars.update(self._submitting, completed=count)
        self.say()

    def step(self, now: str) -> None:
        """What the demo waits for now."""
        self.now = now
        self.say(at_once=True)

    def say(self, *, at_once: bool = False) -> None:
        """Where there is no terminal, print a line; not too often unless it is something new."""
        passed = time.monotonic() - self._said_at
        if self._console.is_terminal or not (at_once or passed >= _LINE_EVERY_S):
            return
        self._said_at = time.monotonic()
        totals = [f"{state} {self._total(state):,}" for state in STATES if self._total(state)]
        line = f"{self.now}: {', '.join(totals) or 'nothing yet'}"
        if line != self._said:
            self._said = line
            self._console.print(
                f"{self._said_at - self._began_at:6.1f} s  {line}", highlight=False, soft_wrap=True
            )

    def __rich__(self) -> RenderableType:
        rate = f"{self._tally.total:,} events, {self._tally.rate:,.0f} a second"
        below = Text(f"\n{rate}   {self.now}", style="dim")
        return Group(self._bars, Text(), self._table(), below)

    def _table(self) -> Table:
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
        table.add_column("state", no_wrap=True)
        for partner in (*CASES, "all"):
            table.add_column(partner, justify="right", min_width=9, no_wrap=True)
        table.add_column("", max_width=_BAR)
        for state, colour in STATES.items():
            total = self._total(state)
            counts = [self._tally.states[partner, state] for partner in CASES]
            bar = Bar(self._records, 0, total, color=colour)
            cells = [f"{count:,}" for count in (*counts, total)]
            table.add_row(Text(state, style=colour), *cells, bar)
        return table

    def _total(self, state: str) -> int:
        return sum(self._tally.states[partner, state] for partner in CASES)


@contextmanager
def live(console: Console, plan: Plan, tally: Tally) -> Iterator[Screen]:
    """A screen that keeps itself up to date; its last picture stays."""
    screen = Screen(console, plan, tally)
    if not console.is_terminal:
        yield screen
        return
    with Live(screen, console=console, refresh_per_second=5):
        yield screen
