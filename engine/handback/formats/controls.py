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

HALF: Final = 10**9


@dataclass(slots=True)
class Tally:
    """Records by kind, sums by detail field, and how many values of a field could not be read; of
    records that could not be read at all the field is ''."""

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
    return int((column // HALF).sum()) * HALF + int((column % HALF).sum())


def half_sums(name: str) -> tuple[pl.Expr, pl.Expr]:
    """Both halves of a sum, `NAME_high` and `NAME_low`, for use in an aggregation."""
    column = pl.col(name)
    return (column // HALF).sum().alias(f"{name}_high"), (column % HALF).sum().alias(f"{name}_low")


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
    unreadable = tally.unreadable[total.field] + tally.unreadable[""]
    if total.field and unreadable:
        code = FindingCode.SUM_UNVERIFIED
        message += f" and {unreadable} values that cannot be read"
    return Finding(0, line, one.name, code, severity_of(code), message, "")
