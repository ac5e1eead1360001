"""Rows as people read them on a terminal: a table where it fits, else a card for each row.

rich is loaded with this module, so it is loaded where something is drawn, and not before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from handback_client.cli.colours import COLOUR_OF_WORD

# Between columns of a table, and beside the first and the last; it may have to be one less.
_GAP = 3
# What prose takes at least; it is broken between words, and nothing else is broken at all.
_PROSE = 18


@dataclass(frozen=True, slots=True)
class Column:
    """What one column shows; `beside` is what stands in its cells behind a stroke, if anything."""

    title: str
    cells: Sequence[str]
    right: bool = False
    beside: Sequence[str] = ()

    @property
    def is_prose(self) -> bool:
        """Whether its cells may be broken between words; an instant has one space."""
        return not self.right and any(cell.count(" ") > 1 for cell in self.cells)

    def aligned(self) -> list[str]:
        """The cells as they stand below one another, stroke below stroke."""
        wide = max(map(len, self.beside), default=0)
        return [self.cell(place, wide) for place in range(len(self.cells))]

    def cell(self, place: int, wide: int = 0) -> str:
        """One cell, what is beside it made so wide."""
        cell = self.cells[place]
        return f"{cell} / {self.beside[place]:>{wide}}" if cell and self.beside else cell


def draw(columns: Iterable[Column], count: int) -> None:
    """Show so many rows, each followed by a blank line where it is a card.

    A column that says nothing is left out.
    """
    console = Console()
    told = [column for column in columns if any(column.cells)]
    table = _table(told, count, console.width)
    if table is not None:
        console.print(table)
        return
    for place in range(count):
        console.print(_card((column.title, column.cell(place)) for column in told))
        console.print()


def draw_card(pairs: Iterable[tuple[str, str]]) -> None:
    """Show what a single thing is; what says nothing is left out."""
    Console().print(_card(pairs))


def _card(pairs: Iterable[tuple[str, str]]) -> Table:
    card = Table.grid(padding=(0, _GAP))
    for title, cell in pairs:
        if cell:
            card.add_row(title, _coloured(cell))
    return card


def _table(columns: Sequence[Column], count: int, room: int) -> Table | None:
    """The table, as wide as there is room for; None where there is not enough."""
    rows = [column.aligned() for column in columns]
    for between, gap in ((" ", _GAP), ("\n", _GAP), ("\n", _GAP - 1)):
        titles = [column.title.replace(" ", between) for column in columns]
        widths = (
            min(
                _PROSE if column.is_prose else room,
                max(map(cell_len, (*title.split("\n"), *cells))),
            )
            for title, column, cells in zip(titles, columns, rows, strict=True)
        )
        if sum(width + gap for width in widths) <= room:
            break
    else:
        return None
    # The box adds one more blank between columns.
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, gap - 2))
    for title, column in zip(titles, columns, strict=True):
        justify: JustifyMethod = "right" if column.right else "left"
        table.add_column(title, justify=justify, no_wrap=not column.is_prose)
    for place in range(count):
        table.add_row(*(_coloured(cells[place]) for cells in rows))
    return table


def _coloured(word: str) -> Text:
    return Text(word, style=COLOUR_OF_WORD.get(word, ""))
