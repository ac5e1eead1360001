"""Files of every kind with bytes changed, taken out or doubled: always a result, never a crash,
and every record accounted for."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.partner_layouts import Reading, layout_of, read
from formats.test_encodings import BINARY, BY_BYTES, LINES
from formats.test_json_and_sheets import ANSWERS, DOCUMENT, RESULTS, ROWS
from formats.test_layout_kinds import (
    NESTED,
    NESTED_FILE,
    PAIRS,
    RETURNS,
    pair,
    return_file,
)
from formats.test_xml import STATUS_REPORT, block, report, transaction
from handback.formats.findings import Severity
from handback.formats.layout import Layout

GOOD: list[tuple[str, str, bytes]] = [
    ("returns", RETURNS, "\n".join(return_file()).encode()),
    ("returns that run on", RETURNS, "".join(return_file()).encode()),
    ("pairs", PAIRS, "\r\n".join(pair("03", "R1", "A405", 7) * 3).encode()),
    ("nested", NESTED, NESTED_FILE.encode()),
    ("json", ANSWERS, json.dumps(DOCUMENT, indent=1).encode()),
    ("json lines", ROWS, "\n".join(map(json.dumps, RESULTS)).encode()),
    (
        "xml",
        STATUS_REPORT,
        report("<GrpSts>PART</GrpSts>", block("", transaction("A", "RJCT", "AC01"))),
    ),
    ("ebcdic", LINES.format(encoding="cp037"), "R1|1|x\nR2|2|y\n".encode("cp037")),
    ("shift_jis", LINES.format(encoding="shift_jis"), "R1|1|表\n".encode("shift_jis")),
    (
        "bytes",
        BY_BYTES.format(encoding="shift_jis", line_end="none"),
        b"R1  " + "山田".encode("shift_jis").ljust(12) + b"00001500",
    ),
    ("binary", BINARY, bytes(range(150))),
]
LAYOUTS = [(layout_of(document), content) for _, document, content in GOOD]


def accounted(reading: Reading) -> None:
    """Every ordinal is a detail, or has a finding that rejects it."""
    rejected = reading.findings.filter(severity=int(Severity.REJECT))["ordinal"]
    ordinals = {*reading.details["ordinal"], *rejected} - {0}
    assert ordinals == set(range(1, reading.facts.records + 1))
    assert reading.facts.rejected == len(set(rejected) - {0})


@pytest.mark.parametrize("layout", [one for one, _ in LAYOUTS], ids=[name for name, *_ in GOOD])
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 8), chunk=st.sampled_from([1, 3, 50_000]))
def test_damaged_files_give_a_result(layout: Layout, seed: int, changes: int, chunk: int) -> None:
    dice = random.Random(seed)
    content = bytearray(next(good for one, good in LAYOUTS if one is layout))
    for _ in range(changes):
        place = dice.randrange(len(content) + 1)
        length = dice.choice([1, 1, 2, 10, 94])
        match dice.randrange(3):
            case 0:
                content[place : place + length] = dice.randbytes(length)
            case 1:
                del content[place : place + length]
            case 2:
                content[place:place] = content[place : place + length] * 2
    accounted(read(layout, bytes(content), chunk_records=chunk))


@pytest.mark.parametrize("layout", [one for one, _ in LAYOUTS], ids=[name for name, *_ in GOOD])
@settings(deadline=None, max_examples=25)
@given(content=st.binary(max_size=300))
def test_any_bytes_give_a_result(layout: Layout, content: bytes) -> None:
    accounted(read(layout, content))
