"""Good files: both framings, several record kinds, tolerant line ends."""

from __future__ import annotations

from datetime import date

import pytest

from formats.partner_layouts import BATCHED, DELIMITED, FIXED, NAMED, layout_of, read
from handback.formats.findings import DETAIL
from handback.formats.references import ReferenceTemplate
from handback.ids import attempt_key

DELIMITED_FILE = b"H,7,20260105\nD,A1,0000,150,M-1\nD,A2,0099,,\nT,2,150\n"
FIXED_FILE = (
    b"HD000007260105".ljust(60)
    + b"\n"
    + b"DTA1                  00000000000150M-1".ljust(60)
    + b"\n"
    + b"DTA2                  0099".ljust(60)
    + b"\n"
    + b"TR00000002000000000000150".ljust(60)
    + b"\n"
)
FILES = [(DELIMITED, DELIMITED_FILE), (FIXED, FIXED_FILE)]


@pytest.mark.parametrize(("document", "content"), FILES)
def test_details_headers_and_controls_are_read(document: str, content: bytes) -> None:
    reading = read(layout_of(document), content)
    assert reading.details.schema == DETAIL
    assert reading.findings.is_empty()
    columns = ["ordinal", "line", "reference", "code", "quantity", "member_ref"]
    assert reading.details.select(columns).rows() == [
        (1, 2, "A1", "0000", 150, "M-1"),
        (2, 3, "A2", "0099", None, None),
    ]
    assert reading.facts.header == {"sequence": 7, "created_on": date(2026, 1, 5)}
    assert reading.facts.control == {"record_count": 2, "quantity_total": 150}
    assert (reading.facts.records, reading.facts.quantity) == (2, 150)
    assert reading.facts.control_seen


@pytest.mark.parametrize(("document", "content"), FILES)
@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.replace(b"\n", b"\r\n"),
        lambda content: content.replace(b"\n", b"\r"),
        lambda content: content.removesuffix(b"\n"),
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: content + b"\x1a",
        lambda content: content + b"\x1a\x1a\x1a",
        lambda content: content + b"\n\r\n   \n",
        lambda content: b"\n" + content,
        lambda content: content.replace(b"\n", b"   \r\n"),
    ],
    ids=["crlf", "cr", "no-end", "bom", "ctrl-z", "ctrl-zs", "blank-tail", "blank-head", "blanks"],
)
def test_how_lines_end_does_not_matter(document: str, content: bytes, change) -> None:
    layout = layout_of(document)
    plain, changed = read(layout, content), read(layout, change(content))
    assert changed.findings.is_empty()
    assert changed.details.drop("line", "raw").equals(plain.details.drop("line", "raw"))
    assert changed.facts.control == plain.facts.control


def test_a_file_without_control_may_lack_its_last_line_end() -> None:
    layout = layout_of(NAMED)
    reading = read(layout, b"Reference;Status;Miles\nA1;0000;150")
    assert reading.findings.is_empty()
    assert reading.details["quantity"].to_list() == [150]
    assert not reading.facts.terminated


@pytest.mark.parametrize("blank", [b" ", b"\t", b" \t"])
@pytest.mark.parametrize("before", [b",0000,", b"D,A1", b"150,M-1"])
def test_blanks_around_a_cell_are_none_of_it(before: bytes, blank: bytes) -> None:
    layout = layout_of(DELIMITED)
    padded = before.replace(b",", blank + b"," + blank)
    reading = read(layout, DELIMITED_FILE.replace(before, padded))
    assert reading.findings.is_empty()
    assert reading.details.drop("raw").equals(read(layout, DELIMITED_FILE).details.drop("raw"))


def test_trailing_blanks_may_be_missing_before_a_line_end() -> None:
    layout = layout_of(FIXED)
    trimmed = b"\n".join(line.rstrip() for line in FIXED_FILE.split(b"\n"))
    reading = read(layout, trimmed)
    assert reading.findings.is_empty()
    assert reading.details.drop("raw").equals(read(layout, FIXED_FILE).details.drop("raw"))


def test_columns_are_found_by_name_whatever_their_order() -> None:
    content = "﻿ MILES ;Ref;Other\u200b;status\n150;A1;x;0000\n;A2;y;0007\n".encode()
    reading = read(layout_of(NAMED), content)
    assert reading.findings.is_empty()
    assert reading.details.select("line", "reference", "code", "quantity").rows() == [
        (2, "A1", "0000", 150),
        (3, "A2", "0007", None),
    ]


def test_a_file_of_column_names_alone_is_an_empty_answer() -> None:
    reading = read(layout_of(NAMED), b"Reference;Status;Miles\n")
    assert reading.facts.records == 0
    assert [str(code) for code in reading.codes] == []


def test_quoted_cells_hold_delimiters_quotes_and_line_ends() -> None:
    content = (
        b'H,7,20260105\r\nD,"A,1","00""00",150,"first\r\nsecond"\r\n'
        b'D,A2,0099,"1","M"\r\nT,2,"151"\r\n'
    )
    reading = read(layout_of(DELIMITED), content)
    assert reading.findings.is_empty()
    assert reading.details.select("line", "reference", "code", "quantity", "member_ref").rows() == [
        (2, "A,1", '00"00', 150, "first\r\nsecond"),
        (4, "A2", "0099", 1, "M"),
    ]
    assert reading.details["raw"][0] == 'D,"A,1","00""00",150,"first\r\nsecond"'


def test_several_characters_may_delimit() -> None:
    document = DELIMITED.replace('"delimited"', '"delimited"\ndelimiter = "%%"')
    reading = read(layout_of(document), DELIMITED_FILE.replace(b",", b"%%"))
    assert reading.findings.is_empty()
    assert reading.details["reference"].to_list() == ["A1", "A2"]


@pytest.mark.parametrize(
    ("encoding", "text"), [("latin-1", "é\x92"), ("cp1252", "é’"), ("utf-8", "é’")]
)
def test_encodings(encoding: str, text: str) -> None:
    document = DELIMITED.replace('"delimited"', f'"delimited"\nencoding = "{encoding}"')
    content = DELIMITED_FILE.replace(b"M-1", text.encode(encoding))
    reading = read(layout_of(document), content)
    assert reading.findings.is_empty()
    assert reading.details["member_ref"][0] == text


def batched_file() -> bytes:
    """Two batches; the second has two details."""
    lines = [
        "500003420260106",
        "6123456780000000100000001",
        "7R01REF-1",
        "80000020012345678000000000100",
        "500003520260107",
        "6999999990000000200000001",
        "7R02REF-2",
        "6999999980000000300000002",
        "7R03REF-3",
        "80000040199999997000000000500",
        "90000020212345675",
        "99" * 20,
    ]
    return "\n".join(line.ljust(40) for line in lines).encode() + b"\n"


@pytest.mark.parametrize("chunk_records", [1, 2, 3, 5, 50_000])
def test_batches_carry_their_header_and_addenda_fill_their_detail(chunk_records: int) -> None:
    reading = read(layout_of(BATCHED), batched_file(), chunk_records=chunk_records)
    assert reading.findings.is_empty()
    columns = ["batch", "batch_ordinal", "reference", "code", "quantity", "answered_on"]
    assert reading.details.select(columns).rows() == [
        (34, 1, "REF-1", "R01", 100, date(2026, 1, 6)),
        (35, 1, "REF-2", "R02", 200, date(2026, 1, 7)),
        (35, 2, "REF-3", "R03", 300, date(2026, 1, 7)),
    ]
    raw = reading.details["raw"][1]
    assert raw.startswith("6999") and "\n7R02REF-2" in raw


def test_codes_of_two_parts_are_joined() -> None:
    document = DELIMITED.replace('name = "member_ref"', 'name = "sub_code", type = "code"')
    reading = read(layout_of(document), DELIMITED_FILE.replace(b"M-1", b"03"))
    assert reading.details["code"].to_list() == ["0000/03", "0099"]


def test_a_constant_without_place_fills_its_column() -> None:
    document = DELIMITED.replace(
        'name = "member_ref", at = 5', 'name = "unit", type = "constant", value = "miles"'
    )
    content = DELIMITED_FILE.replace(b",M-1", b"").replace(b",,\n", b",\n")
    reading = read(layout_of(document), content)
    assert reading.findings.is_empty()
    assert reading.details["unit"].to_list() == ["miles", "miles"]


def test_references_give_attempt_keys() -> None:
    template = ReferenceTemplate.parse("HB{key:018}")
    good, wrong = attempt_key(12_345, 2), attempt_key(12_345, 2) + 1
    content = f"H,7,20260105\nD,HB{good:018},0,1,\nD,HB{wrong:018},0,1,\nT,2,2\n".encode()
    reading = read(layout_of(DELIMITED), content, template)
    assert reading.details.select("redemption_id", "attempt").rows() == [(12_345, 2), (0, 0)]


def test_the_same_file_falls_into_the_same_records_however_it_is_chunked() -> None:
    rows = b"".join(b"D,A%d,0000,%d,\n" % (n, n) for n in range(1, 501))
    content = b"H,7,20260105\n" + rows + b"T,500,%d\n" % sum(range(501))
    layout = layout_of(DELIMITED)
    whole = read(layout, content)
    assert whole.findings.is_empty()
    pieces = read(layout, content, chunk_records=7)
    assert pieces.chunks > 70
    assert pieces.details.equals(whole.details)
