"""What calls take and give: frozen dataclasses, free of gRPC and protobuf.

Ids are text (`rdm_…`), instants aware UTC datetimes, quantities integers of the unit named beside
them. A word that a newer server knows and this client does not reads `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from handback_client.errors import HandbackError


class State(StrEnum):
    """Where a redemption stands; `none` is where it stood before it was submitted."""

    NONE = "none"
    SUBMITTED = "submitted"
    AWAITING_HANDBACK = "awaiting_handback"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    RETRYING = "retrying"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Trigger(StrEnum):
    """What moved a redemption."""

    NONE = "none"
    SUBMIT = "submit"
    DISPATCH = "dispatch"
    ACKNOWLEDGE = "acknowledge"
    CONFIRM = "confirm"
    REJECT = "reject"
    EXPIRE = "expire"
    RETRY = "retry"
    FAIL = "fail"
    CANCEL = "cancel"
    RETURN = "return"
    RETURN_PART = "return_part"
    REINSTATE = "reinstate"
    UNKNOWN = "unknown"


class ReasonClass(StrEnum):
    """What a partner's reason code means; `none` where no reason was given or needed."""

    NONE = "none"
    OK = "ok"
    OK_CHANGED = "ok_changed"
    PARTIAL = "partial"
    WAIT = "wait"
    FIX_MEMBER = "fix_member"
    DEAD = "dead"
    TEMPORARY = "temporary"
    LATER = "later"
    OURS = "ours"
    DUPLICATE = "duplicate"
    UNKNOWN_OUTCOME = "unknown_outcome"
    HOLD = "hold"
    OPS = "ops"
    RETURNED = "returned"
    UNKNOWN = "unknown"


class CauseKind(StrEnum):
    """Why the journal was written."""

    NONE = "none"
    COMMAND = "command"
    PAYOUT_BATCH = "payout_batch"
    HANDBACK_FILE = "handback_file"
    BREAK = "break"
    POLICY = "policy"
    UNKNOWN = "unknown"


class BatchState(StrEnum):
    """How far a payout batch has come."""

    NONE = "none"
    SEALED = "sealed"
    DELIVERED = "delivered"
    DISPATCHED = "dispatched"
    UNKNOWN = "unknown"


class FileState(StrEnum):
    """How far a hand-back file has come."""

    NONE = "none"
    RECEIVED = "received"
    QUARANTINED = "quarantined"
    RECONCILING = "reconciling"
    RECONCILED = "reconciled"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """How grave a finding is: worth knowing, a record lost, or a file that cannot be trusted."""

    NONE = "none"
    NOTE = "note"
    REJECT = "reject"
    QUARANTINE = "quarantine"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a caller asks for when it submits a redemption.

    `request_key` is unique in the programme and makes repeating safe; it is made up where it is
    empty, which is safe only as long as this process lives. `fields` is what the partner's file
    needs to know of the member, by the names of the agreement.
    """

    partner: str
    member_ref: str
    quantity: int
    unit: str
    fields: Mapping[str, str] = field(default_factory=dict)
    request_key: str = ""
    trace_context: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """One redemption as it stands.

    `held` is what is neither fulfilled nor given back yet; `attempt` is the one last sent to the
    partner, 0 before the first; `version` grows by one with every step; `due_at` is when it may go
    into a payout batch, None where it waits for none.
    """

    redemption_id: str
    programme: str
    partner: str
    member_ref: str
    quantity: int
    unit: str
    state: State
    attempt: int
    version: int
    held: int
    fulfilled: int
    submitted_at: datetime | None
    due_at: datetime | None
    # True where the same request had been answered before and this is that answer.
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitOutcome:
    """What became of one submission of many: a redemption, or the error that refused it."""

    submission: Submission
    redemption: Redemption | None = None
    error: HandbackError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One step of one redemption, as the journal holds it.

    `quantity` is what the step moved between accounts. `file_id` and `ordinal` name the record of
    a hand-back file that caused it, empty and 0 for other causes. A watch that begins after
    `cursor` begins with the event that follows this one. `comment` is what whoever gave a command
    had to say; a history has it, a watch does not.
    """

    redemption_id: str
    version: int
    trigger: Trigger
    from_state: State
    to_state: State
    attempt: int
    quantity: int
    unit: str
    partner: str
    reason_class: ReasonClass
    reason_code: str
    file_id: str
    ordinal: int
    block_id: str
    committed_at: datetime | None
    cause: CauseKind
    cause_id: str
    actor: str
    trace_context: str
    position: int
    cursor: str
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBatch:
    """What a watch hands over at a time: events in order, none where only the cursor moved.

    `caught_up` is true in one batch of a watch: everything committed before it began was given.
    """

    events: tuple[Event, ...]
    cursor: str
    caught_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many, and how much they come to together."""

    count: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutBatch:
    """One outbound file and the redemptions in it; `fingerprint` is SHA-256 in hexadecimal."""

    batch_id: str
    programme: str
    partner: str
    unit: str
    sequence: int
    agreement_version: int
    state: BatchState
    record_count: int
    quantity: int
    file_name: str
    fingerprint: str
    size_bytes: int
    sealed_at: datetime | None
    delivered_at: datetime | None
    dispatched_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReport:
    """What became of what a payout batch sent: sent = confirmed + rejected + open."""

    batch_id: str
    sent: Tally
    confirmed: Tally
    rejected: Tally
    open: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class HandbackFile:
    """One arrival of a file in which a partner answers.

    `verdict` is a fixed word for what was found of it (`ACCEPTED`, `REPEAT`), empty before;
    `repeats_file_id` is the file it repeats, empty where it repeats none; `previous_file_id` the
    newest one before it of the same name and other content. `envelope` is what it was compressed
    in, such as `gzip`. Its bytes are kept until `removed_at`.
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
    """What became of the records of a file: records = events + repeats + breaks + rejects."""

    file: HandbackFile
    records: Tally
    events: Tally
    repeats: Tally
    breaks: Tally
    rejects: Tally
    batches: tuple[BatchReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A work item that reconciliation cannot close by itself; open while `closed_at` is None."""

    break_id: str
    programme: str
    partner: str
    kind: str
    redemption_id: str
    attempt: int
    file_id: str
    ordinal: int
    quantity: int | None
    reason_code: str
    reason_class: ReasonClass
    raw: str
    facts: Mapping[str, str]
    opened_at: datetime | None
    closed_at: datetime | None
    closed_by: str
    resolution: str
    comment: str
    # True where the same request had been answered before and this is that answer.
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """One partner of a programme, and the latest version of its agreement."""

    programme: str
    partner: str
    agreement_version: int
    created_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One version of a partner's terms; `source` is the TOML document, empty in lists."""

    programme: str
    partner: str
    version: int
    source: str
    content_hash: str
    actor: str
    applied_at: datetime | None
    # True where the document was applied and the latest version said the same already.
    unchanged: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What one partner's redemptions in one unit add up to: member + held + fulfilled = 0."""

    programme: str
    partner: str
    unit: str
    member: int
    held: int
    fulfilled: int
