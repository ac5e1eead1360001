"""The verdict on a decoded file: from its findings and the agreement's tolerance, nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from handback.exchange.envelope import EnvelopeFlaw
from handback.formats.findings import FindingCode
from handback.intake.findings import Cause, FileNote
from handback.intake.states import FileState, Verdict

# A header field of one of these names, declared constant by the layout, says whose file it is.
# Blank is as wrong as another text: an echo of our own file may leave such fields blank.
_IDENTITY: Final = {
    "partner": Verdict.OTHER_PARTNER,
    "direction": Verdict.OTHER_DIRECTION,
    "environment": Verdict.OTHER_ENVIRONMENT,
}
_NOT_THE_CONSTANT: Final = (FindingCode.BAD_CONSTANT, FindingCode.FIELD_MISSING)
_MEANING: Final[Mapping[str, Verdict]] = {
    **dict.fromkeys(EnvelopeFlaw, Verdict.UNOPENABLE),
    FileNote.UNANSWERED: Verdict.UNANSWERED,
    FileNote.MESSAGE_ID_REUSED: Verdict.MESSAGE_ID_REUSED,
    FileNote.SEQUENCE_REUSED: Verdict.SEQUENCE_REUSED,
    FileNote.SEQUENCE_STEP_BACK: Verdict.SEQUENCE_STEP_BACK,
    FindingCode.EMPTY_FILE: Verdict.EMPTY,
    FindingCode.NOT_TEXT: Verdict.UNREADABLE,
    FindingCode.BAD_MARKUP: Verdict.UNREADABLE,
    FindingCode.FORBIDDEN_MARKUP: Verdict.UNREADABLE,
    FindingCode.NAMESPACE_UNKNOWN: Verdict.UNREADABLE,
    FindingCode.COLUMN_MISSING: Verdict.UNREADABLE,
    FindingCode.HEADER_MISSING: Verdict.UNREADABLE,
    FindingCode.TRUNCATED: Verdict.TRUNCATED,
    FindingCode.CONTROL_MISSING: Verdict.TRUNCATED,
    FindingCode.BATCH_CONTROL_MISSING: Verdict.TRUNCATED,
    FindingCode.GROUP_CONTROL_MISSING: Verdict.TRUNCATED,
    FindingCode.BLOCK_UNFILLED: Verdict.TRUNCATED,
    FindingCode.CONTROL_DIFFERS: Verdict.CONTROL_MISMATCH,
    FindingCode.COUNT_MISMATCH: Verdict.CONTROL_MISMATCH,
    FindingCode.SUM_MISMATCH: Verdict.CONTROL_MISMATCH,
}

# Where a file has several faults, the one that explains the others: a file of another partner
# may well fail our totals, and rubbish has no trailer either.
_GRAVEST_FIRST: Final = (
    Verdict.EMPTY,
    Verdict.OTHER_PARTNER,
    Verdict.OTHER_DIRECTION,
    Verdict.OTHER_ENVIRONMENT,
    Verdict.UNOPENABLE,
    Verdict.UNREADABLE,
    Verdict.TRUNCATED,
    Verdict.CONTROL_MISMATCH,
    Verdict.MALFORMED,
    Verdict.ROWS_REJECTED,
    Verdict.UNANSWERED,
    Verdict.MESSAGE_ID_REUSED,
    Verdict.SEQUENCE_REUSED,
    Verdict.SEQUENCE_STEP_BACK,
    Verdict.ACCEPTED_WITH_FINDINGS,
    Verdict.ACCEPTED,
)
_READY: Final = (Verdict.ACCEPTED, Verdict.ACCEPTED_WITH_FINDINGS, Verdict.HEARTBEAT)


def judge(
    causes: Collection[Cause], *, finding_count: int, rows_condemn: bool, heartbeat: bool
) -> Verdict:
    """What to say of a file.

    `causes` are its quarantining findings; `rows_condemn` says that records were rejected and the
    agreement does not tolerate that, `heartbeat` that there are none and that this is a sign of
    life.
    """
    found = {_verdict_of(cause) for cause in causes}
    found.add(Verdict.ACCEPTED_WITH_FINDINGS if finding_count else Verdict.ACCEPTED)
    if rows_condemn:
        found.add(Verdict.ROWS_REJECTED)
    gravest = min(found, key=_GRAVEST_FIRST.index)
    return Verdict.HEARTBEAT if heartbeat and gravest in _READY else gravest


def state_after(verdict: Verdict) -> FileState:
    """Where a decoded file goes with its verdict."""
    if verdict in _READY:
        return FileState.RECEIVED
    return FileState.REFUSED if verdict is Verdict.EMPTY else FileState.QUARANTINED


def _verdict_of(cause: Cause) -> Verdict:
    code, field = cause
    if code in _NOT_THE_CONSTANT and field in _IDENTITY:
        return _IDENTITY[field]
    return _MEANING.get(code, Verdict.MALFORMED)
