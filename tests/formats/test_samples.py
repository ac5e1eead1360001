"""Real ACH files of public projects, read under a fixed-width layout written here."""

from __future__ import annotations

from pathlib import Path

import pytest

from formats.partner_layouts import layout_of, read
from handback.formats.findings import FindingCode, Severity

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "nacha"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared samples are not here")

RETURNS = """
framing = "fixed"
width = 94
[[records]]
kind = "ignore"
tag = { at = [1, 10], is = "9999999999" }
[[records]]
kind = "header"
tag = { at = [1, 1], is = "1" }
fields = [{ name = "created_on", at = [24, 29], type = "date", pattern = "YYMMDD" }]
[[records]]
kind = "batch_header"
tag = { at = [1, 1], is = "5" }
fields = [{ name = "service_class", at = [2, 4], type = "integer" }]
[[records]]
kind = "detail"
tag = { at = [1, 1], is = "6" }
fields = [
  { name = "routing", at = [4, 11], type = "integer", required = true },
  { name = "account", at = [13, 29] },
  { name = "quantity", at = [30, 39], type = "integer", required = true },
  { name = "member_ref", at = [40, 54] },
  { name = "name", at = [55, 76] },
  { name = "partner_ref", at = [80, 94] },
]
[[records]]
kind = "addenda"
tag = { at = [1, 3], is = "799" }
required = true
fields = [
  { name = "code", at = [4, 6], type = "code", required = true },
  { name = "reference", at = [7, 21], required = true },
]
[[records]]
kind = "batch_control"
tag = { at = [1, 1], is = "8" }
fields = [
  { name = "entries", at = [5, 10], type = "integer", count = ["detail", "addenda"] },
  { name = "hash", at = [11, 20], type = "integer", sum = "routing", digits = 10 },
]
[[records]]
kind = "control"
tag = { at = [1, 1], is = "9" }
fields = [
  { name = "batches", at = [2, 7], type = "integer", count = ["batch_header"] },
  { name = "entries", at = [14, 21], type = "integer", count = ["detail", "addenda"] },
  { name = "hash", at = [22, 31], type = "integer", sum = "routing", digits = 10 },
]
"""
ENTRIES = RETURNS.replace(
    'required = true\nfields = [\n  { name = "code"', 'fields = [\n  { name = "code"'
)


def content_of(name: str) -> bytes:
    """The bytes of a sample."""
    return (SAMPLES / name).read_bytes()


def test_two_returns_quote_one_trace() -> None:
    reading = read(layout_of(RETURNS), content_of("linked/return.ach"))
    assert reading.findings.is_empty()
    assert reading.details.select("reference", "code", "quantity", "member_ref").rows() == [
        ("273976368613175", "R02", 146, "ae1300b1c1cac5c"),
        ("273976360000001", "R03", 8, "dcd5f1ce42ae2e1"),
        ("273976360000001", "R03", 19, "908ac8a237911d6"),
    ]


def test_what_was_sent_carries_the_traces_that_come_back() -> None:
    reading = read(layout_of(ENTRIES), content_of("linked/forward.ach"))
    assert reading.findings.is_empty()
    assert reading.details.select("partner_ref", "quantity").rows() == [
        ("273976368613175", 146),
        ("273976360000001", 8),
    ]


def test_an_entry_without_addenda_is_no_return() -> None:
    reading = read(layout_of(RETURNS), content_of("linked/recon.ach"))
    assert reading.codes == [FindingCode.ADDENDA_MISSING]
    assert reading.details.is_empty() and reading.facts.rejected == 1


def test_an_addenda_without_an_entry_is_nobodys() -> None:
    lines = content_of("linked/return.ach").splitlines(keepends=True)
    reading = read(layout_of(RETURNS), b"".join(lines[:1] + lines[2:]))
    assert reading.codes == [FindingCode.ADDENDA_ORPHAN]
    assert reading.details["quantity"].to_list() == [8, 19]


@pytest.mark.parametrize("name", ["return-WEB.ach", "ppd-credit.ach"])
def test_controls_of_whole_files_agree(name: str) -> None:
    reading = read(layout_of(ENTRIES), content_of(name))
    assert reading.findings.is_empty()
    assert reading.facts.control_seen and reading.facts.records > 0


def test_a_control_that_promises_more_batches_is_told() -> None:
    reading = read(layout_of(ENTRIES), content_of("20110805A.ach"))
    assert FindingCode.COUNT_MISMATCH in reading.codes
    assert reading.facts.worst is Severity.QUARANTINE


@pytest.mark.parametrize(
    "path",
    sorted(path for path in SAMPLES.parent.rglob("*") if path.is_file())
    if SAMPLES.is_dir()
    else [],
    ids=lambda path: path.name,
)
def test_every_sample_gives_a_result(path: Path) -> None:
    read(layout_of(RETURNS), path.read_bytes(), chunk_records=100)
