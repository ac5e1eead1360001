"""Opening a file under its layout: which way its bytes become records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

import polars as pl

from handback.formats.columns import place_by_names
from handback.formats.delimited import DelimitedCut
from handback.formats.findings import Finding, FindingCode, file_finding
from handback.formats.fixed import FixedCut
from handback.formats.layout import Framing, Layout
from handback.formats.lines import Block, LineReader, fill, not_text
from handback.formats.markup import MarkupReader
from handback.formats.objects import JsonLineReader, JsonReader
from handback.formats.reading import Cut
from handback.formats.runs import RunReader
from handback.formats.sheets import SheetCut, names_of, read_rows
from handback.formats.tree_plan import Plan
from handback.formats.trees import TreeCut

_MAX_COLUMN_NAMES: Final = 512


@dataclass(frozen=True, slots=True)
class Opened:
    """A file ready to be read: its layout with every place found, how to cut its records, and its
    blocks. `refused` says why it cannot be read at all."""

    layout: Layout
    cut: Cut
    blocks: Iterator[Block]
    refused: tuple[Finding, ...] = ()


def open_file(layout: Layout, stream: BinaryIO) -> Opened:
    """Open a file; reads its first block. Raises only what `stream` raises."""
    if layout.framing is Framing.XLSX:
        return _open_sheet(layout, stream)
    ahead = fill(stream)
    if not ahead and layout.framing.is_tree:
        empty = file_finding(FindingCode.EMPTY_FILE, "the file is empty")
        return Opened(layout, FixedCut(layout, runs_on=True), iter(()), (empty,))
    if layout.framing.is_tree:
        plan = Plan(layout)
        return Opened(plan.layout, TreeCut(plan), _tree_reader(plan).blocks(stream, ahead))
    runs_on = not layout.line_end
    if not runs_on and (finding := not_text(ahead)) is not None:
        return Opened(layout, FixedCut(layout, runs_on=True), iter(()), (finding,))
    if layout.framing is Framing.FIXED:
        runs_on = runs_on or _has_no_lines(layout, ahead)
        lined = RunReader(layout) if runs_on else LineReader(layout)
        return Opened(layout, FixedCut(layout, runs_on=runs_on), lined.blocks(stream, ahead))
    return _open_delimited(layout, LineReader(layout).blocks(stream, ahead))


def _tree_reader(plan: Plan) -> MarkupReader | JsonReader | JsonLineReader:
    match plan.layout.framing:
        case Framing.XML:
            return MarkupReader(plan)
        case Framing.JSON:
            return JsonReader(plan)
    return JsonLineReader(plan)


def _has_no_lines(layout: Layout, ahead: bytes) -> bool:
    """Do records run on, although the layout has lines? Some partners leave out every line end."""
    text = ahead.decode(layout.encoding, errors="replace").rstrip()
    lined = any(mark in text for mark in "\n\r\x85")
    return not lined and 0 < layout.width < len(text)


def _open_delimited(layout: Layout, blocks: Iterator[Block]) -> Opened:
    cells = max(record.cells for record in layout.records)
    findings: tuple[Finding, ...] = ()
    if layout.column_names:
        first = next(blocks)
        names, line = _column_names(layout, first)
        layout, findings = _placed(layout, names, line)
        blocks = _without_names(first, line, blocks)
        cells = max(cells, len(names))
    return Opened(layout, DelimitedCut(layout, max(cells, 1)), blocks, findings)


def _open_sheet(layout: Layout, stream: BinaryIO) -> Opened:
    read = read_rows(stream, layout)
    if isinstance(read, Finding):
        return Opened(layout, SheetCut(0, 0), iter(()), (read,))
    there = sum(name.startswith("cell_") for name in read.lines.columns)
    blocks = iter((read,))
    findings: tuple[Finding, ...] = ()
    if layout.column_names:
        names, line = names_of(read)
        layout, findings = _placed(layout, names, line)
        blocks = _without_names(read, line, iter(()))
    cells = max(record.cells for record in layout.records)
    return Opened(layout, SheetCut(cells, there), blocks, findings)


def _placed(layout: Layout, names: list[str], line: int) -> tuple[Layout, tuple[Finding, ...]]:
    if not names:
        return layout, (file_finding(FindingCode.EMPTY_FILE, "the file is empty"),)
    placed, findings = place_by_names(layout, names, line)
    return placed, tuple(findings)


def _without_names(first: Block, line: int, blocks: Iterator[Block]) -> Iterator[Block]:
    yield replace(first, lines=first.lines.filter(pl.col("line") > line))
    yield from blocks


def _column_names(layout: Layout, first: Block) -> tuple[list[str], int]:
    """The names in the first line that is not blank, and its number."""
    head = first.lines.filter(pl.col("raw").str.strip_chars() != "").head(1)
    if head.is_empty():
        return [], 0
    rows = DelimitedCut(layout, _MAX_COLUMN_NAMES).rows(head, last=True)
    cells = rows.select(f"cell_{number}" for number in range(1, _MAX_COLUMN_NAMES + 1))
    return [cell for cell in cells.row(0) if cell is not None], head["line"][0]
