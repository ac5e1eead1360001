"""How lines are cut into fields: by a delimiter, or at fixed columns."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from handback.onboarding.sample import Text

_DELIMITERS: Final = ("%%", "\t", ";", "|", ",", "^", "~")
_LEAST_WIDTH: Final = 20
# Of records whose trailing blanks were lost on the way.
_USUAL_WIDTHS: Final = (80, 94, 120, 128, 200, 220, 240, 400)
_GAP: Final = 12
# Of the lines, so many must agree before a shape is believed.
_MOST: Final = 0.9


@dataclass(frozen=True, slots=True)
class Shape:
    """`delimiter` is empty for fixed columns, `width` 0 for delimited cells."""

    delimiter: str
    width: int
    unsure: str = ""

    def cut(self, line: str) -> tuple[str, ...]:
        """The cells of a delimited line; of a fixed one the line itself, filled to its width."""
        if not self.delimiter:
            return (line.ljust(self.width),)
        if len(self.delimiter) > 1:
            return tuple(line.split(self.delimiter))
        return tuple(next(csv.reader([line], delimiter=self.delimiter)))


def shape_of(texts: Sequence[Text]) -> Shape:
    """The shape that most lines agree with."""
    lines = [line for text in texts for line in text.lines]
    widths = Counter(map(len, lines))
    width, count = widths.most_common(1)[0]
    best, score = "", 0.0
    for delimiter in _DELIMITERS:
        found = _agreement(Shape(delimiter, 0).cut(line) for line in lines if delimiter in line)
        share = found * sum(delimiter in line for line in lines) / len(lines)
        if share > score:
            best, score = delimiter, share
    fixed = count / len(lines) if width >= _LEAST_WIDTH else 0.0
    if best and (score >= fixed or score == 1.0):
        return Shape(best, 0, "" if score >= _MOST else "not every line has the delimiter")
    if fixed >= _MOST:
        return Shape("", max(widths))
    longest = max(widths)
    usual = next((one for one in _USUAL_WIDTHS if longest <= one <= longest + _GAP), longest)
    return Shape("", usual, "lines differ in length, and no delimiter was found")


def _agreement(rows: Iterable[tuple[str, ...]]) -> float:
    """The share of rows whose number of cells other rows of the same first cell have too."""
    counts = Counter((row[0] if len(row[0]) <= 3 else "", len(row)) for row in rows)
    total = counts.total()
    kinds: dict[str, int] = {}
    for (first, _), count in counts.items():
        kinds[first] = max(kinds.get(first, 0), count)
    return sum(kinds.values()) / total if total else 0.0
