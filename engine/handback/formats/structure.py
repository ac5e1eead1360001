"""The order of records in a file: headers first, controls last, batches closed, totals right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from handback.formats.controls import Tally, compare, exact_sum, half_sums, whole_sum
from handback.formats.findings import Finding, FindingCode, file_finding
from handback.formats.layout import Kind, Layout, Record
from handback.formats.reading import column_of

FactValue = str | int | date
_BATCH_KINDS = (Kind.BATCH_HEADER, Kind.BATCH_CONTROL)


@dataclass(frozen=True, slots=True)
class Mark:
    """A record that carries structure: a header or control, of the file or of a batch."""

    line: int
    segment: int
    index: int
    record: Record
    values: Mapping[str, FactValue]


@dataclass(slots=True)
class _Batch:
    """The batch being read."""

    segment: int
    header: Mark | None
    tally: Tally = field(default_factory=Tally)


class Structure:
    """Follows the records of one file chunk by chunk, and says what is out of order."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._summed = layout.summed_fields()
        self._has_batches = any(layout.of(*_BATCH_KINDS))
        self._batch = _Batch(0, None)
        self._seen: set[int] = set()
        self._marks: list[Mark] = []
        self._first_body_line: int | None = None
        self._control_line: int | None = None
        self._once: set[FindingCode] = set()
        self.tally = Tally()
        self.started = False

    def follow(
        self,
        rows: pl.DataFrame,
        details: list[pl.DataFrame],
        marks: list[Mark],
        unreadable: Mapping[str, int],
    ) -> list[Finding]:
        """Take in one chunk: its classified rows (line, segment, rec), its decoded details, its
        marks in order of lines, and how many summed values could not be read."""
        if rows.is_empty():
            return []
        self.started = True
        self._count(self.tally, rows["rec"].value_counts().iter_rows())
        self.tally.unreadable.update(unreadable)
        for frame in details:
            self._sum(self.tally, frame)
        findings = self._order(rows, marks)
        if self._has_batches:
            findings += self._batches(rows, details, marks)
        return findings

    def finish(self) -> list[Finding]:
        """Findings that only the end of the file can tell."""
        findings = []
        missing = {
            Kind.HEADER: FindingCode.HEADER_MISSING,
            Kind.DETAIL: FindingCode.DETAIL_MISSING,
            Kind.CONTROL: FindingCode.CONTROL_MISSING,
        }
        for index, record in enumerate(self._layout.records):
            if record.required and record.kind in missing and index not in self._seen:
                message = f"the {record.kind} record is missing"
                findings.append(file_finding(missing[record.kind], message))
        if self._has_batches:
            findings += self._close_batch(None)
        for mark in self._marks:
            findings += compare(mark.record, mark.values, self.tally, mark.line)
        return findings

    def _order(self, rows: pl.DataFrame, marks: list[Mark]) -> list[Finding]:
        """Headers before everything, controls after everything, each once."""
        rec = rows["rec"]
        self._seen.update(
            index for index in rec.unique().to_list() if self._is_kind(index, Kind.DETAIL)
        )
        findings = []
        if self._first_body_line is None:
            body = rows.filter(~rec.is_in(self._indexes(Kind.HEADER, Kind.IGNORE)))
            self._first_body_line = body["line"][0] if body.height else None
        for mark in marks:
            if mark.record.kind in (Kind.HEADER, Kind.CONTROL):
                findings += self._place(mark)
        if self._control_line is not None:
            after = rows["line"] > self._control_line
            late = rows.filter(after & ~rec.is_in(self._indexes(Kind.CONTROL, Kind.IGNORE)))
            if late.height:
                message = "records stand after the control record"
                findings += self._say_once(
                    FindingCode.RECORD_AFTER_CONTROL, message, late["line"][0]
                )
        return findings

    def _place(self, mark: Mark) -> list[Finding]:
        repeated = mark.index in self._seen
        self._seen.add(mark.index)
        self._marks.append(mark)
        if mark.record.kind is Kind.CONTROL:
            if self._control_line is None:
                self._control_line = mark.line
            if repeated:
                self._marks.pop()
                message = "the control record stands there twice"
                return self._say_once(FindingCode.CONTROL_REPEATED, message, mark.line)
            return []
        if repeated:
            self._marks.pop()
            message = "the header record stands there twice"
            return self._say_once(FindingCode.HEADER_REPEATED, message, mark.line)
        if self._first_body_line is not None and self._first_body_line < mark.line:
            message = "the header record does not come first"
            return self._say_once(FindingCode.HEADER_MISPLACED, message, mark.line)
        return []

    def _batches(
        self, rows: pl.DataFrame, details: list[pl.DataFrame], marks: list[Mark]
    ) -> list[Finding]:
        """Tally every batch of the chunk and compare it where it closes."""
        findings: list[Finding] = []
        by_segment = {mark.segment: mark for mark in marks if mark.record.kind is Kind.BATCH_HEADER}
        closing = {mark.segment: mark for mark in marks if mark.record.kind is Kind.BATCH_CONTROL}
        counts = rows.group_by("segment", "rec").len().rows_by_key("segment")
        sums = [
            frame.group_by("segment")
            .agg(expr for name in self._summed_in(frame) for expr in half_sums(column_of(name)))
            .rows_by_key("segment", named=True, unique=True)
            for frame in details
            if self._summed_in(frame)
        ]
        first_lines = dict(rows.group_by("segment").agg(pl.col("line").min()).iter_rows())
        for segment in sorted(counts):
            if segment != self._batch.segment:
                findings += self._close_batch(first_lines[segment])
                self._batch = _Batch(segment, None)
                self._batch.tally.unreadable = self.tally.unreadable
            header = by_segment.get(segment)
            self._batch.header = self._batch.header or header
            self._count(self._batch.tally, counts[segment])
            for halves in (one[segment] for one in sums if segment in one):
                for name in self._summed:
                    if f"{column_of(name)}_high" in halves:
                        self._batch.tally.sums[name] += whole_sum(column_of(name), halves)
            findings += self._outside(segment, first_lines[segment])
            if segment in closing:
                findings += self._compare_batch(closing[segment])
        return findings

    def _outside(self, segment: int, line: int) -> list[Finding]:
        """Details that stand in no batch although the layout wants batches."""
        bare = self._batch.header is None and self._batch.tally.counts[Kind.DETAIL]
        if not bare or not self._layout.is_required(Kind.BATCH_HEADER):
            return []
        message = "details stand outside a batch"
        return self._say_once(FindingCode.BATCH_HEADER_MISSING, message, line)

    def _compare_batch(self, control: Mark) -> list[Finding]:
        batch, self._batch = self._batch, _Batch(self._batch.segment, None)
        self._batch.segment = -1  # closed; what follows is another segment
        findings = compare(control.record, control.values, batch.tally, control.line)
        if batch.header:
            header = batch.header
            findings += compare(header.record, header.values, batch.tally, header.line)
        return findings

    def _close_batch(self, line: int | None) -> list[Finding]:
        """The batch ends without a control record of its own."""
        batch, self._batch = self._batch, _Batch(-1, None)
        if batch.segment < 0 or not batch.tally.counts.total():
            return []
        findings = []
        if batch.header:
            header = batch.header
            findings += compare(header.record, header.values, batch.tally, header.line)
        inside = batch.header or batch.tally.counts[Kind.DETAIL]
        if inside and self._layout.is_required(Kind.BATCH_CONTROL):
            message = "a batch has no control record"
            findings += [file_finding(FindingCode.BATCH_CONTROL_MISSING, message, line=line or 0)]
        return findings

    def _count(self, tally: Tally, counts: Iterable[tuple[int, int]]) -> None:
        for index, count in counts:
            if index >= 0:
                tally.counts[self._layout.records[index].kind] += count

    def _sum(self, tally: Tally, details: pl.DataFrame) -> None:
        for name in self._summed_in(details):
            tally.sums[name] += exact_sum(details[column_of(name)])

    def _summed_in(self, details: pl.DataFrame) -> list[str]:
        return [name for name in self._summed if column_of(name) in details.columns]

    def _indexes(self, *kinds: Kind) -> list[int]:
        return [i for i, record in enumerate(self._layout.records) if record.kind in kinds]

    def _is_kind(self, index: int, kind: Kind) -> bool:
        return index >= 0 and self._layout.records[index].kind is kind

    def _say_once(self, code: FindingCode, message: str, line: int) -> list[Finding]:
        if code in self._once:
            return []
        self._once.add(code)
        return [file_finding(code, message, line=line)]
