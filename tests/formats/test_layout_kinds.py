"""Files of the families partners send, declared without Python. All layouts here are examples."""

from __future__ import annotations

from datetime import date

import pytest

from formats.partner_layouts import layout_of, read

RETURNS = """
framing = "fixed"
width = 94
encoding = "ascii"
[[records]]
kind = "ignore"
tag = { at = [1, 20], is = "99999999999999999999" }
[[records]]
kind = "header"
tag = { at = [1, 1], is = "1" }
required = true
fields = [{ name = "created_on", at = [24, 29], type = "date", pattern = "YYMMDD", carry = true }]
[[records]]
kind = "batch_header"
tag = { at = [1, 1], is = "5" }
required = true
fields = [{ name = "unit", type = "constant", value = "usd", carry = true }]
[[records]]
kind = "detail"
tag = { at = [1, 1], is = "6" }
fields = [
  { name = "transaction_code", at = [2, 3], type = "code" },
  { name = "routing", at = [4, 11], type = "integer" },
  { name = "quantity", at = [30, 39], type = "decimal", scale = 2, point = "" },
]
[[records]]
kind = "addenda"
tag = { at = [1, 3], is = ["799", "798"] }
repeats = "last"
fields = [
  { name = "code", at = [4, 6], type = "code", required = true },
  { name = "reference", at = [7, 21], required = true },
]
[[records]]
kind = "batch_control"
tag = { at = [1, 1], is = "8" }
required = true
fields = [
  { name = "entries", at = [5, 10], type = "integer", count = ["detail", "addenda"] },
  { name = "hash", at = [11, 20], type = "integer", sum = "routing", digits = 10 },
  { name = "debits", at = [21, 32], CENTS, where = { transaction_code = ["26", "36"] } },
  { name = "credits", at = [33, 44], CENTS, where = { transaction_code = ["21", "31"] } },
]
[[records]]
kind = "control"
tag = { at = [1, 1], is = "9" }
required = true
fields = [
  { name = "batches", at = [2, 7], type = "integer", count = ["batch_header"] },
  { name = "entries", at = [14, 21], type = "integer", count = ["detail", "addenda"] },
]
""".replace("CENTS", 'type = "decimal", scale = 2, point = "", sum = "quantity"')


def line(*pieces: tuple[int, str]) -> str:
    """A line of 94 characters with texts at their columns."""
    made = " " * 94
    for column, text in pieces:
        made = made[: column - 1] + text + made[column - 1 + len(text) :]
    return made


def entry(code: str, routing: str, quantity: int, *addenda: tuple[str, str]) -> list[str]:
    """An entry with its addenda: reason and original trace."""
    inner = [line((1, "799"), (4, reason), (7, trace)) for reason, trace in addenda]
    return [line((1, "6"), (2, code), (4, routing), (30, f"{quantity:010}")), *inner]


def return_file(credits: int = 146) -> list[str]:
    """Two returns in one batch: one of a credit, one of a debit that was disputed."""
    entries = entry("21", "12345678", 146, ("R03", "111112222233333"))
    entries += entry("26", "87654321", 8, ("R07", "444445555566666"), ("R68", "444445555566666"))
    control = line(
        (1, "8"), (5, "000005"), (11, "0099999999"), (21, f"{8:012}"), (33, f"{credits:012}")
    )
    return [
        line((1, "101"), (24, "260105")), line((1, "5200")), *entries, control,
        line((1, "9"), (2, "000001"), (14, "00000005")), *["9" * 94] * 2,
    ]  # fmt: skip


@pytest.mark.parametrize("last", ["", "\n", "\r\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_returns_with_addenda_however_their_lines_end(end: str, last: str) -> None:
    content = (end.join(return_file()) + last).encode()
    reading = read(layout_of(RETURNS), content)
    assert reading.findings.is_empty(), reading.findings.rows()
    assert reading.details.select("reference", "code", "quantity", "unit").rows() == [
        ("111112222233333", "R03", 146, "usd"),
        ("444445555566666", "R68", 8, "usd"),
    ]


def test_totals_of_some_details_are_compared() -> None:
    reading = read(layout_of(RETURNS), "\n".join(return_file(credits=147)).encode())
    assert reading.findings.select("field", "code", "message").rows() == [
        ("credits", "sum_mismatch", "the record says 147, the batch holds 146")
    ]


PAIRS = """
framing = "fixed"
width = 240
encoding = "latin-1"
[[records]]
kind = "header"
tag = { at = [8, 8], is = "0" }
required = true
fields = [
  { name = "direction", at = [143, 143], type = "constant", value = "2" },
  { name = "created_on", at = [144, 151], type = "date", pattern = "DDMMYYYY" },
  { name = "sequence", at = [158, 163], type = "integer" },
]
[[records]]
kind = "batch_header"
tag = { at = [8, 8], is = "1" }
fields = [{ name = "lot", at = [4, 7], type = "integer" }]
[[records]]
kind = "detail"
tag = [{ at = [8, 8], is = "3" }, { at = [14, 14], is = "T" }]
fields = [
  { name = "code", at = [16, 17], type = "code", required = true },
  { name = "reference", at = [38, 57], required = true },
  { name = "sub_code", at = [214, 223], type = "codes", each = 2 },
]
[[records]]
kind = "addenda"
tag = [{ at = [8, 8], is = "3" }, { at = [14, 14], is = "U" }]
required = true
fields = [
  { name = "quantity", at = [78, 92], type = "decimal", scale = 2, point = "" },
  { name = "answered_on", at = [138, 145], type = "date", pattern = "DDMMYYYY" },
]
[[records]]
kind = "batch_control"
tag = { at = [8, 8], is = "5" }
fields = [
  { name = "records", at = [18, 23], type = "integer", count = [
    "batch_header", "detail", "addenda", "batch_control",
  ] },
]
[[records]]
kind = "control"
tag = { at = [8, 8], is = "9" }
required = true
fields = [{ name = "lots", at = [18, 23], type = "integer", count = ["batch_header"] }]
"""


def wide(*pieces: tuple[int, str]) -> str:
    """A line with texts at their columns, trailing blanks cut."""
    made = " " * 240
    for column, text in pieces:
        made = made[: column - 1] + text + made[column - 1 + len(text) :]
    return made.rstrip()


def pair(code: str, reference: str, motives: str, quantity: int) -> list[str]:
    """One event as two segments."""
    first = wide((1, "756"), (8, "3"), (14, "T"), (16, code), (38, reference), (214, motives))
    return [
        first,
        wide((1, "756"), (8, "3"), (14, "U"), (78, f"{quantity:015}"), (138, "05012026")),
    ]


def test_one_event_in_two_segments_with_several_motives() -> None:
    lines = [
        wide((8, "0"), (143, "2"), (144, "05012026"), (158, "000012")),
        wide((4, "0001"), (8, "1")),
        *pair("06", "NOSSO1", "03", 4000),
        *pair("03", "NOSSO2", "A405000000", 0),
        *pair("02", "NOSSO3", "0000000000", 150),
        wide((4, "0001"), (8, "5"), (18, "000008")),
        wide((4, "9999"), (8, "9"), (18, "000001")),
    ]
    reading = read(layout_of(PAIRS), "\r\n".join([*lines, ""]).encode("latin-1"))
    assert reading.findings.is_empty(), reading.findings.rows()
    assert reading.facts.header["sequence"] == 12
    assert reading.details.select("reference", "code", "quantity", "answered_on").rows() == [
        ("NOSSO1", "06/03", 4000, date(2026, 1, 5)),
        ("NOSSO2", "03/A4+03/05", 0, date(2026, 1, 5)),
        ("NOSSO3", "02", 150, date(2026, 1, 5)),
    ]


NESTED = """
framing = "delimited"
quote = ""
record_end = "/"
continues = "88,"
[[records]]
kind = "header"
tag = { at = 1, is = "01" }
required = true
cells = 9
fewest = 8
fields = [{ name = "sequence", at = 6 }]
[[records]]
kind = "group_header"
tag = { at = 1, is = "02" }
required = true
cells = 8
fewest = 5
fields = [{ name = "answered_on", at = 5, type = "date", pattern = "YYMMDD", carry = true }]
[[records]]
kind = "batch_header"
tag = { at = 1, is = "03" }
fields = [{ name = "unit", at = 3, carry = true }, { name = "balances", at = 4, rest = true }]
[[records]]
kind = "detail"
tag = [{ at = 1, is = "16" }, { at = 4, is = "V" }]
fields = [
  { name = "code", at = 2, type = "code" },
  { name = "quantity", at = 3, type = "decimal", scale = 2, point = "" },
  { name = "reference", at = 8 },
  { name = "told", at = 9, rest = true },
]
[[records]]
kind = "detail"
tag = { at = 1, is = "16" }
fields = [
  { name = "code", at = 2, type = "code" },
  { name = "quantity", at = 3, type = "decimal", scale = 2, point = "" },
  { name = "reference", at = 6 },
  { name = "partner_ref", at = 7, rest = true },
]
[[records]]
kind = "batch_control"
tag = { at = 1, is = "49" }
fields = [{ name = "total", at = 2, type = "decimal", scale = 2, point = "", sum = "quantity" }]
cells = 3
[[records]]
kind = "group_control"
tag = { at = 1, is = "98" }
required = true
fields = [
  { name = "total", at = 2, type = "decimal", scale = 2, point = "", sum = "quantity" },
  { name = "accounts", at = 3, type = "integer", count = ["batch_header"] },
]
cells = 4
[[records]]
kind = "control"
tag = { at = 1, is = "99" }
required = true
fields = [{ name = "groups", at = 3, type = "integer", count = ["group_header"] }]
cells = 4
"""
NESTED_FILE = """01,BANK,US,260105,0800,7,,,2/
02,US,BANK,1,260104,,CAD,/
03,111,CAD,010,+100,,/
16,409,2500,V,260104,,B1,C1,RETURNED, CHEQUE/S     /
88,of a / second line
16,409,100,0,B2,C2,NO FUNDS/
49,2600,4/
98,2600,1,6/
02,US,BANK,1,260105,,CAD,/
03,222,USD,010,+100,,/
16,261,700,,B3,C3,REJECT
88,AC01
49,700,3/
98,700,1,5/
99,3300,2,13/
"""


@pytest.mark.parametrize("chunk_records", [1, 2, 3, 50_000])
def test_groups_continuations_and_the_rest_of_a_line(chunk_records: int) -> None:
    reading = read(layout_of(NESTED), NESTED_FILE.encode(), chunk_records=chunk_records)
    assert reading.findings.is_empty(), reading.findings.rows()
    columns = ["reference", "code", "quantity", "unit", "answered_on", "partner_ref"]
    assert reading.details.select(columns).rows() == [
        ("C1", "409", 2500, "CAD", date(2026, 1, 4), None),
        ("C2", "409", 100, "CAD", date(2026, 1, 4), "NO FUNDS"),
        ("C3", "261", 700, "USD", date(2026, 1, 5), "REJECT,AC01"),
    ]


def test_groups_are_judged() -> None:
    content = NESTED_FILE.replace("98,2600,1", "98,2601,2").replace("98,700,1,5/\n", "")
    reading = read(layout_of(NESTED), content.encode())
    assert reading.findings.select("line", "code").rows() == [
        (8, "sum_mismatch"), (8, "count_mismatch"), (9, "group_control_missing"),
    ]  # fmt: skip


FLAGGED = """
framing = "fixed"
width = 10
[[records]]
kind = "detail"
fields = [
  { name = "reference", at = [1, 3] },
  { name = "sub_code", at = [4, 6], type = "flags", codes = ["1", "2", "3"] },
  { name = "warnings", at = [7, 9], type = "flags", codes = ["W", "X", "Z"], on = "1" },
  { name = "code", at = [10, 10], type = "code" },
]
"""


def test_a_record_may_have_several_fields_of_flags() -> None:
    reading = read(layout_of(FLAGGED), b"A01 YY  1E\nA02   010E\nA03Y     E\n")
    assert reading.findings.is_empty(), reading.findings.rows()
    assert reading.details["code"].to_list() == ["E/2+E/3", "E", "E/1"]


@pytest.mark.parametrize("delimiter", ["¦", "§", "^", "~", "\\u001f"])
def test_a_delimiter_may_be_any_mark(delimiter: str) -> None:
    document = f'''
    framing = "delimited"
    delimiter = "{delimiter}"
    [[records]]
    kind = "detail"
    fields = [{{ name = "reference", at = 1 }}, {{ name = "code", at = 2 }}]
    '''
    mark = delimiter.replace("\\u001f", "\x1f")
    content = f'R1{mark}01\n"R{mark}2"{mark}"0""2"\n"R3{mark}03\n'.encode()
    reading = read(layout_of(document), content)
    assert reading.details.select("reference", "code").rows() == [
        ("R1", "01"),
        (f"R{mark}2", '0"2'),
    ]
    assert reading.codes == ["bad_quoting"]
