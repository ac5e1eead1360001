"""Encoding: frames of details and facts about the file to the bytes a partner gets.

Details are written to a temporary file first. So a value that does not fit is found before a single
byte goes out, and the totals of a header are counted, not promised.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final, cast

import polars as pl

from handback.errors import InvalidRequest, Violation
from handback.formats.columns import place_by_names
from handback.formats.controls import BLOCK, LINE, Tally, blocks_of, exact_sum, measured
from handback.formats.directions import outbound_mistakes
from handback.formats.layout import (
    CONTROL_KINDS,
    DETAIL_KINDS,
    HEADER_KINDS,
    LEVELS,
    Framing,
    Kind,
    Layout,
    Named,
    Record,
    header_of,
)
from handback.formats.line_writing import as_bytes, in_columns
from handback.formats.reading import column_of
from handback.formats.sheet_writing import BETWEEN, MAX_ROWS, marked_text, write_sheet
from handback.formats.tree_writing import Assembly
from handback.formats.writing import RecordWriter, Refusal

MAX_VIOLATIONS: Final = 100
_MEMORY_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Encoded:
    """A written file: details, their quantity, its size and its SHA-256."""

    records: int
    quantity: int
    size_bytes: int
    sha256: bytes


def encode(
    layout: Layout,
    facts: Mapping[str, object],
    details: Iterable[pl.DataFrame],
    out: BinaryIO,
) -> Encoded:
    """Write a file under a layout: headers, details (one batch), controls.

    `facts` has a value, or None, for each of `layout.fact_names()`, the frames a column for each of
    `layout.detail_names()`. Totals are counted here. The same input gives the same bytes.

    Raises InvalidRequest with the first hundred mistakes (`details[7].surname`, `facts.sequence`)
    when something cannot be said in this layout; nothing is written to `out` then. Nothing is ever
    cut to fit.
    """
    assert not outbound_mistakes(layout), outbound_mistakes(layout)
    return _Encoder(layout, facts).run(details, out)


def unwritable(layout: Layout, details: pl.DataFrame) -> dict[int, list[Violation]]:
    """Which rows of a frame of details `encode` would refuse, by row number, each with its places
    (`reference`, `surname`; '' for the record as a whole). The frame has all columns it needs."""
    placed, _ = _placed(layout)
    found: dict[int, list[Violation]] = {}
    for record in _of_detail(placed):
        for one in RecordWriter(placed, record).write(details)[1]:
            found.setdefault(one.row, []).append(Violation(one.field, one.expected))
    return found


class _Encoder:
    """One file in the writing."""

    def __init__(self, layout: Layout, facts: Mapping[str, object]) -> None:
        layout = layout.written()
        self._layout, self._names = _placed(layout)
        assembled = layout.framing in (Framing.XML, Framing.JSON)
        self._assembly = Assembly(layout) if assembled else None
        self._facts = facts
        self._tally = Tally()
        self._quantity = 0
        self._marked = 0  # headers and controls written so far
        self._mistakes: list[Violation] = []
        for kind in (*HEADER_KINDS, *CONTROL_KINDS):
            self._tally.counts[kind] = len(list(layout.of(kind)))

    def run(self, details: Iterable[pl.DataFrame], out: BinaryIO) -> Encoded:
        with SpooledTemporaryFile(max_size=_MEMORY_BYTES) as body:
            for frame in details:
                body.write(self._details(frame))
            head, tail = self._around()
            self._check_rows()
            if self._mistakes:
                raise InvalidRequest(self._mistakes)
            body.seek(0)
            target = _Fingerprint(out)
            if self._layout.framing is Framing.XLSX:
                lines = itertools.chain(head.splitlines(), body, tail.splitlines())
                write_sheet(self._layout, lines, cast(BinaryIO, target))
            else:
                target.write(head)
                shutil.copyfileobj(body, target)
                target.write(tail)
        records = self._tally.counts[Kind.DETAIL]
        return Encoded(records, self._quantity, target.size_bytes, target.digest())

    def _around(self) -> tuple[bytes, bytes]:
        """What stands before the details, and what behind them; worthless after a mistake."""
        head = self._names + b"".join(self._marks(kind) for kind in HEADER_KINDS)
        if self._assembly is None:
            controls = b"".join(self._marks(kind) for kind in CONTROL_KINDS)
            return head, controls + self._filling()
        detail = next(self._layout.of(Kind.DETAIL))
        head = self._encoded(self._assembly.head()) + head
        head += self._encoded(self._assembly.details(detail))
        tail = self._encoded(self._assembly.after_details(detail))
        tail += b"".join(self._marks(kind) for kind in CONTROL_KINDS)
        return head, tail + self._encoded(self._assembly.end())

    def _filling(self) -> bytes:
        """Lines that fill up the last block."""
        layout = self._layout
        if not layout.block:
            return b""
        missing = -self._lines_within(Kind.CONTROL) % layout.block
        return _bytes(pl.Series([layout.filler * layout.width] * missing, dtype=pl.String), layout)

    def _check_rows(self) -> None:
        rows = sum(self._tally.counts.values()) + bool(self._names)
        if self._layout.framing is Framing.XLSX and rows > MAX_ROWS:
            self._refuse([Violation("details", f"at most {MAX_ROWS} rows, as a sheet has no more")])

    def _encoded(self, text: str) -> bytes:
        return text.encode(self._layout.encoding)

    def _details(self, frame: pl.DataFrame) -> bytes:
        """The bytes of one frame of details, each with its addenda; worthless after a mistake."""
        missing = sorted(self._layout.detail_names() - set(frame.columns))
        if missing:
            self._refuse(Violation(f"details.{name}", "a column of this name") for name in missing)
            return b""
        start = self._tally.counts[Kind.DETAIL]
        texts = self._written(frame, start)
        if self._mistakes:
            return b""
        self._sum(frame)
        end = "" if self._assembly is not None else in_columns(self._layout.line_end, self._layout)
        joined = pl.DataFrame(texts).select(pl.concat_str(pl.all(), separator=end)).to_series()
        if self._assembly is not None:
            return self._encoded(self._assembly.joined(joined, first=start == 0))
        return _bytes(joined, self._layout)

    def _written(self, frame: pl.DataFrame, start: int) -> list[pl.Series]:
        """The details of a frame and their addenda, `start` details behind the first: for each kind
        of record that is no part of another its texts, row by row."""
        records = _of_detail(self._layout)
        before = len(list(self._layout.of(*HEADER_KINDS))) + start * len(records)
        detail, *addenda = enumerate(records, start=before + 1)
        texts: dict[int, pl.Series] = {}
        within: list[tuple[Record, pl.Series]] = []
        for number, record in (*addenda, detail):
            writer = RecordWriter(self._layout, record)
            inner = within if record is detail[1] else []
            written, refusals = writer.write(frame, first=number, step=len(records), within=inner)
            self._refuse(_violation(f"details[{start + one.row}]", one) for one in refusals)
            self._tally.counts[record.kind] += frame.height
            if self._layout.stands_within(record, detail[1]):
                within.append((record, written))
            else:
                texts[number] = written.alias(str(number))
        return [texts[number] for number in sorted(texts)]

    def _sum(self, frame: pl.DataFrame) -> None:
        fields = frame.rename({name: column_of(name) for name in frame.columns})
        for measure in self._layout.measures():
            value = measured(fields, measure)
            if value is not None:
                column = fields.select(value.cast(pl.Int64).alias("")).to_series()
                self._tally.sums[measure] += exact_sum(column)
        if "quantity" in frame.columns:
            self._quantity += exact_sum(frame["quantity"].cast(pl.Int64))

    def _marks(self, kind: Kind) -> bytes:
        """The headers or controls of one kind; worthless after a mistake."""
        written = b""
        for record in self._layout.of(kind):
            values = {one.name: self._value(record, one.name) for one in record.fields}
            frame = pl.DataFrame({name: [value] for name, value in values.items()} or {"": [None]})
            self._marked += 1
            number = self._marked
            if kind in CONTROL_KINDS:
                number += self._tally.counts[Kind.DETAIL] + self._tally.counts[Kind.ADDENDA]
            lines, refusals = RecordWriter(self._layout, record).write(frame, first=number)
            self._refuse(_violation("facts", one) for one in refusals)
            if self._mistakes:
                continue
            if self._assembly is None:
                written += _bytes(lines, self._layout)
            else:
                written += self._encoded(self._assembly.mark(record, lines.item()))
        return written

    def _value(self, record: Record, name: str) -> object:
        field = next(field for field in record.fields if field.name == name)
        if field.same_as:
            for header in self._layout.of(header_of(record.kind)):
                if any(one.name == field.same_as for one in header.fields):
                    return self._value(header, field.same_as)
        if field.total:
            self._tally.counts[LINE] = self._lines_within(record.kind)
            self._tally.counts[BLOCK] = blocks_of(self._tally.counts[LINE], self._layout.block or 1)
            return None if field.total.of_original else self._tally.of(field.total)
        if name in self._layout.fact_names() and name not in self._facts:
            self._refuse([Violation(f"facts.{name}", "a value, or None")])
        return self._facts.get(name)

    def _lines_within(self, kind: Kind) -> int:
        """How many lines a header or control is about, its own with them; a record takes one."""
        within = [*DETAIL_KINDS]
        for level in reversed(LEVELS):
            within += [level.header, level.control]
            if kind in (level.header, level.control):
                break
        else:
            within += [Kind.HEADER, Kind.CONTROL]
        return sum(self._tally.counts[one] for one in within)

    def _refuse(self, violations: Iterable[Violation]) -> None:
        for violation in violations:
            if len(self._mistakes) == MAX_VIOLATIONS:
                return
            self._mistakes.append(violation)


class _Fingerprint:
    """A binary sink that counts and hashes what passes."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def write(self, piece: bytes) -> int:
        """Pass a piece on, whole."""
        self._out.write(piece)
        self._hash.update(piece)
        self.size_bytes += len(piece)
        return len(piece)

    def digest(self) -> bytes:
        """The SHA-256 of everything written."""
        return self._hash.digest()


def _placed(layout: Layout) -> tuple[Layout, bytes]:
    """The layout with named columns in the order of their fields, and the line that names them."""
    if layout.framing is Framing.XLSX:
        layout = replace(layout, delimiter=BETWEEN)
    detail = next(layout.of(Kind.DETAIL))
    names = [field.place.column for field in detail.fields if isinstance(field.place, Named)]
    if not names:
        return layout, b""
    placed, findings = place_by_names(layout, names, 1)
    assert not findings, findings
    quoted = [_quoted_name(name, layout) for name in names]
    line = layout.delimiter.join(quoted) + layout.line_end
    return placed, line.encode(layout.encoding)


def _of_detail(layout: Layout) -> list[Record]:
    """What one detail is written as: the detail first."""
    return [*layout.written().of(Kind.DETAIL), *layout.of(Kind.ADDENDA)]


def _quoted_name(name: str, layout: Layout) -> str:
    if layout.framing is Framing.XLSX:
        return marked_text(name)
    quote = layout.quote
    if quote and (quote in name or layout.delimiter in name):
        return quote + name.replace(quote, quote * 2) + quote
    return name


def _bytes(lines: pl.Series, layout: Layout) -> bytes:
    if lines.is_empty():
        return b""
    text: str = lines.str.join(in_columns(layout.line_end, layout)).item()
    return as_bytes(text, layout) + layout.line_end.encode(layout.encoding)


def _violation(place: str, refusal: Refusal) -> Violation:
    field = f"{place}.{refusal.field}" if refusal.field else place
    return Violation(field, refusal.expected)
