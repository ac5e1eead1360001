"""Files filled up to whole blocks, and controls that repeat their headers. Examples all."""

from __future__ import annotations

import io

import polars as pl
import pytest

from formats.partner_layouts import layout_of, read
from handback.errors import InvalidAgreement
from handback.formats.encode import encode
from handback.formats.findings import FindingCode, Severity

BLOCKED = """
framing = "fixed"
width = 12
block = 4
filler = "9"
[[records]]
kind = "header"
tag = { at = [1, 1], is = "1" }
fields = [{ name = "sequence", at = [2, 7], type = "integer" }]
[[records]]
kind = "batch_header"
tag = { at = [1, 1], is = "5" }
fields = [{ name = "batch", at = [2, 7], type = "integer" }]
[[records]]
kind = "detail"
tag = { at = [1, 1], is = "6" }
fields = [{ name = "reference", at = [2, 11] }]
[[records]]
kind = "batch_control"
tag = { at = [1, 1], is = "8" }
required = true
fields = [{ name = "again", at = [2, 7], type = "integer", same_as = "batch" }]
[[records]]
kind = "control"
tag = { at = [1, 1], is = "9" }
required = true
fields = [
  { name = "sequence", at = [2, 7], type = "integer", same_as = "sequence" },
  { name = "blocks", at = [8, 9], type = "integer", count = ["block"] },
  { name = "lines", at = [10, 12], type = "integer", count = ["line"] },
]
"""
FILLER = "9" * 12


def written(count: int, document: str = BLOCKED) -> bytes:
    """A file of some details."""
    details = pl.DataFrame({"reference": [f"R{n}" for n in range(count)]})
    out = io.BytesIO()
    encode(layout_of(document), {"sequence": 7, "batch": 3}, [details], out)
    return out.getvalue()


@pytest.mark.parametrize(("count", "blocks", "filling"), [(0, 1, 0), (1, 2, 3), (4, 2, 0)])
def test_files_are_filled_up(count: int, blocks: int, filling: int) -> None:
    lines = written(count).decode().splitlines()
    assert len(lines) == 4 * blocks
    assert lines[4 + count :] == [FILLER] * filling
    assert lines[3 + count] == f"9000007{blocks:02}{4 + count:03}"
    assert lines[2 + count][:7] == "8000003"
    reading = read(layout_of(BLOCKED), written(count))
    assert reading.findings.is_empty(), reading.findings.rows()
    assert reading.facts.records == count


def test_what_fills_up_may_be_left_out_but_not_half_of_it() -> None:
    lines = written(1).decode().splitlines()
    for filling in range(4):
        content = "\n".join([*lines[:5], *[FILLER] * filling]).encode()
        codes = read(layout_of(BLOCKED), content).codes
        assert codes == ([] if filling in (0, 3) else [FindingCode.BLOCK_UNFILLED]), filling


def test_an_agreement_may_want_all_of_it() -> None:
    wanted = BLOCKED.replace("block = 4", "block = 4\nfilled = true")
    bare = "\n".join(written(1).decode().splitlines()[:5]).encode()
    reading = read(layout_of(wanted), bare)
    assert reading.codes == [FindingCode.BLOCK_UNFILLED]
    assert reading.facts.worst is Severity.QUARANTINE
    assert read(layout_of(wanted), written(1)).codes == []


def test_a_line_of_filler_that_was_cut_is_told() -> None:
    content = written(1)
    for length in range(len(content) - 3 * 13 + 1, len(content) - 1):
        assert read(layout_of(BLOCKED), content[:length]).facts.worst is Severity.QUARANTINE, length


def test_a_wrong_count_of_blocks_is_told() -> None:
    content = written(1).replace(b"902005", b"903005").replace(b"900000702", b"900000703")
    findings = read(layout_of(BLOCKED), content).findings
    assert findings.select("line", "field", "code").rows() == [(5, "blocks", "count_mismatch")]


@pytest.mark.parametrize(
    ("told", "wrong", "line", "field"),
    [(b"8000003", b"8000004", 4, "again"), (b"8000003", b"8      ", 4, "again"),
     (b"9000007", b"9000008", 5, "sequence")],
)  # fmt: skip
def test_a_control_that_differs_from_its_header_is_told(
    told: bytes, wrong: bytes, line: int, field: str
) -> None:
    reading = read(layout_of(BLOCKED), written(1).replace(told, wrong))
    [finding] = reading.findings.select("line", "field", "code", "severity").rows()
    assert finding == (line, field, FindingCode.CONTROL_DIFFERS, Severity.QUARANTINE)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('same_as = "batch"', 'same_as = "other"', "records[3].fields[0].same_as"),
        ('same_as = "batch"', 'same_as = "sequence"', "records[3].fields[0].same_as"),
        ('name = "again", at = [2, 7], type = "integer"', 'name = "again", at = [2, 7]',
         "records[3].fields[0].same_as"),
        ("block = 4\n", "", "records[4].fields[1].count"),
        ("block = 4", "block = 1", "block"),
        ('filler = "9"', 'filler = "99"', "filler"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_told(old: str, new: str, place: str) -> None:
    with pytest.raises(InvalidAgreement) as refused:
        layout_of(BLOCKED.replace(old, new))
    assert f"formats.handback.{place}" in {one.field for one in refused.value.violations}


def test_batches_are_compared_one_by_one() -> None:
    head, *batch, control = written(1).decode().splitlines()[:5]
    lines = [head, *batch, batch[0].replace("3", "4"), *batch[1:], control]
    content = "\n".join(lines).replace("02005", "02008").encode()
    findings = read(layout_of(BLOCKED), content).findings
    assert findings.select("line", "code").rows() == [(7, "control_differs")]
