"""Decoding: the bytes of a partner's file to chunks of canonical details, and findings.

Any bytes give a result: what is wrong with them becomes findings. Work is done on columns, a chunk
at a time; only records that are no details (headers, controls) are looked at one by one, because
they carry the structure of the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO

import polars as pl

from handback.formats.chunk import ChunkReader
from handback.formats.findings import DETAIL, Finding, Severity, findings_frame
from handback.formats.layout import Layout
from handback.formats.lines import Block
from handback.formats.opening import open_file
from handback.formats.references import ReferenceTemplate
from handback.formats.structure import FactValue


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
    arrived_on: date | None = None,
) -> Decoded:
    """Read a file under a layout.

    `template` finds attempt keys, batch and ordinal in the references; without one they stay empty.
    `arrived_on` tells the year of days that do not name it, in a file that does not name its own.
    Memory is bounded by the chunk, not by the file; the same bytes give the same chunks. Raises
    only what `stream` raises.
    """
    assert chunk_records > 0, chunk_records
    return Decoded(layout, template, stream, chunk_records, arrived_on)


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
        arrived_on: date | None,
    ) -> None:
        self.facts = FileFacts()
        self._layout = layout
        self._template = template
        self._chunk_records = chunk_records
        self._arrived_on = arrived_on
        self._chunks = self._read(stream)

    def __next__(self) -> Chunk:
        return next(self._chunks)

    def _read(self, stream: BinaryIO) -> Iterator[Chunk]:
        opened = open_file(self._layout, stream)
        if opened.refused:
            yield self._refused(opened.refused)
            return
        reader = ChunkReader(
            opened.layout, self._template, opened.cut, self._chunk_records, self._arrived_on
        )
        for block in opened.blocks:
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

    def _refused(self, findings: Sequence[Finding]) -> Chunk:
        """The only chunk of a file that cannot be read at all."""
        self.facts.findings = len(findings)
        self.facts.worst = max(finding.severity for finding in findings)
        return Chunk(DETAIL.to_frame(), findings_frame(findings))
