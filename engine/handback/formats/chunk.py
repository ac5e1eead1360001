"""One chunk of a file: records told apart, numbered, read, and joined to canonical details."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import polars as pl

from handback.formats.batches import Batches
from handback.formats.controls import exact_sum
from handback.formats.details import Carried, canonical, together, with_addenda, without_addenda
from handback.formats.findings import (
    FINDINGS,
    Finding,
    FindingCode,
    Severity,
    file_finding,
    findings_frame,
    findings_of,
)
from handback.formats.layout import (
    BATCH,
    GROUP,
    LEVELS,
    Columns,
    Kind,
    Layout,
    Record,
)
from handback.formats.lines import UNREADABLE, Block
from handback.formats.reading import Cut, column_of, read_records
from handback.formats.references import ReferenceTemplate
from handback.formats.structure import FactValue, Mark, Structure

UNKNOWN: Final = -1
"""The record index of a line that no tag of the layout fits."""
MAX_ADDENDA: Final = 10_000
"""Lines that may belong to one detail; of more, the rest counts as addenda of nothing."""

_BROKEN: Final = (
    FindingCode.LINE_TOO_LONG.value,
    FindingCode.BAD_QUOTING.value,
    FindingCode.BAD_MARKUP.value,
)
_UNREADABLE: Final = pl.Schema({"line": pl.Int64(), "field": pl.String()})
_LINE_FLAWS: Final = {
    FindingCode.UNDECODABLE: "a character that the encoding does not have",
    FindingCode.LINE_TOO_LONG: "the line is too long for a record",
    FindingCode.BAD_QUOTING: "quotes do not pair",
    FindingCode.BAD_MARKUP: "the line is no document",
    FindingCode.FIELD_REPEATED: "a field stands there twice",
}


@dataclass(slots=True)
class _Parts:
    """The records of one chunk, read and sorted by what they are."""

    details: list[pl.DataFrame] = field(default_factory=list)
    addenda: list[tuple[Record, pl.DataFrame]] = field(default_factory=list)
    groups: list[tuple[int, pl.DataFrame]] = field(default_factory=list)
    batches: list[tuple[int, pl.DataFrame]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    findings: list[pl.DataFrame] = field(default_factory=list)
    unreadable: pl.DataFrame = field(default_factory=_UNREADABLE.to_frame)


class ChunkReader:
    """Reads block after block of one file, and carries what one chunk owes to the next."""

    def __init__(
        self,
        layout: Layout,
        template: ReferenceTemplate | None,
        cut: Cut,
        chunk_records: int,
        arrived_on: date | None,
    ) -> None:
        self._layout, self._template, self._cut = layout, template, cut
        self._chunk_records = chunk_records
        self._arrived_on = arrived_on
        self._structure = Structure(layout)
        self._levels = [Batches(layout, level) for level in LEVELS]
        self._indexes = {
            kind: [i for i, record in enumerate(layout.records) if record.kind is kind]
            for kind in Kind
        }
        self._held: pl.DataFrame | None = None
        self._segment = self._group = 0
        self._carried = Carried(layout)
        self.header: dict[str, FactValue] = {}
        self.control: dict[str, FactValue] = {}
        self.control_seen = False
        self.records = self.rejected = self.quantity = 0

    def read(self, block: Block) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Details and findings of the next block, in pieces of at most `chunk_records` records."""
        pieces = list(block.lines.iter_slices(self._chunk_records)) or [block.lines]
        for number, piece in enumerate(pieces, start=1):
            last = block.last and number == len(pieces)
            rows = self._classified(self._cut.rows(piece, last=last))
            if last:
                about_file = [*block.findings, *self._cut_short(rows, block)]
                yield self._chunk(self._held_and(rows), about_file, last=True)
            else:
                yield self._chunk(self._hold(rows), [])

    def _classified(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add `rec`: the index of the layout's first record whose tag agrees, else UNKNOWN."""
        rec = pl.lit(UNKNOWN)
        stripping = self._cut.has_blanks(rows)
        records = list(enumerate(self._layout.records))
        # What no tag claims comes last; the later a record is asked for, the earlier it is wrapped.
        for index, record in sorted(
            records, key=lambda one: (not one[1].tag, one[0]), reverse=True
        ):
            holds = self._holds(record, stripping)
            found = pl.lit(index)
            rec = found if holds is None else pl.when(holds).then(found).otherwise(rec)
        if rows["flaw"].null_count() < rows.height:
            rec = pl.when(pl.col("flaw").is_in(_BROKEN)).then(pl.lit(UNKNOWN)).otherwise(rec)
        return rows.with_columns(rec.cast(pl.Int32).alias("rec"))

    def _holds(self, record: Record, stripping: bool) -> pl.Expr | None:
        """Which rows are records of this kind, tags apart from blanks around them where
        `stripping`; None for all of them."""
        conditions = []
        node = self._cut.node(record)
        if node is not None:
            conditions.append(pl.col("node") == node)
        for one in record.tag:
            text = self._cut.text(one.place)
            if stripping and not isinstance(one.place, Columns):
                text = text.str.strip_chars(" \t")
            if not one.texts:
                blank = text.str.strip_chars(" \t").fill_null("") == ""
                conditions.append(blank if one.blank else ~blank)
                continue
            conditions.append(text.is_in(list(one.texts)))
        return pl.all_horizontal(conditions) if conditions else None

    def _held_and(self, rows: pl.DataFrame) -> pl.DataFrame:
        held, self._held = self._held, None
        return rows if held is None else pl.concat([held, rows])

    def _hold(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Keep back the last detail, for its addenda may be still to come."""
        if not self._indexes[Kind.ADDENDA]:
            return rows
        rows = self._held_and(rows)
        owners = rows["rec"].is_in([*self._indexes[Kind.DETAIL], UNKNOWN]).arg_true()
        if owners.is_empty() or rows.height - owners[-1] > MAX_ADDENDA:
            return rows
        self._held = rows.slice(owners[-1])
        return rows.head(owners[-1])

    def _cut_short(self, rows: pl.DataFrame, block: Block) -> list[Finding]:
        """Does the file end within its last record?"""
        if block.terminated or rows.is_empty() or not block.lines["raw"][-1].strip():
            return []
        line, rec = rows.select("line", "rec").row(-1)
        raw = block.lines["raw"][-1]  # with what closes a record, which its cells do not have
        if rec == UNKNOWN or not self._cut.is_cut(raw, self._layout.records[rec]):
            return []
        message = "the file ends within its last record, or just there"
        return [file_finding(FindingCode.TRUNCATED, message, line=line)]

    def _chunk(
        self, rows: pl.DataFrame, about_file: list[Finding], *, last: bool = False
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        rows = self._numbered(rows)
        parts = self._parts(rows)
        findings = [*self._line_findings(rows), *parts.findings]
        counted = [*parts.details, *(values for _, values in parts.addenda)]
        about_file += self._structure.follow(rows, counted, parts.marks, parts.unreadable)
        for level, frames in zip(self._levels, (parts.groups, parts.batches), strict=True):
            findings += level.follow(rows, counted, frames, parts.unreadable)
        self._facts(parts.marks)
        self._carried.take(parts.marks, parts.groups, parts.batches)
        if last:
            about_file += self._end(told=bool(about_file))
            for level in self._levels:
                findings += level.finish()
        joined, wrong = with_addenda(together(parts.details), parts.addenda)
        wrong += without_addenda(joined, parts.addenda, self._layout)
        joined = canonical(self._carried.fill(joined), self._template)
        found = pl.concat([FINDINGS.to_frame(), *findings, *wrong, findings_frame(about_file)])
        return self._finished(joined, found)

    def _parts(self, rows: pl.DataFrame) -> _Parts:
        """Read the records of every kind that this chunk has."""
        parts = _Parts()
        present = set(rows["rec"].unique().to_list())
        for index, record in enumerate(self._layout.records):
            if index not in present or record.kind is Kind.IGNORE:
                continue
            mine = rows.filter(pl.col("rec") == index)
            values, findings = read_records(mine, record, self._cut, self._near(parts.marks))
            parts.findings += findings
            match record.kind:
                case Kind.DETAIL:
                    parts.details.append(values)
                    lost = [frame.select(list(_UNREADABLE)) for frame in findings]
                    parts.unreadable = pl.concat([parts.unreadable, *lost])
                case Kind.ADDENDA:
                    parts.addenda.append((record, values))
                case Kind.GROUP_HEADER | Kind.GROUP_CONTROL:
                    parts.groups.append((index, values))
                case Kind.BATCH_HEADER | Kind.BATCH_CONTROL:
                    parts.batches.append((index, values))
                case Kind.HEADER | Kind.CONTROL:
                    parts.marks += _marks(mine, values, index, record)
        parts.marks.sort(key=lambda mark: mark.line)
        return parts

    def _near(self, marks: list[Mark]) -> date | None:
        """The day of the file, as its header says, else the day it came."""
        said = [mark.values["created_on"] for mark in marks if "created_on" in mark.values]
        day = said[0] if said else self.header.get("created_on")
        return day if isinstance(day, date) else self._arrived_on

    def _end(self, *, told: bool) -> list[Finding]:
        """What the end of the file shows; `told` where the file is known to be unreadable."""
        if self._structure.started or self._layout.column_names:
            return self._structure.finish()
        if told:
            return []
        return [file_finding(FindingCode.EMPTY_FILE, "the file has no records")]

    def _numbered(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add `ordinal` (of the detail a row is or belongs to, else 0), `orphan` (addenda of no
        detail, which count as one), `group` and `segment` (which batch)."""
        if rows.is_empty():
            nothing = pl.lit(0, dtype=pl.Int64)
            return rows.with_columns(
                ordinal=nothing, orphan=pl.lit(False), group=nothing, segment=nothing
            )
        owners = [*self._indexes[Kind.DETAIL], UNKNOWN]
        addenda, ignored = self._indexes[Kind.ADDENDA], self._indexes[Kind.IGNORE]
        rec = pl.col("rec")
        orphan = pl.lit(False)
        if addenda:
            before = pl.when(~rec.is_in([*addenda, *ignored])).then(rec).forward_fill()
            orphan = rec.is_in(addenda) & ~before.is_in(owners).fill_null(False)
        rows = rows.with_columns(
            orphan.alias("orphan"),
            self._part(GROUP.header, GROUP.control, self._group).alias("group"),
            self._part(
                BATCH.header, BATCH.control, self._segment, GROUP.header, GROUP.control
            ).alias("segment"),
        )
        starts = rec.is_in(owners) | pl.col("orphan")
        ordinal = starts.cast(pl.Int64).cum_sum() + self.records
        belongs = starts | rec.is_in(addenda)
        rows = rows.with_columns(pl.when(belongs).then(ordinal).otherwise(0).alias("ordinal"))
        end = rows["rec"][-1]
        groups, batches = self._indexes[GROUP.control], self._indexes[BATCH.control]
        self._group = rows["group"][-1] + int(end in groups)
        self._segment = rows["segment"][-1] + int(end in batches)
        self.records += int(rows.select(starts.sum()).item())
        return rows

    def _part(self, header: Kind, control: Kind, number: int, *outer: Kind) -> pl.Expr:
        """Which part of its level a row belongs to: a header begins one, as does whatever stands
        further out; a control ends its own."""
        opening = [index for kind in (header, *outer) for index in self._indexes[kind]]
        closing = self._indexes[control]
        if not opening and not closing:
            return pl.lit(0, dtype=pl.Int64)
        opens = pl.col("rec").is_in(opening).cast(pl.Int64)
        closes = pl.col("rec").is_in(closing).cast(pl.Int64)
        return opens.cum_sum() + closes.cum_sum() - closes + number

    def _line_findings(self, rows: pl.DataFrame) -> list[pl.DataFrame]:
        """Lines that are no text, no record, or addenda of nothing."""
        findings = []
        if rows["flaw"].null_count() < rows.height:
            for code, message in _LINE_FLAWS.items():
                flawed = rows.filter(pl.col("flaw") == code.value)
                for of_file, severity in ((False, Severity.REJECT), (True, Severity.QUARANTINE)):
                    mine = flawed.filter((pl.col("ordinal") == 0) == of_file)
                    found = findings_of(mine, code, message, severity=severity)
                    findings.append(_located(found, mine["raw"]))
        unknown = rows.filter((pl.col("rec") == UNKNOWN) & pl.col("flaw").is_null())
        orphans = rows.filter("orphan")
        message = "no record of the layout begins like this"
        findings.append(findings_of(unknown, FindingCode.UNKNOWN_RECORD, message))
        message = "addenda without a detail record before them"
        findings.append(findings_of(orphans, FindingCode.ADDENDA_ORPHAN, message))
        return findings

    def _facts(self, marks: list[Mark]) -> None:
        for mark in marks:
            if mark.record.kind is Kind.HEADER:
                self.header = {**mark.values, **self.header}
            else:
                self.control_seen = True
                self.control = {**mark.values, **self.control}

    def _finished(
        self, details: pl.DataFrame, findings: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Sound details only, without NUL; what a finding rejects is counted and left out."""
        self.quantity += exact_sum(details["quantity"])
        reject = (pl.col("severity") == int(Severity.REJECT)) & (pl.col("ordinal") > 0)
        rejected = findings.filter(reject)["ordinal"].unique()
        self.rejected += rejected.len()
        if rejected.len():
            details = details.filter(~pl.col("ordinal").is_in(rejected.implode()))
        if self._layout.may_hold_nul:
            texts = pl.col(pl.String).str
            sound = texts.replace_all("\0", "\N{REPLACEMENT CHARACTER}", literal=True)
            details = details.with_columns(sound)
        return details, findings.sort("line", "ordinal", maintain_order=True)


def _located(findings: pl.DataFrame, raw: pl.Series) -> pl.DataFrame:
    """Say in which column of its record the first character stands that could not be read."""
    sound = raw.str.extract(rf"^([^{UNREADABLE}]*)[{UNREADABLE}]")
    place = pl.format(", column {}", sound.str.len_chars() + 1).fill_null("")
    return findings.with_columns(pl.col("message") + place)


def _marks(rows: pl.DataFrame, values: pl.DataFrame, index: int, record: Record) -> list[Mark]:
    """Headers or controls of the file one by one; two of a kind are enough to tell a repetition."""
    read = {row["line"]: row for row in values.head(2).iter_rows(named=True)}
    marks = []
    for line in rows["line"].head(2):
        row = read.get(line, {})
        named = {field.name: row.get(column_of(field.name)) for field in record.fields}
        said = {name: value for name, value in named.items() if value is not None}
        marks.append(Mark(line, index, record, said))
    return marks
