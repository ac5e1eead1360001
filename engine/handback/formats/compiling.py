"""From the TOML table of a layout to its compiled form, with every mistake listed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import ascii_letters, digits
from typing import Final

import polars as pl

from handback.errors import InvalidAgreement, Violation
from handback.formats.checking import check_together
from handback.formats.document import Section
from handback.formats.fields import FIELD_TYPES, Constant, Day, FieldType, Integer, Text
from handback.formats.findings import DETAIL
from handback.formats.layout import (
    ENCODINGS,
    LINE_ENDS,
    Cell,
    Columns,
    Field,
    Framing,
    Kind,
    Layout,
    Named,
    Place,
    Record,
    Tag,
    Total,
    positions,
)

MAX_CELLS: Final = 512
MAX_WIDTH: Final = 8_192
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ALNUM: Final = frozenset(ascii_letters + digits)
_RESERVED: Final = frozenset({"ordinal", "line", "raw", "redemption_id", "attempt"})
_DETAIL_KINDS: Final = (Kind.DETAIL, Kind.ADDENDA)
_TOTAL_KINDS: Final = (Kind.HEADER, Kind.BATCH_HEADER, Kind.BATCH_CONTROL, Kind.CONTROL)


def compile_layout(name: str, document: Mapping[str, object]) -> Layout:
    """The layout a TOML table describes.

    Raises InvalidAgreement with every mistake, each with its path such as
    `formats.NAME.records[0].fields[2].type`.
    """
    mistakes: list[Violation] = []
    section = Section(document, f"formats.{name}", mistakes)
    framing = Framing(section.choice("framing", [*Framing]))
    if mistakes:  # every place in the layout depends on it
        raise InvalidAgreement(mistakes)
    records = section.sections("records")
    layout = _layout(name, framing, section, records)
    section.refuse_unknown()
    check_together(layout, section, records)
    if mistakes:
        raise InvalidAgreement(mistakes)
    return layout


def _layout(name: str, framing: Framing, section: Section, records: list[Section]) -> Layout:
    delimited = framing is Framing.DELIMITED
    delimiter = section.text("delimiter", ",") if delimited else ""
    quote = section.text("quote", '"' if len(delimiter) == 1 else "") if delimited else ""
    if delimited:
        _check_marks(section, delimiter, quote)
    column_names = section.flag("header") if delimited else False
    width = 0 if delimited else section.integer("width", 0, 1, MAX_WIDTH)
    return Layout(
        name=name,
        framing=framing,
        encoding=ENCODINGS[section.choice("encoding", list(ENCODINGS), "utf-8")],
        delimiter=delimiter,
        quote=quote,
        column_names=column_names,
        line_end=LINE_ENDS[section.choice("line_end", list(LINE_ENDS), "lf")],
        records=tuple(_record(one, framing, column_names, width) for one in records),
    )


def _check_marks(section: Section, delimiter: str, quote: str) -> None:
    marks = set(delimiter)
    if not marks or marks & set("\n\r \x00+-") or not delimiter.isascii() or _ALNUM & marks:
        section.mistake("delimiter", "ASCII marks, no letter, digit, sign, blank or line end")
    if len(quote) > 1 or not quote.isascii() or quote in {*_ALNUM, *"\n\r \x00"}:
        section.mistake("quote", "one ASCII mark, or '' for none")
    if quote and quote in delimiter:
        section.mistake("quote", "another character than the delimiter")
    if quote and len(delimiter) > 1:
        section.mistake("quote", "'' where the delimiter has several characters")


def _record(section: Section, framing: Framing, column_names: bool, width: int) -> Record:
    kind = Kind(section.choice("kind", [*Kind]))
    tag = _tag(section, framing)
    named = column_names and kind is Kind.DETAIL
    fields = tuple(_field(one, framing, kind, named) for one in section.sections("fields"))
    places = [field.place for field in fields] + ([tag.place] if tag else [])
    last = max((max(positions(place)) for place in places if positions(place)), default=1)
    cells = 0
    if framing is Framing.FIXED:
        width = section.integer("width", width, 1, MAX_WIDTH)
        if width < last:
            section.mistake("width", f"at least {last}, the last column in use")
    elif not named:
        cells = section.integer("cells", last, 1, MAX_CELLS)
        if cells < last:
            section.mistake("cells", f"at least {last}, the last cell in use")
    if not fields and not section.has("tag"):
        section.mistake("fields", "at least one field")
    required = section.flag("required")
    section.refuse_unknown()
    return Record(kind, tag, required, cells, width, fields)


def _tag(section: Section, framing: Framing) -> Tag | None:
    tag = section.section("tag")
    if tag is None:
        return None
    place = _place(tag, framing, named=False)
    texts = tag.texts("is")
    if not texts or not all(texts):
        tag.mistake("is", "the text that tells this kind of record, or a list of them")
    if isinstance(place, Columns) and any(len(text) != place.width for text in texts):
        tag.mistake("is", f"texts of {place.width} characters, as wide as the columns")
    tag.refuse_unknown()
    if isinstance(place, Cell) and any(text != text.strip() for text in texts):
        tag.mistake("is", "texts without blanks around them")
    if not isinstance(place, Cell | Columns) or not texts:
        return None
    return Tag(place, texts)


def _place(section: Section, framing: Framing, *, named: bool) -> Place | None:
    """Where a field or tag stands; None after a mistake."""
    if named:
        column = section.text("column").strip()
        aliases = section.texts("aliases")
        return Named(column, aliases) if column else None
    at = section.value("at")
    if framing is Framing.DELIMITED:
        if type(at) is int and 1 <= at <= MAX_CELLS:
            return Cell(at)
        section.mistake("at", f"a cell number from 1 to {MAX_CELLS}")
        return None
    listed = at if isinstance(at, list) else [at, at]
    columns = [column for column in listed if type(column) is int]
    if len(listed) == len(columns) == 2 and 1 <= columns[0] <= columns[1] <= MAX_WIDTH:
        return Columns(columns[0], columns[1])
    section.mistake("at", "[first, last] column, from 1, both included")
    return None


def _field(section: Section, framing: Framing, kind: Kind, named: bool) -> Field:
    name = section.text("name")
    if not _NAME.fullmatch(name):
        section.mistake("name", "a lower-case word such as reference")
    elif kind in _DETAIL_KINDS and name in _RESERVED - {"ordinal"}:
        section.mistake("name", f"another name; {name} is set by decoding")
    kind_of_type = section.choice("type", list(FIELD_TYPES), "text")
    field_type = FIELD_TYPES[kind_of_type](section)
    placeless = isinstance(field_type, Constant) and not (
        section.has("at") or section.has("column")
    )
    place = None if placeless else _place(section, framing, named=named)
    number = not isinstance(field_type, Text | Constant | Day)
    fixed = framing is Framing.FIXED
    width = place.width if isinstance(place, Columns) else section.integer("width", 0, 1, MAX_WIDTH)
    field = Field(
        name=name,
        type=field_type,
        place=place,
        required=section.flag("required"),
        trim=section.choice("trim", ["both", "left", "right", "none"], "both"),
        pad=section.choice("pad", [" ", "0"], "0" if number and (fixed or width) else " "),
        justify=section.choice("justify", ["left", "right"], "right" if number else "left"),
        width=width,
        carry=section.flag("carry") if kind in (Kind.HEADER, Kind.BATCH_HEADER) else False,
        total=_total(section) if kind in _TOTAL_KINDS else None,
    )
    if field.pad == "0" and field.justify == "left":
        section.mistake("pad", "' ' where the field is justified left")
    too_wide = isinstance(field_type, Constant) and 0 < width < len(field_type.value)
    if too_wide:
        section.mistake("value", f"at most {width} characters")
    if isinstance(field_type, Constant) and field_type.value != field_type.value.strip(" \t"):
        section.mistake("value", "a text without blanks around it")
    if kind in _DETAIL_KINDS or field.carry:
        _check_role(section, name, field_type)
    section.refuse_unknown()
    return field


def _total(section: Section) -> Total | None:
    kinds = section.texts("count")
    field = section.text("sum", "")
    digits = section.integer("digits", 0, 1, 18)
    known = [str(kind) for kind in Kind]
    if not set(kinds) <= set(known):
        section.mistake("count", f"record kinds, any of {', '.join(known)}")
        return None
    if kinds and field:
        section.mistake("sum", "either count or sum, not both")
    if not kinds and not field:
        if digits:
            section.mistake("digits", "digits only beside count or sum")
        return None
    return Total(tuple(Kind(kind) for kind in kinds), field, digits)


def _check_role(section: Section, name: str, field_type: FieldType) -> None:
    """A name that means something to us must have the type of its canonical column."""
    dtype = pl.String() if name == "sub_code" else DETAIL.get(name)
    if dtype is not None and dtype != field_type.dtype:
        wanted = {pl.String(): "text, code or constant", pl.Date(): "date"}
        section.mistake("type", f"{wanted.get(dtype, 'integer or decimal')} for {name}")
    if name in ("batch", "batch_ordinal") and not isinstance(field_type, Integer):
        section.mistake("type", f"integer for {name}")
