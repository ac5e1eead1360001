"""Fields of a layout and their totals: from TOML to values."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import polars as pl

from handback.formats.computed import LineNumber
from handback.formats.controls import BLOCK, LINE
from handback.formats.document import Section
from handback.formats.fields import FIELD_TYPES, FieldType
from handback.formats.findings import DETAIL
from handback.formats.layout import (
    CONTROL_KINDS,
    DETAIL_KINDS,
    HEADER_KINDS,
    Columns,
    Field,
    Framing,
    Kind,
    Measure,
    Total,
)
from handback.formats.numbers import Decimal, Integer, Sign
from handback.formats.octets import MOST_BYTES, Binary
from handback.formats.placing import MAX_WIDTH, place_of
from handback.formats.texts import Constant, Flags

_TRIMS: Final = ["both", "left", "right", "none"]
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_RESERVED: Final = frozenset({"ordinal", "line", "raw", "redemption_id", "attempt", "scope"})


def field_of(section: Section, framing: Framing, kind: Kind, *, named: bool) -> Field:
    """One field of a record of a kind; `named` where the first line names the columns."""
    name = section.text("name")
    if not _NAME.fullmatch(name):
        section.mistake("name", "a lower-case word such as reference")
    elif kind in DETAIL_KINDS and name in _RESERVED - {"ordinal"}:
        section.mistake("name", f"another name; {name} is set by decoding")
    kind_of_type = section.choice("type", list(FIELD_TYPES), "text")
    field_type = FIELD_TYPES[kind_of_type](section)
    placeless = isinstance(field_type, Constant) and not (
        section.has("at") or section.has("column")
    )
    place = None if placeless else place_of(section, framing, named=named)
    number = isinstance(field_type, Integer | Decimal | LineNumber)
    fixed = framing is Framing.FIXED
    width = place.width if isinstance(place, Columns) else section.integer("width", 0, 1, MAX_WIDTH)
    of_bytes = isinstance(field_type, Binary)
    if isinstance(field_type, Binary):
        field_type = replace(field_type, width=width)
        if width > MOST_BYTES and not field_type.packed:
            section.mistake("at", f"at most {MOST_BYTES} bytes for a binary number")
    # A blank before a flag is a flag that is not set.
    usual_trim = "right" if isinstance(field_type, Flags) else "both"
    field = Field(
        name=name,
        type=field_type,
        place=place,
        required=section.flag("required"),
        trim="none" if of_bytes else section.choice("trim", _TRIMS, usual_trim),
        pad=section.choice("pad", [" ", "0"], "0" if number and (fixed or width) else " "),
        justify=section.choice("justify", ["left", "right"], "right" if number else "left"),
        width=width,
        carry=section.flag("carry") if kind in HEADER_KINDS else False,
        total=_total(section, framing) if kind in (*HEADER_KINDS, *CONTROL_KINDS) else None,
        rest=section.flag("rest") if framing is Framing.DELIMITED else False,
        same_as=section.text("same_as", "") if kind in CONTROL_KINDS else "",
    )
    if field.same_as and field.total:
        section.mistake("same_as", "nothing of this name beside count or sum")
    _check_width(section, field)
    if kind in DETAIL_KINDS or field.carry:
        _check_role(section, name, field_type)
    section.refuse_unknown()
    return field


def _check_width(section: Section, field: Field) -> None:
    if field.pad == "0" and field.justify == "left":
        section.mistake("pad", "' ' where the field is justified left")
    notation = getattr(field.type, "notation", None)
    if notation is not None and notation.sign is Sign.BRACKETS and field.width and field.pad == "0":
        section.mistake("pad", "' ' where the sign is written as brackets")
    if isinstance(field.type, Constant):
        if 0 < field.width < len(field.type.value):
            section.mistake("value", f"at most {field.width} characters")
        if field.type.value != field.type.value.strip(" \t"):
            section.mistake("value", "a text without blanks around it")


def _total(section: Section, framing: Framing) -> Total | None:
    kinds = section.texts("count")
    field = section.text("sum", "")
    lowest = section.integer("digits", 0, 1, 18)
    of_original = section.choice("of", ["rows", "original"], "rows") == "original"
    alone: list[str] = [one for one in (LINE, BLOCK) if one in kinds]
    if not set(kinds) <= set(alone[:1] or [str(kind) for kind in Kind]):
        told = f"{LINE} alone, {BLOCK} alone, or record kinds: any of {', '.join(Kind)}"
        section.mistake("count", told)
        return None
    if kinds == (LINE,) and framing not in (Framing.DELIMITED, Framing.FIXED):
        section.mistake("count", "record kinds: only delimited and fixed records stand on lines")
    where, unless = _where(section, "where"), _where(section, "unless")
    if kinds and field:
        section.mistake("sum", "either count or sum, not both")
    if where and unless:
        section.mistake("unless", "either where or unless, not both")
    if not kinds and not field:
        if lowest or where or unless:
            section.mistake("digits", "nothing of this without count or sum")
        return None
    if kinds and (where or unless) and kinds != (Kind.DETAIL,):
        section.mistake("count", '["detail"] beside where or unless')
    measure = None
    if field or where or unless:
        measure = Measure(field, where or unless, bool(unless))
    return Total(kinds, measure, lowest, of_original)


def _where(section: Section, key: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Field names, each with the texts it has to have."""
    table = section.section(key)
    if table is None:
        return ()
    value = section.value(key)
    names = list(value) if isinstance(value, dict) else []
    return tuple((name, table.texts(name)) for name in names)


def _check_role(section: Section, name: str, field_type: FieldType) -> None:
    """A name that means something to us must have the type of its canonical column."""
    dtype = pl.String() if name == "sub_code" else DETAIL.get(name)
    if dtype is not None and dtype != field_type.dtype:
        wanted = {pl.String(): "text, code, codes, flags or constant", pl.Date(): "date"}
        section.mistake("type", f"{wanted.get(dtype, 'integer or decimal')} for {name}")
    whole = isinstance(field_type, Integer) or (
        isinstance(field_type, Binary) and not field_type.scale
    )
    if name in ("batch", "batch_ordinal") and not whole:
        section.mistake("type", f"integer for {name}")
