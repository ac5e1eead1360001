"""JSON, JSON lines and workbooks. All layouts here are examples."""

from __future__ import annotations

import io
import json
from datetime import date

import polars as pl
import pytest

from formats.partner_layouts import layout_of, read
from handback.formats.findings import FindingCode, Severity

ANSWERS = """
framing = "json"
[[records]]
kind = "header"
path = "."
fields = [{ name = "sequence", at = "file/number" }]
[[records]]
kind = "detail"
path = "results"
fields = [
  { name = "reference", at = "ref", required = true },
  { name = "code", at = ["outcome/code", "outcome"], type = "code" },
  { name = "sub_code", at = "outcome/reasons", every = true, type = "code" },
  { name = "quantity", at = "miles", type = "integer" },
]
[[records]]
kind = "control"
path = "."
required = true
fields = [
  { name = "records", at = "count", type = "integer", count = ["detail"] },
  { name = "total", at = "total", type = "integer", sum = "quantity" },
]
"""
RESULTS = [
    {"ref": "A", "outcome": {"code": "0000", "reasons": []}, "miles": 9007199254740993},
    {"ref": "B", "outcome": {"code": "0102", "reasons": ["NM", "AD"]}, "miles": 7, "more": [{}]},
    {"ref": "C", "outcome": "0002", "miles": None},
]
DOCUMENT = {
    "count": 3,
    "file": {"number": 12, "test": False},
    "results": RESULTS,
    "total": 9007199254741000,
}
READ = [("A", "0000", 9007199254740993), ("B", "0102/NM+0102/AD", 7), ("C", "0002", None)]


@pytest.mark.parametrize("indent", [None, 2])
def test_json(indent: int | None) -> None:
    reading = read(layout_of(ANSWERS), json.dumps(DOCUMENT, indent=indent).encode())
    assert reading.findings.is_empty(), reading.findings.rows()
    assert reading.details.select("reference", "code", "quantity").rows() == READ
    assert reading.facts.header == {"sequence": "12"}
    assert reading.facts.control == {"records": 3, "total": 9007199254741000}


def test_json_cut_anywhere_is_not_complete() -> None:
    content = json.dumps(DOCUMENT).encode()
    for length in range(len(content)):
        assert read(layout_of(ANSWERS), content[:length]).facts.worst is Severity.QUARANTINE


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{'count': 1}", FindingCode.BAD_MARKUP),
        (json.dumps(DOCUMENT).encode() + b"{}", FindingCode.BAD_MARKUP),
        (b"[" * 500 + b"]" * 500, FindingCode.BAD_MARKUP),
        (json.dumps({**DOCUMENT, "count": 4}).encode(), FindingCode.COUNT_MISMATCH),
        (json.dumps({"results": RESULTS}).encode(), FindingCode.COUNT_MISMATCH),
        (b'{"results": [{"ref": "A", "ref": "B"}], "count": 1, "total": 0}', "field_repeated"),
        (b'{"results": [{"miles": 1}], "count": 1, "total": 1}', FindingCode.FIELD_MISSING),
    ],
)
def test_what_is_wrong_with_json_is_told(content: bytes, code: str) -> None:
    assert code in read(layout_of(ANSWERS), content).codes


ROWS = """
framing = "json_lines"
[[records]]
kind = "detail"
path = "."
fields = [
  { name = "reference", at = "ref", required = true },
  { name = "code", at = "outcome/code", type = "code" },
  { name = "quantity", at = "miles", type = "integer" },
]
"""


def test_json_lines_stand_each_for_themselves() -> None:
    lines = [json.dumps(RESULTS[0]), '{"ref": ', "", "[1]", json.dumps(RESULTS[1])]
    reading = read(layout_of(ROWS), "\n".join(lines).encode())
    assert reading.details.select("ordinal", "line", "reference", "code").rows() == [
        (1, 1, "A", "0000"),
        (4, 5, "B", "0102"),
    ]
    assert reading.findings.select("ordinal", "line", "code", "severity").rows() == [
        (2, 2, "bad_markup", 2),
        (3, 4, "bad_markup", 2),
    ]


SHEET = """
framing = "xlsx"
header = true
[[records]]
kind = "detail"
fields = [
  { name = "reference", column = "Reference" },
  { name = "code", column = "Status", type = "code", fill = 4 },
  { name = "quantity", column = "Miles", type = "integer" },
  { name = "answered_on", column = "Day", type = "date", pattern = "YYYY-MM-DD*" },
]
"""


def workbook(frame: pl.DataFrame) -> bytes:
    """A workbook with one sheet."""
    out = io.BytesIO()
    frame.write_excel(out)
    return out.getvalue()


def test_sheets() -> None:
    frame = pl.DataFrame(
        {
            " reference\u00a0": ["00012", "B"],
            "Miles": [1500, None],
            "STATUS": [2, 102],
            "Day": [date(2026, 1, 5), None],
            "Remark": ["x", None],
        }
    )
    reading = read(layout_of(SHEET), workbook(frame))
    assert reading.findings.is_empty(), reading.findings.rows()
    assert reading.details.select(
        "line", "reference", "code", "quantity", "answered_on"
    ).rows() == [
        (2, "00012", "0002", 1500, date(2026, 1, 5)),
        (3, "B", "0102", None, None),
    ]


def test_cells_have_the_digits_that_a_person_sees() -> None:
    layout = SHEET.replace('"Miles", type = "integer"', '"Miles", type = "decimal", scale = 2')
    amounts = [12721701.7, 0.1 + 0.2, 99999999999.99, -4503599627370.5]
    frame = pl.DataFrame({"Reference": ["1.00", "2.5000000", "C", "D"], "Miles": amounts})
    reading = read(layout_of(layout), workbook(frame.with_columns(Status=pl.lit(1), Day=None)))
    assert reading.findings.is_empty(), reading.findings.rows()
    assert reading.details.select("reference", "quantity").rows() == [
        ("1.00", 1272170170),
        ("2.5000000", 30),
        ("C", 9999999999999),
        ("D", -450359962737050),
    ]


def test_what_is_no_sheet_is_told() -> None:
    content = workbook(pl.DataFrame({"Reference": ["A"]}))
    assert read(layout_of(SHEET), content).codes == ["column_missing"] * 3
    for wrong in (b"", b"Reference\n1\n", content[: len(content) // 2], content[:-1]):
        assert read(layout_of(SHEET), wrong).facts.worst is Severity.QUARANTINE
