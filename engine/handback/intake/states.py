"""Where a hand-back file stands, and the verdict that brought it there."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class FileState(IntEnum):
    """The road of a file. Without a verdict, RECEIVED still waits for its decoding."""

    RECEIVED = 1
    QUARANTINED = 2
    RECONCILING = 3
    RECONCILED = 4
    REFUSED = 5

    def __str__(self) -> str:
        return self.name.lower()


class Verdict(StrEnum):
    """What was found of a file; fixed for ever, programs read it."""

    # Goes on to reconciliation.
    ACCEPTED = "ACCEPTED"
    ACCEPTED_WITH_FINDINGS = "ACCEPTED_WITH_FINDINGS"
    HEARTBEAT = "HEARTBEAT"
    RELEASED = "RELEASED"
    # Refused: there is nothing in it that could ever be applied.
    EMPTY = "EMPTY"
    REPEAT = "REPEAT"
    ECHO = "ECHO"
    TOO_LARGE = "TOO_LARGE"
    DISCARDED = "DISCARDED"  # by two persons, after it was quarantined
    # Quarantined, until people release, replay or discard it.
    OTHER_PARTNER = "OTHER_PARTNER"
    OTHER_DIRECTION = "OTHER_DIRECTION"
    OTHER_ENVIRONMENT = "OTHER_ENVIRONMENT"
    UNOPENABLE = "UNOPENABLE"
    UNREADABLE = "UNREADABLE"
    TRUNCATED = "TRUNCATED"
    CONTROL_MISMATCH = "CONTROL_MISMATCH"
    MALFORMED = "MALFORMED"
    ROWS_REJECTED = "ROWS_REJECTED"
    UNANSWERED = "UNANSWERED"
    MESSAGE_ID_REUSED = "MESSAGE_ID_REUSED"
    SEQUENCE_REUSED = "SEQUENCE_REUSED"
    SEQUENCE_STEP_BACK = "SEQUENCE_STEP_BACK"
