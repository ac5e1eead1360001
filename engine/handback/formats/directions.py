"""Which way a layout serves: what is wanted of one that reads files, and of one that writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from handback.errors import Violation
from handback.formats.days import Day, DayOfInstant
from handback.formats.layout import (
    CONTROL_KINDS,
    DETAIL_KINDS,
    HEADER_KINDS,
    Field,
    Framing,
    Kind,
    Layout,
    Path,
    Record,
    Tag,
    positions,
)
from handback.formats.octets import Binary
from handback.formats.texts import Constant

_SEVERAL_WRITTEN: Final = (Kind.HEADER, Kind.ADDENDA, Kind.CONTROL, Kind.IGNORE)
_MAX_SHEET_NAME: Final = 31
_NO_SHEET_NAME: Final = frozenset("[]:*?/\\")


def inbound_mistakes(layout: Layout) -> tuple[Violation, ...]:
    """Why this layout cannot read a hand-back file; empty where it can."""
    names = {
        field.name
        for record in layout.records
        for field in record.fields
        if record.kind in DETAIL_KINDS or field.carry
    }
    if "reference" in names or {"batch", "batch_ordinal"} <= names:
        return ()
    expected = "a detail field named reference, or both batch and batch_ordinal"
    return (Violation(f"formats.{layout.name}.records", expected),)


def outbound_mistakes(layout: Layout) -> tuple[Violation, ...]:
    """Why this layout cannot write a payout file; empty where it can."""
    written = layout.written()
    return (*_of_layout(written), *_of_records(written), *_reopened(written))


def _of_layout(layout: Layout) -> Iterator[Violation]:
    path = f"formats.{layout.name}"
    for kind in Kind:
        if kind not in _SEVERAL_WRITTEN and len(list(layout.of(kind))) > 1:
            yield Violation(f"{path}.records", f"at most one {kind} record in a file we write")
    name = layout.sheet
    quoted = name.startswith("'") or name.endswith("'")
    if len(name) > _MAX_SHEET_NAME or _NO_SHEET_NAME & set(name) or quoted:
        yield Violation(f"{path}.sheet", "a name that a sheet can have")


def _of_records(layout: Layout) -> Iterator[Violation]:
    for index, record in enumerate(layout.records):
        path = f"formats.{layout.name}.records[{index}]"
        if layout.framing is Framing.XML and record.path.startswith("."):
            yield Violation(f"{path}.path", "the root by its name, in what we write")
        if record.kind is Kind.ADDENDA and layout.framing.is_tree:
            yield from _of_addenda(layout, record, f"{path}.path")
        taken = {column for one in record.tag for column in positions(one.place)}
        for number, field in enumerate(record.fields):
            where = f"{path}.fields[{number}]"
            mine = positions(field.place)
            if mine & taken and not _says_tag(field, record.tag):
                yield Violation(f"{where}.at", "a place of its own, in what we write")
            taken |= mine
            if isinstance(field.place, Path) and field.place.rise:
                yield Violation(f"{where}.at", "a path below the record, in what we write")
            unwritable = isinstance(field.type, Day) and not field.type.is_writable
            if unwritable or isinstance(field.type, DayOfInstant):
                yield Violation(f"{where}.type", "a type that we can write")
            if isinstance(field.type, Binary) and layout.line_end:
                told = (
                    'a type of text, as numbers in bytes are written only where line_end = "none"'
                )
                yield Violation(f"{where}.type", told)


def _of_addenda(layout: Layout, record: Record, path: str) -> Iterator[Violation]:
    """In a tree, addenda stand within their detail; elements also beside it."""
    detail = next(layout.of(Kind.DETAIL))
    beside = layout.steps(record.path)[:-1] == layout.steps(detail.path)[:-1]
    if layout.stands_within(record, detail) or (beside and layout.framing is Framing.XML):
        return
    yield Violation(path, f"a path below {detail.path}, in what we write")


def _reopened(layout: Layout) -> Iterator[Violation]:
    """An object of JSON that was closed cannot go on: its name would stand there twice."""
    if layout.framing not in (Framing.JSON, Framing.JSON_LINES):
        return
    stack: list[str] = []
    closed: set[tuple[str, ...]] = set()
    for kind in (*HEADER_KINDS, Kind.DETAIL, *CONTROL_KINDS):
        for record in layout.of(kind):
            steps = layout.steps(record.path)
            while stack != steps[: len(stack)]:
                closed.add(tuple(stack))
                stack.pop()
            if any(tuple(steps[:depth]) in closed for depth in range(1, len(steps) + 1)):
                index = layout.records.index(record)
                where = f"formats.{layout.name}.records[{index}].path"
                yield Violation(where, "a path that need not be opened twice, in what we write")
            stack = steps


def _says_tag(field: Field, tag: Tag) -> bool:
    """Is the field the tag itself, written out as a constant?"""
    return isinstance(field.type, Constant) and any(
        field.place == one.place and field.type.value in one.texts for one in tag
    )
