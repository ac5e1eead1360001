"""Layouts and details made up by Hypothesis, each pair such that the layout can say the details."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl
from hypothesis import strategies as st

from handback.formats.findings import DETAIL

TEXT_WIDTH, NUMBER_WIDTH = 12, 22
DATE_PATTERNS = ["YYYYMMDD", "YYMMDD", "DD.MM.YYYY", "%d-%b-%y", "YYJJJ", "MM/DD/YYYY"]
TEXT_NAMES = ["code", "unit", "member_ref", "partner_ref"]
NUMBER_NAMES = ["quantity", "fee", "batch", "batch_ordinal"]


@dataclass(frozen=True, slots=True)
class Sample:
    """A layout's document, and details and facts that can be written in it."""

    document: dict[str, object]
    details: pl.DataFrame
    facts: dict[str, object]


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """A layout of any framing that we write, with details that fit it."""
    kinds = [line_samples, line_samples, tree_samples, nested_samples, sheet_samples, byte_samples]
    return draw(draw(st.sampled_from(kinds))())


@st.composite
def line_samples(draw: st.DrawFn) -> Sample:
    """A layout of lines, delimited or fixed, with details that fit it."""
    fixed = draw(st.booleans())
    encoding = draw(st.sampled_from(["utf-8", "latin-1", "cp1252", "ascii"]))
    delimiter = draw(st.sampled_from([",", ";", "|", "\t", "%%"]))
    quote = "" if len(delimiter) > 1 else draw(st.sampled_from(['"', "'", ""]))
    named = not fixed and draw(st.booleans())
    point = "." if delimiter == "," and not quote else ","
    fields = draw(field_lists(["", ".", point]))
    addenda = (
        []
        if named
        else draw(st.lists(st.sampled_from(fields[1:]), unique_by=id))
        if fields[1:]
        else []
    )
    inner = [field for field in fields if field not in addenda]
    document: dict[str, object] = {
        "framing": "fixed" if fixed else "delimited",
        "encoding": encoding,
        "line_end": draw(st.sampled_from(["lf", "crlf"])),
        "records": records(
            inner, addenda, fixed=fixed, named=named, tagged=bool(addenda) or draw(st.booleans())
        ),
    }
    document |= (
        {"width": 200} if fixed else {"delimiter": delimiter, "quote": quote, "header": named}
    )
    forbidden = "" if quote else delimiter
    texts = text_values(encoding, forbidden, lines=bool(quote) and not fixed)
    rows = draw(st.lists(rows_of(fields, texts), max_size=12))
    facts = {
        "sequence": draw(st.integers(0, 999_999)),
        "created_on": draw(st.dates(date(2000, 1, 1), date(2060, 1, 1))),
    }
    return Sample(document, frame_of(fields, rows), facts)


@st.composite
def tree_samples(draw: st.DrawFn) -> Sample:
    """A layout of XML or JSON with details that fit it."""
    framing = draw(st.sampled_from(["xml", "json"]))
    encoding = (
        draw(st.sampled_from(["utf-8", "latin-1", "cp1252"])) if framing == "xml" else "utf-8"
    )
    fields = draw(field_lists(["", ".", ","]))
    places = st.sampled_from(
        ["At/{}", "{}", "Deep/Er/{}", *(["At/@{}"] if framing == "xml" else [])]
    )
    scale = next((field.get("scale", 0) for field in fields if field["name"] == "quantity"), None)
    facts = [
        {"name": "sequence", "type": "integer", "at": "Number"},
        {"name": "created_on", "type": "date", "at": "Made/On"},
    ]
    totals = [{"name": "record_count", "type": "integer", "count": ["detail"], "at": "Count"}]
    if scale is not None:
        kind = {"type": "decimal", "scale": scale} if scale else {"type": "integer"}
        totals.append({"name": "total", "sum": "quantity", "at": "Sum", **kind})
    placed = [{**field, "at": draw(places).format(field["name"])} for field in fields]
    document: dict[str, object] = {
        "framing": framing,
        "encoding": encoding,
        "records": [
            {"kind": "header", "required": True, "path": "File/Head", "fields": facts},
            {"kind": "detail", "path": "File/Rows/Row", "fields": placed},
            {"kind": "control", "required": True, "path": "File", "fields": totals},
        ],
    }
    texts = text_values(encoding, "\ufffe\uffff", lines=False)
    rows = draw(st.lists(rows_of(fields, texts), max_size=12))
    said = {"sequence": 7, "created_on": date(2026, 1, 5)}
    return Sample(document, frame_of(fields, rows), said)


@st.composite
def nested_samples(draw: st.DrawFn) -> Sample:
    """A layout of XML or JSON whose records stand within each other, down to the addenda."""
    framing = draw(st.sampled_from(["xml", "json"]))
    fields = draw(field_lists(["."]))
    inner, addenda = fields[:1], fields[1:]
    if draw(st.booleans()):
        inner, addenda = fields, []
    place = st.sampled_from(["{}", "Deep/{}"])
    count = {"name": "n", "at": "N", "type": "integer"}
    made = [
        {"kind": "header", "path": "File", "required": True, "alone": "batch", "fields": [
            {"name": "sequence", "type": "integer", "at": "Head/Number"},
            {"name": "created_on", "type": "date", "at": "Head/On"},
        ]},
        {"kind": "group_header", "path": "File/Group", "required": True},
        {"kind": "batch_header", "path": "File/Group/Block", "required": True},
        {"kind": "detail", "path": "File/Group/Block/Row", "fields": [
            {**one, "at": draw(place).format(one["name"])} for one in inner
        ]},
        {"kind": "batch_control", "path": "File/Group/Block", "required": True,
         "fields": [{**count, "count": ["detail"]}]},
        {"kind": "group_control", "path": "File/Group", "required": True,
         "fields": [{**count, "count": ["batch_header"]}]},
        {"kind": "control", "path": "File", "required": True,
         "fields": [{**count, "count": ["detail", "addenda"]}]},
    ]  # fmt: skip
    if addenda:
        placed = [{**one, "at": draw(place).format(one["name"])} for one in addenda]
        within = draw(st.sampled_from(["Row/More", "Row/Deep/More"]))
        path = f"File/Group/Block/{within}"
        made.append({"kind": "addenda", "path": path, "required": True, "fields": placed})
    texts = text_values("utf-8", "\ufffe\uffff", lines=False)
    said = {"sequence": 7, "created_on": date(2026, 1, 5)}
    rows = draw(st.lists(rows_of(fields, texts), min_size=1, max_size=12))
    return Sample({"framing": framing, "records": made}, frame_of(fields, rows), said)


@st.composite
def sheet_samples(draw: st.DrawFn) -> Sample:
    """A layout of a workbook with details that fit it."""
    fields = draw(field_lists(["", ".", ","]))
    for field in fields:
        if field.get("type") == "date":
            field["pattern"] = draw(st.sampled_from([*DATE_PATTERNS, "YYYY-MM-DD"]))
    named = draw(st.booleans())
    addenda = [] if named else draw(st.lists(st.sampled_from(fields[1:] or fields), max_size=1))
    addenda = [field for field in addenda if field["name"] != "reference"]
    inner = [field for field in fields if field not in addenda]
    document: dict[str, object] = {
        "framing": "xlsx",
        "header": named,
        "sheet": draw(st.sampled_from(["", "Requests"])),
        "records": records(inner, addenda, fixed=False, named=named, tagged=True),
    }
    texts = text_values("utf-8", "\ufffe\uffff", lines=False)
    said = {"sequence": draw(st.integers(0, 10**18 - 1)), "created_on": date(2026, 1, 5)}
    rows = draw(st.lists(rows_of(fields, texts), max_size=12))
    return Sample(document, frame_of(fields, rows), said)


@st.composite
def byte_samples(draw: st.DrawFn) -> Sample:
    """A layout of records without lines, whose columns count bytes, with numbers in bytes."""
    encoding = draw(st.sampled_from(["cp037", "cp273", "latin-1", "utf-8"]))
    fields: list[dict[str, object]] = [{"name": "reference", "required": True}, {"name": "unit"}]
    kinds = st.sampled_from(
        [
            {"type": "packed", "width": 9},
            {"type": "binary", "width": 8},
            {"type": "binary", "width": 8, "order": "low_first"},
            {"type": "integer", "width": 16, "sign": "overpunch"},
        ]
    )
    for name in ("quantity", "batch_ordinal"):
        fields.append({"name": name, **draw(kinds)})
    placed, column = [], 1
    for field in fields:
        width = int(str(field.get("width", TEXT_WIDTH * 4)))
        options = {key: value for key, value in field.items() if key != "width"}
        placed.append({**options, "at": [column, column + width - 1]})
        column += width
    document: dict[str, object] = {
        "framing": "fixed", "line_end": "none", "columns": "bytes", "encoding": encoding,
        "width": column + 2,
        "records": [
            {"kind": "header", "required": True, "fields": [
                {"name": "sequence", "at": [1, 4], "type": "binary"},
                {"name": "created_on", "at": [5, 12], "type": "date"},
            ], "width": 20},
            {"kind": "detail", "fields": placed},
            {"kind": "control", "required": True, "fields": [
                {"name": "record_count", "at": [1, 3], "type": "packed", "count": ["detail"]},
                {"name": "total", "at": [4, 13], "type": "packed", "sum": "quantity"},
            ], "width": 13},
        ],
    }  # fmt: skip
    texts = text_values(encoding, "\x00", lines=False)
    said = {"sequence": draw(st.integers(0, 2**31 - 1)), "created_on": date(2026, 1, 5)}
    numbers = st.integers(-(10**15), 10**15)
    row = st.fixed_dictionaries(
        {"reference": texts, "unit": st.none() | texts, "quantity": numbers,
         "batch_ordinal": numbers}
    )  # fmt: skip
    return Sample(document, frame_of(fields, draw(st.lists(row, max_size=12))), said)


def rows_of(
    fields: list[dict[str, object]], texts: st.SearchStrategy[str]
) -> st.SearchStrategy[dict[str, object]]:
    """Rows with a value for each field."""
    return st.fixed_dictionaries({str(one["name"]): values_of(one, texts) for one in fields})


def frame_of(fields: list[dict[str, object]], rows: list[dict[str, object]]) -> pl.DataFrame:
    """Rows as details."""
    schema = {str(field["name"]): DETAIL[str(field["name"])] for field in fields}
    return pl.DataFrame(rows, schema=schema)


@st.composite
def field_lists(draw: st.DrawFn, points: list[str]) -> list[dict[str, object]]:
    """A reference, always there, and some other fields in any order."""
    fields: list[dict[str, object]] = [{"name": "reference", "required": True}]
    names = draw(
        st.lists(st.sampled_from([*TEXT_NAMES, *NUMBER_NAMES, "answered_on"]), unique=True)
    )
    for name in names:
        if name in TEXT_NAMES:
            fields.append({"name": name, "type": draw(st.sampled_from(["text", "code"]))})
        elif name == "answered_on":
            fields.append(
                {"name": name, "type": "date", "pattern": draw(st.sampled_from(DATE_PATTERNS))}
            )
        elif name in ("quantity", "fee") and draw(st.booleans()):
            point, scale = draw(st.sampled_from(points)), draw(st.integers(0, 3))
            fields.append({"name": name, "type": "decimal", "point": point, "scale": scale})
        else:
            fields.append({"name": name, "type": "integer"})
    return fields


def records(
    fields: list[dict[str, object]],
    addenda: list[dict[str, object]],
    *,
    fixed: bool,
    named: bool,
    tagged: bool,
) -> list[dict[str, object]]:
    """A header, details with or without addenda, and a control with totals."""
    scale = next((field.get("scale", 0) for field in fields if field["name"] == "quantity"), None)
    totals = [{"name": "record_count", "type": "integer", "count": ["detail"]}]
    if scale is not None:
        total = {"name": "quantity_total", "sum": "quantity", "type": "integer"}
        totals.append(total | ({"type": "decimal", "scale": scale} if scale else {}))
    facts = [{"name": "sequence", "type": "integer"}, {"name": "created_on", "type": "date"}]
    made = [
        record("header", "~H", facts, fixed=fixed),
        record("detail", "~D" if tagged and not named else None, fields, fixed=fixed, named=named),
        record("control", "~T", totals, fixed=fixed),
    ]
    if addenda:
        made.insert(2, record("addenda", "~A", addenda, fixed=fixed))
    return made


def record(
    kind: str, tag: str | None, fields: list[dict[str, object]], *, fixed: bool, named: bool = False
) -> dict[str, object]:
    """A record whose fields stand one after the other behind its tag."""
    made: dict[str, object] = {"kind": kind, "required": kind != "detail"}
    if tag:
        made["tag"] = {"at": [1, 2] if fixed else 1, "is": tag}
    placed, column, cell = [], 3 if fixed else 1, 2 if tag else 1
    for field in fields:
        if named:
            placed.append({**field, "column": f"{field['name']} of it"})
        elif fixed:
            numeric = field.get("type") in ("integer", "decimal")
            width = NUMBER_WIDTH if numeric else TEXT_WIDTH
            placed.append({**field, "at": [column, column + width - 1]})
            column += width
        else:
            placed.append({**field, "at": cell})
            cell += 1
    return made | {"fields": placed}


def text_values(encoding: str, forbidden: str, *, lines: bool) -> st.SearchStrategy[str]:
    """Texts that the encoding has, with nothing around them that reading would trim."""
    letters = st.characters(
        codec=encoding,
        exclude_categories=["Cc", "Cs"],
        exclude_characters=f"~\ufffd\ufeff\t{forbidden}",
    )
    alphabet = st.one_of(letters, st.sampled_from("\r\n") if lines else letters)
    texts = st.text(alphabet, min_size=1, max_size=TEXT_WIDTH)
    return texts.map(lambda text: text.strip(" \t")).filter(bool)


def values_of(field: dict[str, object], texts: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    """Values of a field; only the reference is always there."""
    if field["name"] == "reference":
        return texts
    if field.get("type") in ("integer", "decimal"):
        return st.none() | st.integers(-(10**15), 10**15)
    if field.get("type") == "date":
        return st.none() | st.dates(date(2000, 1, 1), date(2060, 1, 1))
    return st.none() | texts
