"""Totals that count the lines of a file, a group or a batch, whatever records stand on them."""

from __future__ import annotations

import io
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.partner_layouts import Reading, layout_of, read
from handback.errors import InvalidAgreement, InvalidRequest
from handback.formats.encode import encode
from handback.formats.findings import FindingCode

REPORT = """
framing = "delimited"
quote = ""
continues = "+,"
[[records]]
kind = "header"
tag = { at = 1, is = "F" }
fields = [{ name = "lines", at = 2, type = "integer", count = ["line"] }]
[[records]]
kind = "group_header"
tag = { at = 1, is = "G" }
[[records]]
kind = "batch_header"
tag = { at = 1, is = "B" }
[[records]]
kind = "detail"
tag = { at = 1, is = "D" }
fields = [{ name = "reference", at = 2 }, { name = "text", at = 3, rest = true }]
fewest = 2
[[records]]
kind = "batch_control"
tag = { at = 1, is = "b" }
fields = [{ name = "lines", at = 2, type = "integer", count = ["line"] }]
[[records]]
kind = "group_control"
tag = { at = 1, is = "g" }
fields = [{ name = "lines", at = 2, type = "integer", count = ["line"] }]
[[records]]
kind = "control"
tag = { at = 1, is = "f" }
fields = [{ name = "lines", at = 2, type = "integer", count = ["line"] }]
"""
REPORT_FILE = "F,12\nG\nB\nD,A1,x\n+,more\n+,of it\n\nD,A2\nb,6\nB\nb,2\ng,10\nf,12\n"
QUOTED = """
framing = "delimited"
[[records]]
kind = "detail"
tag = { at = 1, is = "D" }
fields = [{ name = "reference", at = 2 }, { name = "text", at = 3 }]
[[records]]
kind = "control"
tag = { at = 1, is = "T" }
required = true
fields = [{ name = "lines", at = 2, type = "integer", count = ["line"] }]
"""


def told(reading: Reading) -> list[tuple[Any, ...]]:
    """Line, field and code of each finding."""
    return reading.findings.select("line", "field", "code").rows()


@pytest.mark.parametrize("chunk_records", [1, 2, 50_000])
def test_lines_that_go_on_count_and_blank_ones_do_not(chunk_records: int) -> None:
    reading = read(layout_of(REPORT), REPORT_FILE.encode(), chunk_records=chunk_records)
    assert told(reading) == []
    assert reading.details["reference"].to_list() == ["A1", "A2"]


@pytest.mark.parametrize("chunk_records", [1, 2, 50_000])
def test_a_line_that_is_missing_is_told_at_every_level(chunk_records: int) -> None:
    content = REPORT_FILE.replace("+,more\n", "").encode()
    reading = read(layout_of(REPORT), content, chunk_records=chunk_records)
    code = FindingCode.COUNT_MISMATCH.value
    assert sorted(told(reading)) == [(line, "lines", code) for line in (1, 8, 11, 12)]


@pytest.mark.parametrize("chunk_records", [1, 2, 50_000])
def test_a_cell_may_take_several_lines(chunk_records: int) -> None:
    content = b'D,A1,"one\n\nthree"\nD,A2,x\nT,5\n'
    layout = layout_of(QUOTED)
    assert told(read(layout, content, chunk_records=chunk_records)) == []
    short = read(layout, content.replace(b"\n\n", b"\n"), chunk_records=chunk_records)
    assert told(short) == [(4, "lines", FindingCode.COUNT_MISMATCH.value)]


@settings(deadline=None)
@given(st.lists(st.text("abc\"'", max_size=5), max_size=120), st.sampled_from([1, 7, 50_000]))
def test_what_is_written_is_counted_as_it_is_read(texts: list[str], chunk_records: int) -> None:
    references = [f"A{number}" for number in range(len(texts))]
    for document in (REPORT, QUOTED):
        plain = [text.replace('"', "") for text in texts] if document is REPORT else texts
        columns = {"reference": references, "text": [text or None for text in plain]}
        details = pl.DataFrame(columns, schema={name: pl.String() for name in columns})
        layout, out = layout_of(document), io.BytesIO()
        encode(layout, {}, details.iter_slices(5), out)
        reading = read(layout, out.getvalue(), chunk_records=chunk_records)
        assert told(reading) == []
        assert reading.details["reference"].to_list() == references
        last = out.getvalue().splitlines()[-1].split(b",")[1]
        assert int(last) == len(out.getvalue().splitlines())


def test_where_lines_are_counted_no_cell_with_line_ends_is_written() -> None:
    details = pl.DataFrame({"reference": ["A1"], "text": ["one\ntwo"]})
    with pytest.raises(InvalidRequest, match="text"):
        encode(layout_of(QUOTED), {}, [details], io.BytesIO())


@pytest.mark.parametrize("kinds", ['["line", "detail"]', '["lines"]'])
def test_lines_are_counted_alone(kinds: str) -> None:
    with pytest.raises(InvalidAgreement, match="line alone"):
        layout_of(QUOTED.replace('["line"]', kinds))


def test_a_tree_has_no_lines() -> None:
    document = """
    framing = "json"
    [[records]]
    kind = "detail"
    path = "rows"
    fields = [{ name = "reference", at = "ref" }]
    [[records]]
    kind = "control"
    path = "."
    fields = [{ name = "lines", at = "lines", type = "integer", count = ["line"] }]
    """
    with pytest.raises(InvalidAgreement, match="delimited and fixed"):
        layout_of(document)
