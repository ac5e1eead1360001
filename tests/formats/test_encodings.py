"""Bytes that are no UTF-8: code pages, columns that count bytes, numbers that are bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from formats.partner_layouts import Reading, layout_of, read
from handback.formats.findings import FindingCode

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "ebcdic"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared samples are not here")

LINES = """
framing = "delimited"
delimiter = "|"
encoding = "{encoding}"
[[records]]
kind = "detail"
fields = [
  {{ name = "reference", at = 1 }},
  {{ name = "code", at = 2 }},
  {{ name = "member_ref", at = 3 }},
]
"""


def details(reading: Reading) -> list[tuple[object, ...]]:
    """What a sound reading gave."""
    assert reading.findings.is_empty(), reading.findings.rows()
    return reading.details.select("reference", "code", "member_ref").rows()


@pytest.mark.parametrize(
    ("encoding", "codec", "name"),
    [
        ("cp850", "cp850", "Västerås"),
        ("shift_jis", "shift_jis", "ソ表ポ|"),  # bytes of these hold the marks \\ and |
        ("cp037", "cp037", "Müller"),
        ("cp273", "cp273", "Müller"),
        ("cp500", "cp500", "Müller"),
        ("cp1140", "cp1140", "50 €"),
    ],
)
def test_code_pages(encoding: str, codec: str, name: str) -> None:
    name = name.replace("|", "")
    content = f"R1|0001|{name}\nR2|0002|x\n"
    layout = layout_of(LINES.format(encoding=encoding))
    expected = [("R1", "0001", name), ("R2", "0002", "x")]
    assert details(read(layout, content.encode(codec))) == expected


@pytest.mark.parametrize("end", [b"\x15", b"\x25", b"\x0d\x25"])
def test_ebcdic_has_two_ends_of_a_line(end: bytes) -> None:
    lines = [f"R{number}|0001|x".encode("cp037") for number in range(3)]
    reading = read(layout_of(LINES.format(encoding="cp037")), end.join([*lines, b""]))
    assert [reference for reference, *_ in details(reading)] == ["R0", "R1", "R2"]


def test_a_byte_that_is_no_character_is_a_finding() -> None:
    content = "R1|0001|表\nR2|0002|".encode("shift_jis") + b"x\x81\nR3|1|\n"
    reading = read(layout_of(LINES.format(encoding="shift_jis")), content)
    assert reading.details["reference"].to_list() == ["R1", "R3"]
    assert reading.findings.select("ordinal", "line", "code").rows() == [(2, 2, "undecodable")]


BY_BYTES = """
framing = "fixed"
width = 24
columns = "bytes"
encoding = "{encoding}"
line_end = "{line_end}"
[[records]]
kind = "detail"
fields = [
  {{ name = "reference", at = [1, 4] }},
  {{ name = "member_ref", at = [5, 16] }},
  {{ name = "quantity", at = [17, 24], type = "integer" }},
]
"""


@pytest.mark.parametrize("line_end", ["lf", "none"])
@pytest.mark.parametrize(
    ("encoding", "name"), [("utf-8", "Åse Ødegård"[:9]), ("shift_jis", "山田ﾀﾛｳ")]
)
def test_columns_may_count_bytes(encoding: str, name: str, line_end: str) -> None:
    texts = [name.encode(encoding).ljust(12), b"plain".ljust(12)]
    rows = [f"R{number}  ".encode() + text + b"00001500" for number, text in enumerate(texts)]
    content = (b"\n" if line_end == "lf" else b"").join(rows)
    layout = layout_of(BY_BYTES.format(encoding=encoding, line_end=line_end))
    reading = read(layout, content)
    assert reading.findings.is_empty(), reading.findings.rows()
    assert reading.details.select("reference", "member_ref", "quantity").rows() == [
        ("R0", name, 1500),
        ("R1", "plain", 1500),
    ]


BINARY = """
framing = "fixed"
width = 45
columns = "bytes"
line_end = "none"
encoding = "cp037"
[[records]]
kind = "header"
width = 10
required = true
fields = [{ name = "sequence", at = [1, 10], type = "text" }]
[[records]]
kind = "detail"
fields = [
  { name = "unit", at = [1, 3] },
  { name = "code", at = [4, 11], type = "code" },
  { name = "member_ref", at = [12, 26] },
  { name = "reference", at = [27, 36] },
  { name = "quantity", at = [38, 45], type = "binary", scale = 2 },
]
[[records]]
kind = "control"
width = 12
required = true
fields = [{ name = "told", at = [1, 12], type = "text" }]
"""


@needs_samples
def test_binary_records_between_a_header_and_a_footer_of_other_lengths() -> None:
    reading = read(layout_of(BINARY), (SAMPLES / "TRAN2.JUN24.DATA.dat").read_bytes())
    expected = [json.loads(line) for line in (SAMPLES / "test13a.txt").read_text().splitlines()]
    names = ["CURRENCY", "SIGNATURE", "COMPANY_NAME", "COMPANY_ID"]
    told = [(*(row[name] for name in names), round(row["AMOUNT"] * 100)) for row in expected]
    columns = ["unit", "code", "member_ref", "reference", "quantity"]
    assert sorted(reading.details.select(columns).rows()) == sorted(told)


DISPLAYED = """
framing = "fixed"
width = 80
line_end = "none"
encoding = "cp037"
[[records]]
kind = "detail"
fields = [
  { name = "answered_on", at = [1, 8], type = "date" },
  { name = "reference", at = [21, 28] },
  { name = "quantity", at = [30, 39], type = "integer" },
  { name = "fraction", at = [63, 73], type = "decimal", scale = 2 },
]
"""


@needs_samples
def test_numbers_that_cannot_be_read_are_findings_and_no_zeros() -> None:
    reading = read(layout_of(DISPLAYED), (SAMPLES / "test19_data.dat").read_bytes())
    expected = [json.loads(line) for line in (SAMPLES / "test19.txt").read_text().splitlines()]
    numbers = [row.get("WS_AMOUNT_NUMERIC") for row in expected]
    assert reading.facts.records == 7
    assert reading.details["quantity"].to_list() == numbers[:6]
    assert reading.findings.select("ordinal", "field", "code").rows() == [
        (7, "answered_on", FindingCode.BAD_DATE),
        (7, "quantity", FindingCode.BAD_INTEGER),
    ]
