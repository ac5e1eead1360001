"""The order of records in a file: headers first, controls last, each once, totals right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from handback.formats.controls import (
    BLOCK,
    LINE,
    Tally,
    blocks_of,
    compare,
    differing,
    exact_sum,
    line_count,
    measured,
)
from handback.formats.findings import Finding, FindingCode, file_finding
from handback.formats.layout import Kind, Layout, Record

FactValue = str | int | date

_MISSING: Final = {
    Kind.HEADER: FindingCode.HEADER_MISSING,
    Kind.DETAIL: FindingCode.DETAIL_MISSING,
    Kind.CONTROL: FindingCode.CONTROL_MISSING,
}
_REPEATED: Final = {
    Kind.HEADER: FindingCode.HEADER_REPEATED,
    Kind.CONTROL: FindingCode.CONTROL_REPEATED,
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A header or control of the file; without values where it cannot be read."""

    line: int
    index: int
    record: Record
    values: Mapping[str, FactValue]


class Structure:
    """Follows the records of one file chunk by chunk, and says what is out of order."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._measures = layout.measures()
        self._tally = Tally()
        self._filling = 0
        self._seen: set[int] = set()
        self._marks: list[Mark] = []
        self._body_line: int | None = None
        self._control_line: int | None = None
        self._told: set[FindingCode] = set()
        self.started = False

    def follow(
        self,
        rows: pl.DataFrame,
        details: Sequence[pl.DataFrame],
        marks: Sequence[Mark],
        unreadable: pl.DataFrame,
    ) -> list[Finding]:
        """Take in one chunk: all its records (line, rec), its decoded details and addenda, its
        marks in order of lines, and the values (field) that cannot be read."""
        if rows.is_empty():
            return []
        self.started = True
        self._count(rows, details, unreadable)
        if self._body_line is None:
            body = rows.filter(~pl.col("rec").is_in(self._indexes(Kind.HEADER, Kind.IGNORE)))
            self._body_line = body["line"].min()  # type: ignore[assignment]
        findings = [finding for mark in marks for finding in self._place(mark)]
        if self._control_line is not None:
            ours = pl.col("rec").is_in(self._indexes(Kind.CONTROL, Kind.IGNORE))
            late = rows.filter((pl.col("line") > self._control_line) & ~ours)
            if late.height:
                message = "records stand after the control record"
                findings += self._once(FindingCode.RECORD_AFTER_CONTROL, message, late["line"][0])
        return findings

    def finish(self) -> list[Finding]:
        """Findings that only the end of the file can tell."""
        findings = self._blocks()
        for index, record in enumerate(self._layout.records):
            if record.required and record.kind in _MISSING and index not in self._seen:
                message = f"the {record.kind} record is missing"
                findings.append(file_finding(_MISSING[record.kind], message))
        headers = [mark.values for mark in self._marks if mark.record.kind is Kind.HEADER]
        for mark in self._marks:
            findings += compare(mark.record, mark.values, self._tally, mark.line)
            if mark.record.kind is Kind.CONTROL and headers:
                said = {name: value for values in headers for name, value in values.items()}
                findings += differing(mark.record, mark.values, said, mark.line)
        return findings

    def _blocks(self) -> list[Finding]:
        """Counts the blocks. Where filling up was begun it has to be finished."""
        block, lines = self._layout.block, self._tally.counts[LINE]
        self._tally.counts[LINE] = lines - self._filling
        if not block:
            return []
        self._tally.counts[BLOCK] = blocks_of(lines - self._filling, block)
        wanted = self._filling or self._layout.filled
        if not wanted or lines % block == 0:
            return []
        message = f"the file has {lines} lines, and is not filled up to a multiple of {block}"
        return [file_finding(FindingCode.BLOCK_UNFILLED, message)]

    def _count(
        self, rows: pl.DataFrame, details: Sequence[pl.DataFrame], unreadable: pl.DataFrame
    ) -> None:
        for index, count in rows["rec"].value_counts().iter_rows():
            if index >= 0:
                record = self._layout.records[index]
                if not record.implied:
                    self._tally.counts[record.kind] += count
                elif record.kind is Kind.IGNORE:
                    self._filling += count
                if record.kind is Kind.DETAIL:
                    self._seen.add(index)
        self._tally.counts[LINE] += rows.select(line_count(rows)).item()
        self._tally.unreadable.update(dict(unreadable["field"].value_counts().iter_rows()))
        for frame in details:
            for measure in self._measures:
                value = measured(frame, measure)
                if value is not None:
                    self._tally.sums[measure] += exact_sum(
                        frame.select(value.alias("")).to_series()
                    )

    def _place(self, mark: Mark) -> list[Finding]:
        """Is this header or control the only one of its kind, and in its place?"""
        kind = mark.record.kind
        if mark.index in self._seen:
            return self._once(_REPEATED[kind], f"a second {kind} record", mark.line)
        self._seen.add(mark.index)
        self._marks.append(mark)
        if kind is Kind.CONTROL:
            self._control_line = self._control_line or mark.line
        elif self._body_line is not None and self._body_line < mark.line:
            message = "the header record does not come first"
            return self._once(FindingCode.HEADER_MISPLACED, message, mark.line)
        return []

    def _indexes(self, *kinds: Kind) -> list[int]:
        return [i for i, record in enumerate(self._layout.records) if record.kind in kinds]

    def _once(self, code: FindingCode, message: str, line: int) -> list[Finding]:
        """Tell it, unless it was told of this file before."""
        if code in self._told:
            return []
        self._told.add(code)
        return [file_finding(code, message, line=line)]
