"""Hand-back files, what is wrong in them and what a run came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from handback_client.models.ledger import RunContinuity
from handback_client.models.payouts import BatchReport, Tally
from handback_client.models.words import FileState, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class HandbackFile:
    """One arrival of a file in which a partner answers.

    `verdict` is a fixed word for what was found of it (`ACCEPTED`, `REPEAT`), empty before;
    `repeats_file_id` is the file it repeats, empty where it repeats none; `previous_file_id` the
    newest one before it of the same name and other content. `envelope` is what it was compressed
    in, such as `gzip`. Its bytes are kept until `removed_at`. `discard_asked_by` is who asks to
    discard it, until a second person does.
    """

    file_id: str
    programme: str
    partner: str
    file_name: str
    source: str
    fingerprint: str
    size_bytes: int
    state: FileState
    verdict: str
    repeats_file_id: str
    agreement_version: int
    file_sequence: str
    record_count: int
    finding_count: int
    actor: str
    received_at: datetime | None
    closed_at: datetime | None
    envelope: str = ""
    previous_file_id: str = ""
    message_id: str = ""
    removed_at: datetime | None = None
    discard_asked_by: str = ""
    # True where the same request had been answered before and this is that answer.
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong or odd in the bytes of a file; ordinal 0 is the file as a whole."""

    number: int
    ordinal: int
    line: int
    field: str
    code: str
    severity: Severity
    message: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What became of the records of a file: records = events + repeats + breaks + rejects.

    `continuity` says what the accounts of its partner were before and after; None where the file
    moved nothing, or its blocks have no position yet.
    """

    file: HandbackFile
    records: Tally
    events: Tally
    repeats: Tally
    breaks: Tally
    rejects: Tally
    batches: tuple[BatchReport, ...]
    continuity: RunContinuity | None
