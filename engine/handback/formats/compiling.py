"""From the TOML table of a layout to its compiled form, with every mistake listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from string import ascii_letters, digits
from typing import Any, Final

from handback.errors import InvalidAgreement, Violation
from handback.formats.checking import check_together
from handback.formats.declaring import field_of
from handback.formats.document import Section
from handback.formats.layout import (
    ALONE,
    ENCODINGS,
    HEADER_KINDS,
    LINE_ENDS,
    WIDE,
    Columns,
    Condition,
    Field,
    Framing,
    Kind,
    Layout,
    Record,
    Repeats,
    positions,
)
from handback.formats.placing import MAX_CELLS, MAX_WIDTH, record_path, tag_of
from handback.formats.texts import Constant

_MAX_BLOCK: Final = 1_000
_ALNUM: Final = frozenset(ascii_letters + digits)


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
    return _with_filler(_with_alone(_by_characters(layout)))


def _layout(name: str, framing: Framing, section: Section, records: list[Section]) -> Layout:
    delimited, fixed = framing is Framing.DELIMITED, framing is Framing.FIXED
    delimiter = section.text("delimiter", ",") if delimited else ""
    quote = section.text("quote", '"' if len(delimiter) == 1 else "") if delimited else ""
    if delimited:
        _check_marks(section, delimiter, quote)
    column_names = section.flag("header") if framing.has_cells else False
    width = section.integer("width", 0, 1, MAX_WIDTH) if fixed else 0
    line_ends = list(LINE_ENDS) if fixed else ["lf", "crlf"]
    line_end = LINE_ENDS[section.choice("line_end", line_ends, "lf")]
    if not line_end and not width:
        section.mistake("width", "the width of a record, as no line ends it")
    return Layout(
        name=name,
        framing=framing,
        records=tuple(_record(one, framing, column_names, width) for one in records),
        encoding=ENCODINGS[section.choice("encoding", list(ENCODINGS), "utf-8")],
        delimiter=delimiter,
        quote=quote,
        column_names=column_names,
        line_end=line_end,
        width=width,
        in_bytes=fixed
        and section.choice("columns", ["characters", "bytes"], "characters") == "bytes",
        continues=section.text("continues", "") if delimited else "",
        record_end=section.text("record_end", "") if delimited else "",
        sheet=section.text("sheet", "") if framing is Framing.XLSX else "",
        namespaces=section.texts("namespaces") if framing is Framing.XML else (),
        **_blocks(section, width),
    )


def _blocks(section: Section, width: int) -> dict[str, Any]:
    """How files of fixed records are filled up to whole blocks of lines."""
    if not width or not section.has("block"):
        return {}
    filler = section.text("filler", "9")
    if len(filler) != 1 or not filler.isprintable() or not filler.strip():
        section.mistake("filler", "one character, no blank")
    block = section.integer("block", None, 2, _MAX_BLOCK)
    return {"block": block, "filler": filler, "filled": section.flag("filled")}


def _check_marks(section: Section, delimiter: str, quote: str) -> None:
    marks = set(delimiter)
    if not marks or marks & set("\n\r \x00+-") or any(map(str.isalnum, marks)):
        section.mistake("delimiter", "marks that are no letter, digit, sign, blank or line end")
    if len(quote) > 1 or not quote.isascii() or quote in {*_ALNUM, *"\n\r \x00"}:
        section.mistake("quote", "one ASCII mark, or '' for none")
    if quote and quote in delimiter:
        section.mistake("quote", "another character than the delimiter")
    if quote and len(delimiter) > 1:
        section.mistake("quote", "'' where the delimiter has several characters")
    for key in ("continues", "record_end"):
        if quote and section.text(key, ""):
            section.mistake("quote", f"'' beside {key}")


def _record(section: Section, framing: Framing, column_names: bool, width: int) -> Record:
    kind = Kind(section.choice("kind", [*Kind]))
    tag = tag_of(section, framing)
    named = column_names and kind is Kind.DETAIL
    fields = tuple(field_of(one, framing, kind, named=named) for one in section.sections("fields"))
    places = [field.place for field in fields] + [one.place for one in tag]
    last = max((max(positions(place)) for place in places if positions(place)), default=1)
    cells = fewest = 0
    if framing is Framing.FIXED:
        width = section.integer("width", width, 1, MAX_WIDTH)
        if width < last:
            section.mistake("width", f"at least {last}, the last column in use")
    elif framing.has_cells and not named:
        cells = section.integer("cells", last, 1, MAX_CELLS)
        fewest = section.integer("fewest", cells, 1, MAX_CELLS)
        if not fewest <= cells or cells < last:
            section.mistake("cells", f"at least {last}, the last cell in use")
    _check_rest(section, fields, last)
    if not fields and not section.has("tag") and not framing.is_tree:
        section.mistake("fields", "at least one field")
    record = Record(
        kind=kind,
        tag=tag,
        required=section.flag("required"),
        fields=fields,
        cells=cells,
        fewest=fewest,
        width=width,
        path=record_path(section, framing),
        repeats=_repeats(section, kind),
        alone=_alone(section, framing, kind),
    )
    section.refuse_unknown()
    return record


def _check_rest(section: Section, fields: tuple[Field, ...], last: int) -> None:
    for number, field in enumerate(fields):
        if field.rest and positions(field.place) != {last}:
            section.mistake(f"fields[{number}].rest", "rest of the last field only")


def _repeats(section: Section, kind: Kind) -> Repeats:
    if kind is not Kind.ADDENDA:
        return Repeats.REJECT
    return Repeats(section.choice("repeats", [*Repeats], Repeats.REJECT))


def _alone(section: Section, framing: Framing, kind: Kind) -> int | None:
    """0 where the header may stand for a detail of its own: its number is known later."""
    if kind not in HEADER_KINDS or not framing.is_tree:
        return None
    return 0 if section.choice("alone", ["nothing", "batch"], "nothing") == "batch" else None


def _by_characters(layout: Layout) -> Layout:
    """The layout with columns that count characters where that is the same as bytes, but faster."""
    needed = layout.has_bytes or layout.encoding in WIDE
    return layout if needed else replace(layout, in_bytes=False)


def _with_alone(layout: Layout) -> Layout:
    """The layout with a detail for each header that may stand alone, behind all other records."""
    records = list(layout.records)
    for index, record in enumerate(layout.records):
        if record.alone is None:
            continue
        records[index] = replace(record, alone=len(records))
        scope = Field("scope", Constant("batch"), None, False, "none", " ", "left", 0, False, None)
        fields = (*(replace(one, total=None) for one in record.fields), scope)
        path = record.path + ALONE
        records.append(Record(Kind.DETAIL, record.tag, False, fields, path=path, implied=True))
    # Where a tag tells which headers may stand alone, the others do not.
    tagged = [one.path for one in records if one.tag and one.implied]
    records += [
        Record(Kind.IGNORE, (), False, (), path=path, implied=True)
        for path in dict.fromkeys(tagged)
    ]
    return replace(layout, records=tuple(records))


def _with_filler(layout: Layout) -> Layout:
    """The layout with the lines that fill up a block, which go before all other records."""
    if not layout.block:
        return layout
    whole = Condition(Columns(1, layout.width), (layout.filler * layout.width,))
    filler = Record(Kind.IGNORE, (whole,), False, (), width=layout.width, implied=True)
    return replace(layout, records=(filler, *layout.records))
