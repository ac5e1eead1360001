"""Decoding: the bytes of a partner's file to chunks of canonical details, and findings.

Any bytes give a result: what is wrong with them becomes findings. Work is done on columns, a chunk
at a time; only records that are no details (headers, controls) are looked at one by one, because
they carry the structure of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

import polars as pl

from handback.formats.chunk import ChunkReader
from handback.formats.columns import place_by_names
from handback.formats.delimited import DelimitedCut
from handback.formats.findings import (
    DETAIL,
    Finding,
    FindingCode,
    Severity,
    file_finding,
    findings_frame,
)
from handback.formats.fixed import FixedCut
from handback.formats.layout import Framing, Layout
from handback.formats.lines import Block, read_blocks
from handback.formats.reading import Cut
from handback.formats.references import ReferenceTemplate
from handback.formats.structure import FactValue

_MAX_COLUMN_NAMES: Final = 512


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some records of a file: sound details (schema DETAIL) and findings (schema FINDINGS)."""

    details: pl.DataFrame
    findings: pl.DataFrame


@dataclass(slots=True)
class FileFacts:
    """What a file says of itself, and what was counted. Complete after the last chunk.

    `records` are all details, `rejected` those of them that have a REJECT finding; `quantity` sums
    every readable one.
    """

    header: dict[str, FactValue] = field(default_factory=dict)
    control: dict[str, FactValue] = field(default_factory=dict)
    records: int = 0
    rejected: int = 0
    quantity: int = 0
    findings: int = 0
    worst: Severity | None = None
    control_seen: bool = False
    terminated: bool = True


def decode(
    layout: Layout,
    template: ReferenceTemplate | None,
    stream: BinaryIO,
    *,
    chunk_records: int = 50_000,
) -> Decoded:
    """Read a file under a layout.

    `template` finds attempt keys, batch and ordinal in the references; without one they stay empty.
    Memory is bounded by the chunk, not by the file; the same bytes give the same chunks. Raises
    only what `stream` raises.
    """
    assert chunk_records > 0, chunk_records
    return Decoded(layout, template, stream, chunk_records)


class Decoded(Iterator[Chunk]):
    """The chunks of a file, once; `facts` fills while they are taken.

    Every ordinal from 1 to `facts.records` stands either in the details of one chunk or in a
    finding of severity REJECT. Findings about the file as a whole come with the chunk in which they
    showed, at the latest with the last one.
    """

    def __init__(
        self,
        layout: Layout,
        template: ReferenceTemplate | None,
        stream: BinaryIO,
        chunk_records: int,
    ) -> None:
        self.facts = FileFacts()
        self._layout = layout
        self._template = template
        self._chunk_records = chunk_records
        self._chunks = self._read(stream)

    def __next__(self) -> Chunk:
        return next(self._chunks)

    def _read(self, stream: BinaryIO) -> Iterator[Chunk]:
        blocks = read_blocks(stream, self._layout.encoding)
        first = next(blocks)
        if first.binary:
            yield self._refused([file_finding(FindingCode.NOT_TEXT, "the file is not text")])
            return
        layout, cut, first, findings = self._open(first)
        if findings:
            yield self._refused(findings)
            return
        reader = ChunkReader(layout, self._template, cut, self._chunk_records)
        yield from self._chunks_of(reader, first)
        for block in blocks:
            yield from self._chunks_of(reader, block)

    def _chunks_of(self, reader: ChunkReader, block: Block) -> Iterator[Chunk]:
        self.facts.terminated = block.terminated
        for details, findings in reader.read(block):
            self._note(reader, findings)
            if details.height or findings.height or block.last:
                yield Chunk(details, findings)

    def _note(self, reader: ChunkReader, findings: pl.DataFrame) -> None:
        facts = self.facts
        facts.header, facts.control = reader.header, reader.control
        facts.records, facts.rejected = reader.records, reader.rejected
        facts.quantity, facts.control_seen = reader.quantity, reader.control_seen
        facts.findings += findings.height
        worst = findings["severity"].max()
        if isinstance(worst, int):
            facts.worst = Severity(max(worst, facts.worst or 0))

    def _refused(self, findings: list[Finding]) -> Chunk:
        """The only chunk of a file that cannot be read at all."""
        self.facts.findings = len(findings)
        self.facts.worst = max(finding.severity for finding in findings)
        return Chunk(DETAIL.to_frame(), findings_frame(findings))

    def _open(self, first: Block) -> tuple[Layout, Cut, Block, list[Finding]]:
        """The way to cut records, with columns placed by the names in the first line."""
        layout = self._layout
        if layout.framing is Framing.FIXED:
            return layout, FixedCut(), first, []
        cells = max(record.cells for record in layout.records)
        findings: list[Finding] = []
        if layout.column_names:
            names, line = _column_names(layout, first)
            if not names:
                findings = [file_finding(FindingCode.EMPTY_FILE, "the file is empty")]
            else:
                layout, findings = place_by_names(layout, names, line)
            rest = first.lines.filter(pl.col("line") > line)
            first = Block(rest, first.last, first.terminated, first.binary)
            cells = max(cells, len(names))
        return layout, DelimitedCut(layout, max(cells, 1)), first, findings


def _column_names(layout: Layout, first: Block) -> tuple[list[str], int]:
    """The names in the first line that is not blank, and its number."""
    head = first.lines.filter(pl.col("raw").str.strip_chars() != "").head(1)
    if head.is_empty():
        return [], 0
    rows = DelimitedCut(layout, _MAX_COLUMN_NAMES).rows(head, last=True)
    cells = rows.select(f"cell_{number}" for number in range(1, _MAX_COLUMN_NAMES + 1))
    return [cell for cell in cells.row(0) if cell is not None], head["line"][0]
