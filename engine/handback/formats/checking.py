"""Rules of a layout that need more than one of its parts to judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from handback.formats.columns import folded
from handback.formats.computed import CheckDigit
from handback.formats.controls import BLOCK
from handback.formats.days import Day
from handback.formats.document import Section
from handback.formats.layout import (
    DETAIL_KINDS,
    EBCDIC,
    Field,
    Framing,
    Kind,
    Layout,
    Measure,
    Named,
    Path,
    Record,
    header_of,
)
from handback.formats.numbers import Decimal
from handback.formats.octets import Binary
from handback.formats.texts import Constant

_OF_FILE: Final = (Kind.HEADER, Kind.CONTROL)


def check_together(layout: Layout, section: Section, records: Sequence[Section]) -> None:
    """Note what is wrong between the parts; `records` are the tables of the layout's records."""
    details = list(layout.of(Kind.DETAIL))
    if not details:
        section.mistake("records", "at least one record of kind detail")
    if layout.column_names and len(details) > 1:
        section.mistake("records", "one detail record where the first line names the columns")
    if layout.encoding in EBCDIC and not layout.line_end and layout.framing is not Framing.FIXED:
        section.mistake("encoding", "an encoding whose lines end")
    if not _can_be_said(layout, layout.delimiter):
        section.mistake("delimiter", f"characters of {layout.encoding} only")
    untagged: set[str] = set()
    for record, table in zip(layout.records, records, strict=True):
        if not table.has("tag") and not _may_go_untagged(layout, record, untagged):
            table.mistake("tag", "a tag; one detail or ignored record may go without")
        _check_names(layout, record, table)
        _check_types(layout, record, table)
        _check_texts(layout, record, table)
        _check_columns(record, table)
        _check_paths(record, table)


def _may_go_untagged(layout: Layout, record: Record, seen: set[str]) -> bool:
    """Is it told by its path, by its place at the end of a file without lines, or is it what no
    other tag claims?"""
    if layout.framing.is_tree:
        twice = f"{record.path} {record.kind}" in seen
        seen.add(f"{record.path} {record.kind}")
        return not twice
    if not layout.line_end and record.kind in (Kind.HEADER, Kind.CONTROL):
        return True
    if record.kind not in (Kind.DETAIL, Kind.IGNORE) or "" in seen:
        return False
    seen.add("")
    return True


def _check_names(layout: Layout, record: Record, table: Section) -> None:
    """Names stand once in a record, and totals add up what there is."""
    seen: set[str] = set()
    for number, field in enumerate(record.fields):
        path = f"fields[{number}]"
        if field.name in seen:
            table.mistake(f"{path}.name", "a name used once in the record")
        seen.add(field.name)
        if field.same_as:
            _check_same(layout, record, field, path, table)
        if field.total is None:
            continue
        if BLOCK in field.total.kinds and not (layout.block and record.kind in _OF_FILE):
            table.mistake(f"{path}.count", "records: blocks are of a whole file, and need `block`")
        if field.type.dtype != pl.Int64():
            table.mistake(f"{path}.type", "integer or decimal for a total")
        elif field.total.measure is not None:
            _check_measure(layout, field, field.total.measure, path, table)
        elif field.scale:
            table.mistake(f"{path}.type", "integer for a count")


def _check_same(layout: Layout, record: Record, field: Field, path: str, table: Section) -> None:
    """A control repeats what stands in a header of its own level, as the same type."""
    fields = (one for header in layout.of(header_of(record.kind)) for one in header.fields)
    types = [one.type.dtype for one in fields if one.name == field.same_as]
    if types != [field.type.dtype] * len(types) or not types:
        told = f"the name of a field of the {header_of(record.kind)} record, of the same type"
        table.mistake(f"{path}.same_as", told)


def _check_measure(
    layout: Layout, field: Field, measure: Measure, path: str, table: Section
) -> None:
    """What is added up stands in one kind of record, beside what it depends on."""
    holders = [
        {one.name: one for one in record.fields}
        for record in layout.of(*DETAIL_KINDS)
        if not measure.field or measure.field in {one.name for one in record.fields}
    ]
    if measure.field:
        numbers = [one[measure.field] for one in holders]
        if not numbers or any(one.type.dtype != pl.Int64() for one in numbers):
            table.mistake(f"{path}.sum", "a numeric field of the detail record")
        elif any(one.scale != field.scale for one in numbers):
            told = f"the same number of decimals as {measure.field}"
            table.mistake(f"{path}.scale", told)
    elif field.scale:
        table.mistake(f"{path}.type", "integer for a count")
    if not any({name for name, _ in measure.where} <= set(one) for one in holders):
        table.mistake(f"{path}.where", "fields of the record that is counted or summed")


def _check_types(layout: Layout, record: Record, table: Section) -> None:
    """Bytes can be told only where columns count them."""
    for number, field in enumerate(record.fields):
        if isinstance(field.type, Binary) and not layout.in_bytes:
            table.mistake(f"fields[{number}].type", 'a type of text, without columns = "bytes"')
        if isinstance(field.type, CheckDigit):
            others = {one.name for one in record.fields if one is not field and one.place}
            if field.type.of not in others:
                table.mistake(f"fields[{number}].of", "another field of the same record")


def _check_texts(layout: Layout, record: Record, table: Section) -> None:
    """Texts of the layout itself must be sayable in its encoding, and between its delimiters."""
    for path, text in _texts(record):
        if not text.isprintable():
            table.mistake(path, "printable characters only")
        if not _can_be_said(layout, text):
            table.mistake(path, f"characters of {layout.encoding} only")
        if not layout.quote and set(text) & set(layout.delimiter):
            table.mistake(path, "no character of the delimiter, as nothing is quoted")


def _can_be_said(layout: Layout, text: str) -> bool:
    return text.encode(layout.encoding, errors="replace").decode(layout.encoding) == text


def _texts(record: Record) -> Iterator[tuple[str, str]]:
    """Every text that records of this kind are bound to have, with its key."""
    yield "tag.is", "".join(text for one in record.tag for text in one.texts)
    for number, field in enumerate(record.fields):
        path = f"fields[{number}]"
        if isinstance(field.place, Named):
            yield f"{path}.column", field.place.column
        match field.type:
            case Constant(value):
                yield f"{path}.value", value
            case Decimal(scale, point) if scale:
                yield f"{path}.point", point
            case Day() as day:
                yield f"{path}.pattern", day.marks


def _check_paths(record: Record, table: Section) -> None:
    """No path rises above the root."""
    height = record.path.count("/")
    for number, field in enumerate(record.fields):
        if isinstance(field.place, Path) and field.place.rise > height:
            table.mistake(f"fields[{number}].at", "a path that stays below the root")
    if any(isinstance(one.place, Path) and one.place.rise > height for one in record.tag):
        table.mistake("tag.at", "a path that stays below the root")


def _check_columns(record: Record, table: Section) -> None:
    """No column may be two fields, however its name is written."""
    seen: set[str] = set()
    for number, field in enumerate(record.fields):
        if isinstance(field.place, Named):
            names = {folded(name) for name in (field.place.column, *field.place.aliases)}
            if names & seen:
                table.mistake(f"fields[{number}].column", "a column that is no other field's")
            seen |= names
