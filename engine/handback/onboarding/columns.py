"""What the values of one column look like: the type to read them by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

_INTEGER: Final = re.compile(r"[+-]?\d{1,18}")
_DECIMAL: Final = re.compile(r"[+-]?\d{1,15}([.,])(\d{1,6})")
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(?:([.,])\d{3}){1,4}([.,])\d{1,6}")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ][0-9:.,Z+-]+")
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,10}")
_MOST_CODES: Final = 20
_DATES: Final = (
    (8, "YYYYMMDD", "%Y%m%d"),
    (8, "DDMMYYYY", "%d%m%Y"),
    (8, "MMDDYYYY", "%m%d%Y"),
    (6, "YYMMDD", "%y%m%d"),
    (6, "DDMMYY", "%d%m%y"),
    (10, "YYYY-MM-DD", "%Y-%m-%d"),
    (10, "DD.MM.YYYY", "%d.%m.%Y"),
    (10, "DD/MM/YYYY", "%d/%m/%Y"),
    (10, "MM/DD/YYYY", "%m/%d/%Y"),
    (8, "DD/MM/YY", "%d/%m/%y"),
    (8, "DD.MM.YY", "%d.%m.%y"),
)
_YEARS: Final = range(1990, 2060)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of one kind of record.

    `place` is TOML, such as `3`, `[4, 12]` or a column's name in quotes; `values` are trimmed, one
    for each record; `options` come behind the type. `several` says that a record may have several.
    """

    place: str
    values: tuple[str, ...]
    type: str
    options: dict[str, str | int] = field(default_factory=dict)
    unsure: str = ""
    title: str = ""
    several: bool = False

    @property
    def filled(self) -> list[str]:
        """The values that are not blank."""
        return [value for value in self.values if value]

    @property
    def distinct(self) -> int:
        """How many different values there are, blank left out."""
        return len(set(self.filled))

    @property
    def is_number(self) -> bool:
        """Whole or decimal."""
        return self.type in ("integer", "decimal")

    @property
    def is_text(self) -> bool:
        """Characters as they stand."""
        return self.type in ("text", "code")

    def number(self, value: str) -> int:
        """A value as `decode` would give it: a decimal in its smallest parts, 0 where blank."""
        scale = int(self.options.get("scale", 0))
        thousands = str(self.options.get("thousands", ""))
        shown = value.replace(thousands, "") if thousands else value
        whole, _, decimals = shown.replace(",", ".").partition(".")
        return int(whole + decimals.ljust(scale, "0")[:scale]) if value else 0


def quoted(text: str) -> str:
    """A text as TOML writes it, whatever marks it holds."""
    escaped = "".join(f"\\{mark}" if mark in '"\\' else mark for mark in text)
    return f'"{printable(escaped)}"'


def printable(text: str) -> str:
    """A text with a number for each mark that TOML, or a terminal, would not show."""
    return "".join(mark if mark.isprintable() else f"\\U{ord(mark):08x}" for mark in text)


def column_of(
    place: str, values: Sequence[str], title: str = "", *, strict_dates: bool = False
) -> Column:
    """The column with the narrowest type that reads all its values."""
    trimmed = tuple(value.strip() for value in values)
    filled = [value for value in trimmed if value]
    for guess in (_date, _number):
        found = guess(filled)
        if found is not None:
            kind, options, unsure = found
            return Column(place, trimmed, kind, options, unsure, title)
    few = len(set(filled)) <= _MOST_CODES and len(set(filled)) * 2 <= max(len(filled), 4)
    code = few and bool(filled) and all(map(_CODE.fullmatch, filled))
    return Column(place, trimmed, "code" if code else "text", {}, "", title)


Guess = tuple[str, dict[str, str | int], str]


def _date(values: Sequence[str]) -> Guess | None:
    fits = [
        pattern for length, pattern, form in _DATES if values and _all_days(values, length, form)
    ]
    if not fits and values and all(map(_INSTANT.fullmatch, values)):
        return "date", {"pattern": "YYYY-MM-DD*"}, ""
    if not fits:
        return None
    unsure = f"{' or '.join(fits)}?" if len(fits) > 1 else ""
    return "date", {"pattern": fits[0]}, unsure


def _all_days(values: Sequence[str], length: int, form: str) -> bool:
    return all(len(value) == length and _is_day(value, form) for value in values)


def _is_day(value: str, form: str) -> bool:
    try:
        return datetime.strptime(value, form).year in _YEARS  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return False


def _number(values: Sequence[str]) -> Guess | None:
    if not values:
        return None
    if all(map(_INTEGER.fullmatch, values)):
        if any(len(value) > 1 and value.startswith("0") for value in values) and _same_length(
            values
        ):
            return None if len(values[0]) <= 6 else ("integer", {}, "a number, or digits as text?")
        return "integer", {}, ""
    return _decimal(values)


def _decimal(values: Sequence[str]) -> Guess | None:
    grouped = {found.groups() for value in values if (found := _GROUPED.fullmatch(value))}
    thousands = ""
    if grouped:
        thousands, point = grouped.pop()
        if grouped or thousands == point:
            return None
        values = [value.replace(thousands, "") for value in values]
    marks = {found[1] for value in values if (found := _DECIMAL.fullmatch(value))}
    plain = all(_DECIMAL.fullmatch(value) or _INTEGER.fullmatch(value) for value in values)
    if not plain or len(marks) != 1 or (thousands and marks != {point}):
        return None
    mark = marks.pop()
    decimals = [len(value.partition(mark)[2]) for value in values if mark in value]
    options: dict[str, str | int] = {"scale": max(decimals)}
    if mark == ",":
        options["point"] = ","
    if thousands:
        return "decimal", options | {"thousands": thousands}, f"is {thousands} between thousands?"
    return "decimal", options, "decimals, or thousands?" if set(decimals) == {3} else ""


def _same_length(values: Sequence[str]) -> bool:
    return len(set(map(len, values))) == 1
