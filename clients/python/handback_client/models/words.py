"""The words of the lifecycle and of its neighbours, one enumeration each."""

from __future__ import annotations

from enum import StrEnum


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
    RELEASE = "release"
    ADJUST = "adjust"
    WRITE_OFF = "write_off"
    UNKNOWN = "unknown"


class Account(StrEnum):
    """Where value stands."""

    NONE = "none"
    MEMBER = "member"
    HELD = "held"
    FULFILLED = "fulfilled"
    VARIANCE = "variance"
    WRITTEN_OFF = "written_off"
    UNKNOWN = "unknown"


class OpenStanding(StrEnum):
    """How far an open redemption has come."""

    NONE = "none"
    DUE = "due"
    SENT = "sent"
    UNDECIDED = "undecided"
    UNKNOWN = "unknown"


class LiabilityBy(StrEnum):
    """What a line of the liability is about, in each unit."""

    NONE = "none"
    PARTNER = "partner"
    BATCH = "batch"
    STANDING = "standing"
    MEMBER = "member"
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
    RECALLED = "recalled"
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
