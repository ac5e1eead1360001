"""What a file is among the files of its partner: one of them again, one of ours, or out of turn.

Files are compared by the fingerprint of their opened content, by name, by message id and by
sequence. Whoever compares holds the partner's files against one another (`Desk.one_by_one`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from handback.ids import Prefix, public_id
from handback.intake.findings import FileNote, FindingLog
from handback.intake.opening import NOTHING, Look
from handback.intake.queries import FILE
from handback.intake.states import FileState, Verdict
from handback.partners.agreement import Handback
from handback.partners.vocabulary import DuplicateSequence, EmptyFile, StepBack
from handback.store.bulk import table_of
from handback.store.tables import PayoutBatch

BATCH: Final = table_of(PayoutBatch)

_TAKEN: Final = [int(FileState.RECEIVED), int(FileState.RECONCILING), int(FileState.RECONCILED)]
_CAME: Final = [*_TAKEN, int(FileState.QUARANTINED)]
_MAX_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file is not for us to apply, and which file it repeats, if it does."""

    verdict: Verdict
    note: FileNote | None = None
    message: str = ""
    repeats_file_id: int | None = None


def refusal(
    tx: sa.Connection, partner_id: int, file_id: int, name: str, look: Look, terms: Handback
) -> Refusal | None:
    """Why a file is refused before it is decoded, None where it is not."""
    content = look.content.sha256
    if content == NOTHING:
        return None if terms.empty is EmptyFile.HEARTBEAT else Refusal(Verdict.EMPTY)
    ours = sa.select(BATCH.c.batch_id).where(BATCH.c.fingerprint == content).limit(1)
    batch_id = tx.scalar(ours)
    if batch_id is not None:
        told = f"it is our own payout file, {public_id(Prefix.PAYOUT_BATCH, batch_id)}"
        return Refusal(Verdict.ECHO, FileNote.ECHO, told)
    first = (
        sa.select(FILE.c.file_id, FILE.c.name, FILE.c.envelope)
        .where(
            FILE.c.partner_id == partner_id,
            FILE.c.fingerprint == content,
            FILE.c.file_id != file_id,
            FILE.c.state.in_(_CAME),
            FILE.c.verdict.is_distinct_from(str(Verdict.HEARTBEAT)),
        )
        .order_by(FILE.c.file_id)
        .limit(1)
    )
    row = tx.execute(first).one_or_none()
    if row is None:
        return None
    note, told = FileNote.REPEATED, f"the content of {_shown(row.file_id)} once more"
    if row.envelope != look.envelope:
        wrapping = " and ".join((row.envelope or "no envelope", look.envelope or "none"))
        note, told = FileNote.REWRAPPED, f"{told}, then in {wrapping} now"
    elif row.name != name:
        note, told = FileNote.RENAMED, f"{told}, which was called {row.name}"
    return Refusal(Verdict.REPEAT, note, told, row.file_id)


def previous(tx: sa.Connection, partner_id: int, name: str, look: Look) -> int | None:
    """The newest file of that name with other content, of which this is a new version."""
    select = (
        sa.select(FILE.c.file_id)
        .where(
            FILE.c.partner_id == partner_id,
            FILE.c.name == name,
            FILE.c.fingerprint != look.content.sha256,
            FILE.c.state.in_(_CAME),
        )
        .order_by(FILE.c.file_id.desc())
        .limit(1)
    )
    found: int | None = tx.scalar(select)
    return found


@dataclass(frozen=True, slots=True)
class Said:
    """What the header of a file says of its place among the others; None for what it does not."""

    sequence: str | None
    sequence_number: int | None
    message_id: str | None

    @classmethod
    def of(cls, header: Mapping[str, object]) -> Said:
        """What the header fields `sequence` and `message_id` say."""
        sequence = _text(header.get("sequence"))
        counts = sequence is not None and sequence.isdecimal() and len(sequence) <= _MAX_DIGITS
        number = int(sequence) if sequence is not None and counts else None
        return cls(sequence, number, _text(header.get("message_id")))


def compare(
    tx: sa.Connection, partner_id: int, file_id: int, said: Said, terms: Handback, log: FindingLog
) -> None:
    """Log what is odd about a file's message id and sequence, given the others of its partner."""
    others = FILE.c.partner_id == partner_id
    if terms.duplicate_sequence is DuplicateSequence.QUARANTINE:
        for column, text, note in (
            (FILE.c.message_id, said.message_id, FileNote.MESSAGE_ID_REUSED),
            (FILE.c.file_sequence, said.sequence, FileNote.SEQUENCE_REUSED),
        ):
            other = (
                None
                if text is None
                else _taken_with(tx, others & (FILE.c.file_id != file_id), column, text)
            )
            if other is not None:
                log.tell(note, f"{_shown(other)} with other content says {text} too")
                return
    if said.sequence_number is not None:
        _compare_order(tx, others & (FILE.c.file_id < file_id), said.sequence_number, terms, log)


def _compare_order(
    tx: sa.Connection,
    earlier: sa.ColumnElement[bool],
    number: int,
    terms: Handback,
    log: FindingLog,
) -> None:
    """Files are compared in the order of their arrival, whenever each came to be decoded."""
    taken = _highest(tx, earlier, _TAKEN)
    if taken is not None and number < taken:
        if terms.step_back is StepBack.QUARANTINE:
            log.tell(FileNote.SEQUENCE_STEP_BACK, f"{number} comes after {taken}")
        return
    came = _highest(tx, earlier, _CAME)
    if came is not None and number > came + 1:
        missing = f"{came + 1}" if number == came + 2 else f"{came + 1} to {number - 1}"
        log.tell(FileNote.SEQUENCE_GAP, f"{missing} did not come before {number}")


def _taken_with(
    tx: sa.Connection,
    others: sa.ColumnElement[bool],
    column: sa.ColumnElement[str],
    text: str,
) -> int | None:
    """Another file that says the same and was not held back."""
    other = sa.select(FILE.c.file_id).where(
        others,
        column == text,
        FILE.c.verdict.is_not(None),
        FILE.c.state.in_(_TAKEN),
    )
    found: int | None = tx.scalar(other.limit(1))
    return found


def _highest(tx: sa.Connection, earlier: sa.ColumnElement[bool], states: list[int]) -> int | None:
    """The highest sequence of earlier files in these states."""
    select = (
        sa.select(FILE.c.sequence_number)
        .where(earlier, FILE.c.sequence_number.is_not(None), FILE.c.state.in_(states))
        .order_by(FILE.c.sequence_number.desc())
        .limit(1)
    )
    found: int | None = tx.scalar(select)
    return found


def _text(value: object) -> str | None:
    # What a header says may have a NUL, see `Layout.may_hold_nul`.
    return None if value is None else str(value).replace("\0", "\N{REPLACEMENT CHARACTER}")


def _shown(file_id: int) -> str:
    return public_id(Prefix.HANDBACK_FILE, file_id)
