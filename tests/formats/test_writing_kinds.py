"""Workbooks, numbers in bytes and nested trees as we write them. All layouts here are examples."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date, datetime

import fastexcel
import polars as pl
import pytest

from formats.partner_layouts import layout_of, read
from handback.errors import InvalidAgreement, InvalidRequest
from handback.formats.directions import outbound_mistakes
from handback.formats.encode import encode

SHEET = """
framing = "xlsx"
header = true
sheet = "Requests"
[[records]]
kind = "detail"
fields = [
  { name = "reference", column = "Reference", required = true },
  { name = "member_ref", column = "Member" },
  { name = "quantity", column = "Amount", type = "decimal", scale = 2 },
  { name = "answered_on", column = "Day", type = "date", pattern = "YYYY-MM-DD" },
]
"""
ROWS = pl.DataFrame(
    {
        "reference": ["000123", "=1+1", "R3"],
        "member_ref": ["_x0041_", "ä & <b>", None],
        "quantity": [150, -7, 123_456_789_012_345_678],
        "answered_on": [date(2026, 1, 5), None, date(1890, 1, 1)],
    }
)
BYTES = """
framing = "fixed"
line_end = "none"
columns = "bytes"
encoding = "cp037"
width = 16
[[records]]
kind = "detail"
fields = [
  { name = "reference", at = [1, 6] },
  { name = "quantity", at = [7, 9], type = "packed", scale = 2 },
  { name = "batch_ordinal", at = [10, 11], type = "binary" },
  { name = "batch", at = [12, 13], type = "binary", order = "low_first" },
  { name = "code", at = [14, 15], type = "code" },
]
[[records]]
kind = "control"
width = 5
required = true
fields = [{ name = "total", at = [1, 5], type = "integer", sign = "overpunch", count = ["detail"] }]
"""
NESTED = """
framing = "json"
[[records]]
kind = "header"
path = "file"
alone = "batch"
fields = [{ name = "batch", at = "number", type = "integer", carry = true }]
[[records]]
kind = "detail"
path = "file/orders"
fields = [{ name = "reference", at = "ref" }]
[[records]]
kind = "addenda"
path = "file/orders/notes"
required = true
fields = [{ name = "code", at = "code", type = "code" }]
[[records]]
kind = "control"
path = "file"
required = true
fields = [{ name = "n", at = "n", type = "integer", count = ["detail", "addenda"] }]
"""


def written(document: str, details: pl.DataFrame, pages: int = 2, **facts: object) -> bytes:
    """The bytes of some details."""
    layout = layout_of(document)
    assert not outbound_mistakes(layout)
    out = io.BytesIO()
    encode(layout, facts, details.iter_slices(pages), out)
    return out.getvalue()


def test_a_workbook_has_cells_of_their_own_kinds() -> None:
    content = written(SHEET, ROWS)
    sheet = fastexcel.read_excel(content).load_sheet("Requests")
    assert sheet.to_polars().columns == ["Reference", "Member", "Amount", "Day"]
    rows = fastexcel.read_excel(content).load_sheet("Requests", n_rows=2).to_polars().rows()
    day = datetime(2026, 1, 5)  # noqa: DTZ001 - what a cell with a day comes as
    assert rows == [("000123", "_x0041_", 1.5, day), ("=1+1", "ä & <b>", -0.07, None)]
    assert read(layout_of(SHEET), content).details.select(ROWS.columns).equals(ROWS)


def test_the_same_details_give_the_same_workbook() -> None:
    assert written(SHEET, ROWS, pages=1) == written(SHEET, ROWS, pages=3)
    with zipfile.ZipFile(io.BytesIO(written(SHEET, ROWS))) as archive:
        assert {member.date_time[:2] for member in archive.infolist()} == {(1980, 1)}


def test_what_no_cell_can_hold_is_refused() -> None:
    details = ROWS.with_columns(reference=pl.Series(["x" * 32_768, "a\tb", None]))
    with pytest.raises(InvalidRequest) as refused:
        written(SHEET, details)
    places = {one.field for one in refused.value.violations}
    assert places == {f"details[{row}].reference" for row in range(3)}


def test_a_sheet_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handback.formats.encode.MAX_ROWS", 3)
    with pytest.raises(InvalidRequest, match="at most 3 rows"):
        written(SHEET, ROWS)
    assert written(SHEET, ROWS.head(2))


def test_a_sheet_has_a_name_that_sheets_have() -> None:
    layout = layout_of(SHEET.replace("Requests", "In/Out"))
    assert [one.field for one in outbound_mistakes(layout)] == ["formats.handback.sheet"]


def test_numbers_in_bytes_are_written_as_they_are_read() -> None:
    details = pl.DataFrame(
        {
            "reference": ["R1", "R2"],
            "quantity": [150, -99_999],
            "batch_ordinal": [258, -2],
            "batch": [258, -2],
            "code": ["01", "Ü"],
        }
    )
    content = written(BYTES, details)
    assert content == (
        b"\xd9\xf1@@@@" b"\x00\x15\x0c" b"\x01\x02" b"\x02\x01" b"\xf0\xf1" b"@"
        b"\xd9\xf2@@@@" b"\x99\x99\x9d" b"\xff\xfe" b"\xfe\xff" b"\xfc@" b"@"
        b"\xf0\xf0\xf0\xf0\xc2"
    )  # fmt: skip
    reading = read(layout_of(BYTES), content)
    assert reading.findings.is_empty(), reading.findings.rows()
    assert reading.details.select(details.columns).equals(details)


def test_bytes_have_no_blank_and_hold_so_much() -> None:
    details = pl.DataFrame(
        {
            "reference": ["R1", "R2", "R3"],
            "quantity": [100_000, None, 1],
            "batch_ordinal": [1, 1, 32_768],
            "batch": [1, 1, 1],
            "code": ["01", "あ", "02"],
        }
    )
    with pytest.raises(InvalidRequest) as refused:
        written(BYTES, details)
    told = {one.field: one.expected for one in refused.value.violations}
    assert told == {
        "details[0].quantity": "a packed number of at most 5 digits",
        "details[1].quantity": "a value",
        "details[1].code": "characters of cp037 only",
        "details[2].batch_ordinal": "a binary number of 2 bytes",
    }


def test_numbers_in_bytes_need_records_without_lines() -> None:
    lined = BYTES.replace('line_end = "none"\n', "").replace(
        'kind = "control"', 'kind = "control"\ntag = { at = [1, 1], is = "T" }'
    )
    places = [one.field for one in outbound_mistakes(layout_of(lined)) if ".type" in one.field]
    assert places == [f"formats.handback.records[0].fields[{n}].type" for n in (1, 2, 3)]


def test_a_binary_number_has_eight_bytes_at_most() -> None:
    with pytest.raises(InvalidAgreement, match="at most 8 bytes"):
        layout_of(BYTES.replace("[10, 11]", "[5, 13]"))


def test_addenda_stand_within_their_detail() -> None:
    details = pl.DataFrame({"reference": ["A", "B"], "code": ["01", "02"]})
    content = written(NESTED, details, batch=12)
    assert json.loads(content) == {
        "file": {
            "number": 12,
            "orders": [
                {"ref": "A", "notes": [{"code": "01"}]},
                {"ref": "B", "notes": [{"code": "02"}]},
            ],
            "n": 4,
        }
    }
    reading = read(layout_of(NESTED), content)
    assert reading.findings.is_empty(), reading.findings.rows()
    assert reading.details.select("reference", "code", "batch").rows() == [
        ("A", "01", 12),
        ("B", "02", 12),
    ]


def test_addenda_of_a_detail_are_never_those_of_the_one_before() -> None:
    orders = [{"ref": "A", "notes": [{"code": "01"}]}, {"ref": "B"}]
    content = json.dumps({"file": {"number": 1, "orders": orders, "n": 3}}).encode()
    reading = read(layout_of(NESTED), content)
    assert reading.details.select("reference", "code").rows() == [("A", "01")]
    assert reading.findings.select("ordinal", "code").rows() == [(2, "addenda_missing")]


def test_a_header_alone_is_written_and_read_as_the_answer_to_all() -> None:
    nothing = pl.DataFrame(schema={"reference": pl.String(), "code": pl.String()})
    content = written(NESTED, nothing, batch=12)
    assert json.loads(content) == {"file": {"number": 12, "orders": [], "n": 0}}
    reading = read(layout_of(NESTED), content)
    assert reading.findings.is_empty(), reading.findings.rows()
    assert reading.details.select("scope", "batch").rows() == [("batch", 12)]


def test_addenda_beside_their_detail_are_no_json_that_we_write() -> None:
    layout = layout_of(NESTED.replace("file/orders/notes", "file/notes"))
    assert [one.field for one in outbound_mistakes(layout)] == ["formats.handback.records[2].path"]


def test_no_object_of_json_is_written_twice() -> None:
    apart = NESTED.replace('path = "file"\nrequired', 'path = "about/end"\nrequired').replace(
        'path = "file"\nalone = "batch"', 'path = "about/begin"'
    )
    layout = layout_of(apart)
    assert [one.field for one in outbound_mistakes(layout)] == ["formats.handback.records[3].path"]
    as_xml = layout_of(
        apart.replace('"json"', '"xml"')
        .replace('"about/', '"x/about/')
        .replace('"file/', '"x/file/')
    )
    assert outbound_mistakes(as_xml) == ()
