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
from handback.formats.layout import Field, Layout, Measure, Record, Total
from handback.formats.reading import column_of

HALF: Final = 10**9
LINE: Final = "line"
"""Counted as a kind of record is: the lines of the file that its records take."""
BLOCK: Final = "block"
"""Counted as a kind of record is: the blocks that those lines fill, the last one as if it were
full."""
LINE_COUNT: Final = "lines"
"""Where a cut joins lines to records, and they are counted: how many each record takes."""


@dataclass(slots=True)
class Tally:
    """Records by kind, lines, what measures add up to, and how many values of a field could not be
    read; of records that could not be read at all the field is ''."""

    counts: Counter[str] = field(default_factory=Counter)
    sums: Counter[Measure] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)

    def of(self, total: Total) -> int:
        """What a total must say."""
        if total.measure:
            number = self.sums[total.measure]
        else:
            number = sum(self.counts[kind] for kind in total.kinds)
        return number % 10**total.digits if total.digits else number

    def unsure(self, measure: Measure) -> int:
        """How many values of what is added up could not be read."""
        names = {measure.field, *(name for name, _ in measure.where), ""}
        return sum(self.unreadable[name] for name in names)


def counts_lines(layout: Layout) -> bool:
    """Does a total of the layout count lines?"""
    fields = (one for record in layout.records for one in record.fields)
    return any(one.total and LINE in one.total.kinds for one in fields)


def blocks_of(lines: int, block: int) -> int:
    """How many blocks so many lines take."""
    return -(-lines // block)


def line_count(rows: pl.DataFrame) -> pl.Expr:
    """How many lines records take, for use in an aggregation."""
    return pl.col(LINE_COUNT).sum() if LINE_COUNT in rows.columns else pl.len().cast(pl.Int64)


def measured(frame: pl.DataFrame, measure: Measure) -> pl.Expr | None:
    """What a measure adds up, record by record; None where these records have none of it."""
    names = [column_of(name) for name, _ in measure.where]
    value = pl.lit(1, dtype=pl.Int64)
    if measure.field:
        names.append(column_of(measure.field))
        value = pl.col(column_of(measure.field))
    if not set(names) <= set(frame.columns):
        return None
    if not measure.where:
        return value
    holds = pl.all_horizontal(
        pl.col(column_of(name)).cast(pl.String).is_in(list(texts)).fill_null(False)
        for name, texts in measure.where
    )
    return pl.when(~holds if measure.unless else holds).then(value)


def exact_sum(column: pl.Series) -> int:
    """The sum of whole numbers of at most 18 digits; nulls count nothing."""
    return int((column // HALF).sum()) * HALF + int((column % HALF).sum())


def half_sums(value: pl.Expr, name: str) -> tuple[pl.Expr, pl.Expr]:
    """Both halves of a sum, `NAME_high` and `NAME_low`, for use in an aggregation."""
    return (value // HALF).sum().alias(f"{name}_high"), (value % HALF).sum().alias(f"{name}_low")


def compare(record: Record, values: Mapping[str, object], tally: Tally, line: int) -> list[Finding]:
    """Findings for the totals of a header or control record that disagree with what was counted."""
    findings = []
    for one in record.fields:
        if one.total is None or one.total.of_original:
            continue
        if values.get(one.name) != tally.of(one.total):
            findings.append(_disagreement(one, one.total, values.get(one.name), tally, line))
    return findings


def differing(
    record: Record, values: Mapping[str, object], header: Mapping[str, object], line: int
) -> list[Finding]:
    """Findings for fields of a control that do not repeat what the header says."""
    return [
        differs(line, one.name, values.get(one.name), header.get(one.same_as))
        for one in record.fields
        if one.same_as and values.get(one.name) != header.get(one.same_as)
    ]


def differs(line: int, field: str, said: object, header: object) -> Finding:
    """The finding for one field of a control that differs from its header."""
    found = [("nothing" if value is None else value) for value in (said, header)]
    message = f"the record says {found[0]}, its header {found[1]}"
    code = FindingCode.CONTROL_DIFFERS
    return Finding(0, line, field, code, severity_of(code), message, "")


def _disagreement(one: Field, total: Total, said: object, tally: Tally, line: int) -> Finding:
    sums = total.measure is not None and total.measure.field
    code = FindingCode.SUM_MISMATCH if sums else FindingCode.COUNT_MISMATCH
    found = tally.of(total)
    message = f"the record says {'nothing' if said is None else said}, the file holds {found}"
    unreadable = tally.unsure(total.measure) if total.measure else 0
    if unreadable:
        code = FindingCode.SUM_UNVERIFIED
        message += f" and {unreadable} values that cannot be read"
    return Finding(0, line, one.name, code, severity_of(code), message, "")
