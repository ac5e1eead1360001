"""Where fields begin and end in records of fixed columns, judged by what stands in each column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

_DAY: Final = re.compile(r"20[0-4]\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_GAP: Final = 2  # so many blanks in a row end a text; a single one may stand within


def fields_of(lines: Sequence[str], first: int) -> list[tuple[int, int]]:
    """First and last column, from 1, of each field from column `first` on; blank ones left out."""
    width = max(map(len, lines))
    columns = [[line[at : at + 1] or " " for line in lines] for at in range(width)]
    starts = sorted({first - 1, *_starts(columns, first - 1), width})
    found = []
    for begin, end in pairwise(starts):
        if any(mark != " " for column in columns[begin:end] for mark in column):
            found.append((begin + 1, end))
    return found


def _starts(columns: Sequence[Sequence[str]], first: int) -> Iterator[int]:
    kinds = ["".join(sorted({_kind(mark) for mark in column})) for column in columns]
    for at in range(first + 1, len(kinds)):
        before, here = kinds[at - 1], kinds[at]
        gap = kinds[max(first, at - _GAP) : at]
        ended = len(gap) == _GAP and all(" " in kind for kind in gap)
        if (
            (ended and " " not in here)
            or (before == "9" and here in ("A", " "))
            or (before == "9" and here == "9" and _zeros_begin(columns, at))
        ):
            yield at
    yield from _days(columns, kinds, first)


def _kind(mark: str) -> str:
    if mark == " ":
        return " "
    return "9" if mark.isdigit() else "A"


def _zeros_begin(columns: Sequence[Sequence[str]], at: int) -> bool:
    """Whether a number filled with zeros begins behind one that varies."""
    return set(columns[at]) == {"0"} and len(set(columns[at - 1])) > 1


def _days(columns: Sequence[Sequence[str]], kinds: Sequence[str], first: int) -> Iterator[int]:
    """Both ends of eight digits that are a day in every line."""
    at = first
    while at + 8 <= len(columns):
        run = kinds[at : at + 8]
        rows = zip(*columns[at : at + 8], strict=True)
        if run == ["9"] * 8 and all(_DAY.fullmatch("".join(row)) for row in rows):
            yield from (at, at + 8)
            at += 8
        else:
            at += 1
