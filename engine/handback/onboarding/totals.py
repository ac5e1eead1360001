"""Control totals: which numbers of headers and controls the rest of their file bears out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from handback.formats.layout import Kind
from handback.onboarding.columns import Column
from handback.onboarding.kinds import Group

_DIGITS: Final = range(6, 18)
_ADDED: Final = re.compile(r"\d{1,18}")
_SAID: Final = re.compile(r"[+-]?\d{1,18}(\.\d{0,18})?")
# A smaller number stands in many places by chance.
LEAST_TOLD: Final = 10
"""Smaller numbers are not looked for within runs of digits, and not believed at once."""


@dataclass(frozen=True, slots=True)
class Sum:
    """A total of a column of the details, by its number among them; `digits` of 0 keeps all."""

    column: int
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Count:
    """A total of records of these kinds."""

    kinds: tuple[Kind, ...]


Found = Sum | Count


def total_of(
    column: Column, group: Group, groups: Sequence[Group], details: Sequence[Column]
) -> Found | None:
    """What a column of a header or control adds up, the same in every sample; None for nothing."""
    said = _numbers(column, group)
    if said is None or not any(said):
        return None
    for kinds in _countable(groups) if column.type != "decimal" else ():
        if [_count(groups, kinds, sample) for sample in range(len(said))] == said:
            return Count(kinds)
    detail = next(group for group in groups if group.kind is Kind.DETAIL)
    for number, summed in enumerate(details):
        if not _is_summable(summed):
            continue
        sums = _sums(summed, detail)
        if sums == said:
            return Sum(number)
        length = len(column.values[0])
        if length in _DIGITS and [one % 10**length for one in sums] == said:
            return Sum(number, length)
    return None


def within(
    first: int, values: Sequence[str], targets: Sequence[Sequence[int]]
) -> list[tuple[int, int]]:
    """Where in a run of digits totals stand, as first and last column.

    `values` are the run in each sample, from column `first` on; `targets` are what each sample
    adds up to, one list for each sample, in the same order.
    """
    found: list[tuple[int, int]] = []
    for number in range(len(targets[0])):
        said = [target[number] for target in targets]
        shown = max(map(str, said), key=len)
        at = values[0].find(str(said[0])) if said[0] >= LEAST_TOLD else -1
        if at < 0:
            continue
        end = at + len(str(said[0]))
        begin = at - (len(values[0][:at]) - len(values[0][:at].rstrip("0")))
        begin = max([begin, *(last for _, last in found if last <= at)])
        windows = [value[begin:end] for value in values]
        free = all(end <= one or begin >= other for one, other in found)
        if free and len(shown) <= end - begin and list(map(int, windows)) == said:
            found.append((begin, end))
    return sorted((first + begin, first + end - 1) for begin, end in found)


def targets_of(groups: Sequence[Group], details: Sequence[Column], samples: int) -> list[list[int]]:
    """What each sample adds up to: its columns of numbers, then its records."""
    detail = next(group for group in groups if group.kind is Kind.DETAIL)
    sums = [_sums(column, detail) for column in details if _is_summable(column)]
    counts = [
        [_count(groups, kinds, sample) for sample in range(samples)] for kinds in _countable(groups)
    ]
    return [[total[sample] for total in (*sums, *counts)] for sample in range(samples)]


def _numbers(column: Column, group: Group) -> list[int] | None:
    """One number for each sample, None where there is not one in each."""
    if any(len(rows) != 1 for rows in group.rows):
        return None
    if not all(map(_SAID.fullmatch, column.values)):
        return None
    return [column.number(value) for value in column.values]


def _countable(groups: Sequence[Group]) -> Iterator[tuple[Kind, ...]]:
    kinds = (group.kind for group in groups if group.kind is not Kind.IGNORE)
    there = tuple(dict.fromkeys(kinds))
    yield (Kind.DETAIL,)
    if Kind.ADDENDA in there:
        yield (Kind.DETAIL, Kind.ADDENDA)
    yield there
    yield tuple(kind for kind in there if kind not in (Kind.HEADER, Kind.CONTROL))
    if Kind.BATCH_HEADER in there:
        yield (Kind.BATCH_HEADER,)


def _count(groups: Sequence[Group], kinds: Sequence[Kind], sample: int) -> int:
    return sum(len(group.rows[sample]) for group in groups if group.kind in kinds)


def _is_summable(column: Column) -> bool:
    return column.is_number or all(map(_ADDED.fullmatch, column.filled))


def _sums(column: Column, detail: Group) -> list[int]:
    """The sum of a column for each sample."""
    values = iter(column.values)
    return [sum(column.number(next(values)) for _ in rows) for rows in detail.rows]
