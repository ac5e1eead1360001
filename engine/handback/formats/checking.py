"""Rules of a layout that need more than one of its parts to judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from handback.formats.columns import folded
from handback.formats.document import Section
from handback.formats.fields import Constant, Day, Decimal
from handback.formats.layout import Kind, Layout, Named, Record


def check_together(layout: Layout, section: Section, records: Sequence[Section]) -> None:
    """Note what is wrong between the parts; `records` are the tables of the layout's records."""
    details = list(layout.of(Kind.DETAIL))
    if not details:
        section.mistake("records", "at least one record of kind detail")
    if layout.column_names and len(details) > 1:
        section.mistake("records", "one detail record where the first line names the columns")
    untagged = 0
    for record, table in zip(layout.records, records, strict=True):
        if not table.has("tag"):
            untagged += record.kind is Kind.DETAIL
            if record.kind is not Kind.DETAIL or untagged > 1:
                table.mistake("tag", "a tag; one detail record may go without")
        _check_names(layout, record, table)
        _check_texts(layout, record, table)
        _check_columns(record, table)


def _check_names(layout: Layout, record: Record, table: Section) -> None:
    """Names stand once in a record, and totals sum what there is."""
    scales = {
        field.name: field.scale
        for detail in layout.of(Kind.DETAIL)
        for field in detail.fields
        if field.type.dtype == pl.Int64()
    }
    seen: set[str] = set()
    for number, field in enumerate(record.fields):
        path = f"fields[{number}]"
        if field.name in seen:
            table.mistake(f"{path}.name", "a name used once in the record")
        seen.add(field.name)
        if field.total is None:
            continue
        if field.type.dtype != pl.Int64():
            table.mistake(f"{path}.type", "integer or decimal for a total")
        elif field.total.field and field.total.field not in scales:
            table.mistake(f"{path}.sum", "a numeric field of the detail record")
        elif field.total.field and scales[field.total.field] != field.scale:
            table.mistake(f"{path}.scale", f"the same number of decimals as {field.total.field}")
        elif field.total.kinds and field.scale:
            table.mistake(f"{path}.type", "integer for a count")


def _check_texts(layout: Layout, record: Record, table: Section) -> None:
    """Texts of the layout itself must be sayable in its encoding, and between its delimiters."""
    for path, text in _texts(record):
        if not text.isprintable():
            table.mistake(path, "printable characters only")
        if text.encode(layout.encoding, errors="replace").decode(layout.encoding) != text:
            table.mistake(path, f"characters of {layout.encoding} only")
        if not layout.quote and set(text) & set(layout.delimiter):
            table.mistake(path, "no character of the delimiter, as nothing is quoted")


def _texts(record: Record) -> Iterator[tuple[str, str]]:
    """Every text that records of this kind are bound to have, with its key."""
    yield "tag.is", "".join(record.tag.texts) if record.tag else ""
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


def _check_columns(record: Record, table: Section) -> None:
    """No column may be two fields, however its name is written."""
    seen: set[str] = set()
    for number, field in enumerate(record.fields):
        if isinstance(field.place, Named):
            names = {folded(name) for name in (field.place.column, *field.place.aliases)}
            if names & seen:
                table.mistake(f"fields[{number}].column", "a column that is no other field's")
            seen |= names
