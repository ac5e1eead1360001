"""What a report is declared with: typed columns, parameters, and the way down from its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto
from typing import Final

import polars as pl

from handback.ids import Prefix
from handback.store.bulk import INSTANT


class ColumnKind(IntEnum):
    """What the values of a column are. Numbers are those on the wire, never given anew."""

    TEXT = 1
    INTEGER = 2
    QUANTITY = 3
    """Whole units, of the unit in the row's column `unit`."""
    INSTANT = 4
    DAY = 5
    ID = 6
    """A public id such as `rdm_000000000001f`."""
    SHARE = 7
    """Parts of a million."""
    DURATION = 8
    """Whole seconds."""

    def __str__(self) -> str:
        return self.name.lower()


FRAME_TYPE: Final[Mapping[ColumnKind, pl.DataType]] = {
    ColumnKind.TEXT: pl.String(),
    ColumnKind.INTEGER: pl.Int64(),
    ColumnKind.QUANTITY: pl.Int64(),
    ColumnKind.INSTANT: INSTANT,
    ColumnKind.DAY: pl.Date(),
    ColumnKind.ID: pl.String(),
    ColumnKind.SHARE: pl.Int64(),
    ColumnKind.DURATION: pl.Int64(),
}
MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `total` says whether the footer has its sum, by unit where there are units."""

    name: str
    kind: ColumnKind
    sentence: str
    prefix: Prefix | None = None
    total: bool = False


class Day(Enum):
    """Which instant a day stands for: what it begins includes it, and so does what it ends."""

    FIRST = auto()
    LAST = auto()
    OVER = auto()
    """The first of the next day, where the end itself is left out."""


class ParameterKind(IntEnum):
    """How the text of a parameter is read. Numbers are those on the wire, never given anew."""

    TEXT = 1
    INTEGER = 2
    INSTANT = 3
    """An instant with its offset, or a day in the report's time zone: see `Day`."""
    ID = 4
    ZONE = 5
    """A time zone by its name, such as `Europe/Lisbon`."""

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that may be asked for.

    `choices` are all that is understood, where there are any; of `several` there may be more than
    one, with commas between them.
    """

    name: str
    kind: ParameterKind
    sentence: str
    day: Day = Day.LAST
    required: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()
    several: bool = False
    prefix: Prefix | None = None


@dataclass(frozen=True, slots=True)
class Drill:
    """Which report shows what is behind some figures of a row, and with which parameters.

    `columns` gives parameters by the column of the row that has their value, `fixed` those that
    are always the same, `kept` the parameters of this run that are passed on as they were asked.
    A column without a value in the row leaves its parameter out.
    """

    figures: tuple[str, ...]
    report: str
    columns: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()


Rows = Iterator[pl.DataFrame]


def text(name: str, sentence: str) -> Column:
    """A column of texts."""
    return Column(name, ColumnKind.TEXT, sentence)


def integer(name: str, sentence: str, *, total: bool = True) -> Column:
    """A column of whole numbers."""
    return Column(name, ColumnKind.INTEGER, sentence, total=total)


def quantity(name: str, sentence: str, *, total: bool = True) -> Column:
    """A column of quantities in the row's unit."""
    return Column(name, ColumnKind.QUANTITY, sentence, total=total)


def instant(name: str, sentence: str) -> Column:
    """A column of instants."""
    return Column(name, ColumnKind.INSTANT, sentence)


def day(name: str, sentence: str) -> Column:
    """A column of days."""
    return Column(name, ColumnKind.DAY, sentence)


def share(name: str, sentence: str) -> Column:
    """A column of parts of a million."""
    return Column(name, ColumnKind.SHARE, sentence)


def duration(name: str, sentence: str) -> Column:
    """A column of seconds."""
    return Column(name, ColumnKind.DURATION, sentence)


def public(name: str, prefix: Prefix, sentence: str) -> Column:
    """A column of public ids."""
    return Column(name, ColumnKind.ID, sentence, prefix=prefix)


def both(name: str, sentence: str, *, total: bool = True) -> tuple[Column, Column]:
    """A count and a quantity of the same: columns `name` and `name_quantity`."""
    much = f"{sentence[:-1]}, how much."
    return integer(name, sentence, total=total), quantity(f"{name}_quantity", much, total=total)


PARTNER: Final = Parameter("partner", ParameterKind.TEXT, "Only what concerns this partner.")
UNIT: Final = Parameter("unit", ParameterKind.TEXT, "Only what is in this unit.")
FROM: Final = Parameter(
    "from", ParameterKind.INSTANT, "Only what was committed then or later.", Day.FIRST
)
TO: Final = Parameter(
    "to",
    ParameterKind.INSTANT,
    "Only what was committed before then, or by the end of that day.",
    Day.OVER,
)
ZONE: Final = Parameter(
    "zone",
    ParameterKind.ZONE,
    "The time zone of days; the partner's own where one is named, else UTC.",
)
PERIOD: Final = (FROM, TO, ZONE)
