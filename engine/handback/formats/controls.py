"""Control totals: what is counted and summed while a file is read or written, and the comparison.

Sums are exact: a column is added in two halves, so that no chunk of 18-digit numbers overflows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from handback.formats.findings import Finding, FindingCode, severity_of
from handback.formats.layout import Field, Kind, Record, Total

_HALF: Final = 10**9


@dataclass(slots=True)
class Tally:
    """Records by kind, sums by detail field, and how many summed values could not be read."""

    counts: Counter[Kind] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)

    def of(self, total: Total) -> int:
        """What a total must say."""
        if total.field:
            number = self.sums[total.field]
        else:
            number = sum(self.counts[kind] for kind in total.kinds)
        return number % 10**total.digits if total.digits else number


def exact_sum(column: pl.Series) -> int:
    """The sum of whole numbers of at most 18 digits; nulls count nothing."""
    return int((column // _HALF).sum()) * _HALF + int((column % _HALF).sum())


def half_sums(name: str) -> tuple[pl.Expr, pl.Expr]:
    """Both halves of a sum, for use in an aggregation; `whole_sum` puts them together."""
    column = pl.col(name)
    return (column // _HALF).sum().alias(f"{name}_high"), (column % _HALF).sum().alias(
        f"{name}_low"
    )


def whole_sum(name: str, halves: Mapping[str, int]) -> int:
    """The sum whose halves an aggregation with `half_sums` gave."""
    return halves[f"{name}_high"] * _HALF + halves[f"{name}_low"]


def compare(record: Record, values: Mapping[str, object], tally: Tally, line: int) -> list[Finding]:
    """Findings for the totals of a header or control record that disagree with what was counted."""
    findings = []
    for one in record.fields:
        if one.total and values.get(one.name) != tally.of(one.total):
            findings.append(_disagreement(one, one.total, values.get(one.name), tally, line))
    return findings


def _disagreement(one: Field, total: Total, said: object, tally: Tally, line: int) -> Finding:
    code = FindingCode.SUM_MISMATCH if total.field else FindingCode.COUNT_MISMATCH
    found = tally.of(total)
    message = f"the record says {'nothing' if said is None else said}, the file holds {found}"
    unreadable = tally.unreadable[total.field]
    if unreadable:
        code = FindingCode.SUM_UNVERIFIED
        message += f" and {unreadable} values that cannot be read"
    return Finding(0, line, one.name, code, severity_of(code), message, "")
