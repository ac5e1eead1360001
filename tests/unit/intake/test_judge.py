"""The verdict on a decoded file."""

from __future__ import annotations

import pytest

from handback.exchange.envelope import EnvelopeFlaw
from handback.formats.findings import FindingCode
from handback.intake.findings import Cause, FileNote
from handback.intake.judge import judge, state_after
from handback.intake.states import FileState, Verdict
from sources import ROOT


def verdict(
    *causes: Cause, findings: int = 0, rows: bool = False, heartbeat: bool = False
) -> Verdict:
    return judge(causes, finding_count=findings, rows_condemn=rows, heartbeat=heartbeat)


def test_a_file_without_fault_is_accepted() -> None:
    assert verdict() is Verdict.ACCEPTED
    assert verdict(findings=3) is Verdict.ACCEPTED_WITH_FINDINGS


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ((FindingCode.BAD_CONSTANT, "partner"), Verdict.OTHER_PARTNER),
        ((FindingCode.FIELD_MISSING, "direction"), Verdict.OTHER_DIRECTION),
        ((FindingCode.BAD_CONSTANT, "environment"), Verdict.OTHER_ENVIRONMENT),
        ((FindingCode.BAD_CONSTANT, "version"), Verdict.MALFORMED),
        ((FindingCode.NOT_TEXT, ""), Verdict.UNREADABLE),
        ((FindingCode.CONTROL_MISSING, ""), Verdict.TRUNCATED),
        ((FindingCode.BLOCK_UNFILLED, ""), Verdict.TRUNCATED),
        ((FindingCode.CONTROL_DIFFERS, "number"), Verdict.CONTROL_MISMATCH),
        ((FindingCode.SUM_MISMATCH, "total"), Verdict.CONTROL_MISMATCH),
        ((FindingCode.RECORD_AFTER_CONTROL, ""), Verdict.MALFORMED),
    ],
)
def test_each_fault_has_its_name(cause: Cause, expected: Verdict) -> None:
    assert verdict(cause, findings=1) is expected
    assert state_after(expected) is FileState.QUARANTINED


def test_the_fault_that_explains_the_others_names_the_file() -> None:
    partner = (FindingCode.BAD_CONSTANT, "partner")
    header = (FindingCode.HEADER_MISSING, "")
    control = (FindingCode.CONTROL_MISSING, "")
    total = (FindingCode.COUNT_MISMATCH, "record_count")
    assert verdict(total, control, header, partner, rows=True) is Verdict.OTHER_PARTNER
    assert verdict(total, control, header, rows=True) is Verdict.UNREADABLE
    assert verdict(total, control, rows=True) is Verdict.TRUNCATED
    sequence = (FileNote.SEQUENCE_REUSED, "")
    assert verdict(total, sequence, rows=True) is Verdict.CONTROL_MISMATCH
    assert verdict(sequence, rows=True, findings=1) is Verdict.ROWS_REJECTED
    assert verdict(sequence) is Verdict.SEQUENCE_REUSED


def test_the_page_of_operations_has_every_verdict() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    table = page.partition("## Hand-back files")[2].partition("## Quarantine")[0]
    rows = [row.split("|")[3].strip() for row in table.splitlines() if row.startswith("|")]
    assert {str(verdict) for verdict in Verdict} <= {row.strip("`") for row in rows}
    for code in (*FileNote, *EnvelopeFlaw):
        assert f"`{code}`" in table


def test_every_finding_that_can_condemn_a_file_gives_a_verdict() -> None:
    for code in FindingCode:
        refused = code is FindingCode.EMPTY_FILE
        expected = FileState.REFUSED if refused else FileState.QUARANTINED
        assert state_after(verdict((code, ""))) is expected
    for ready in (Verdict.ACCEPTED, Verdict.ACCEPTED_WITH_FINDINGS):
        assert state_after(ready) is FileState.RECEIVED
