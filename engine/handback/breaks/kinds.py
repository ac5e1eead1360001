"""What kinds of break there are, how grave each is, and how a break is closed."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Severity(IntEnum):
    """How grave a break is; by default it decides when it is due."""

    LOW = 1
    NORMAL = 2
    HIGH = 3
    CRITICAL = 4

    def __str__(self) -> str:
        return self.name.lower()


class BreakKind(IntEnum):
    """Why a person has to look. Numbers are stored and never given anew."""

    sentence: str
    severity: Severity

    def __new__(
        cls, value: int, sentence: str = "", severity: Severity = Severity.NORMAL
    ) -> BreakKind:
        member = int.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        member.severity = severity
        return member

    UNKNOWN_REFERENCE = 1, "The record quotes nothing that was ever sent to this partner."
    AMBIGUOUS_MATCH = 2, "The record fits several attempts; none of them is guessed at."
    PARTNER_MISMATCH = (
        3,
        "The record quotes an attempt that went to another partner.",
        Severity.HIGH,
    )
    QUANTITY_MISMATCH = (
        4,
        "The record names another quantity than the redemption holds.",
        Severity.HIGH,
    )
    UNIT_MISMATCH = 5, "The record names another unit than the redemption's.", Severity.HIGH
    MEMBER_MISMATCH = 6, "The record names another member than the redemption's.", Severity.HIGH
    CONTRADICTION = (
        7,
        "The partner both confirmed and rejected the same attempt.",
        Severity.CRITICAL,
    )
    POSSIBLE_DOUBLE_CREDIT = (
        8,
        "An earlier attempt is confirmed while a newer one is under way.",
        Severity.CRITICAL,
    )
    CONFIRMED_AFTER_FAILURE = (
        9,
        "The partner confirms what was given up and given back.",
        Severity.CRITICAL,
    )
    DUPLICATE_REJECTION = (
        10,
        "The partner says it knows the request; it may stand credited.",
        Severity.HIGH,
    )
    REVIEW = 11, "Rejected for a reason that only a person may decide on."
    UNMAPPED_CODE = 12, "Rejected with a code that the agreement does not know.", Severity.HIGH
    RETURNED = 13, "The credit came back, and a person decides what becomes of it."
    EARLY_ANSWER = 14, "The partner answers an attempt that has not been dispatched.", Severity.LOW
    LATE_ANSWER = 15, "The partner answers where the lifecycle allows nothing any more."
    OVERDUE = (
        16,
        "The partner's time to answer is over, and the agreement reads nothing into it.",
        Severity.HIGH,
    )
    UNWRITABLE = (
        17,
        "No payout file can carry the redemption under the present agreement.",
        Severity.HIGH,
    )
    UNDELIVERABLE = (
        18,
        "A payout file cannot be brought to its place; trying goes on.",
        Severity.HIGH,
    )
    MISSING_FILE = 19, "A hand-back file that was expected by now has not come.", Severity.HIGH
    PARTNER_STOPPED = (
        20,
        "The partner blames our files: nothing leaves until a person releases it.",
        Severity.HIGH,
    )
    OVER_CREDIT = 21, "The partner credited more than was asked for.", Severity.HIGH
    UNKNOWN_QUANTITY = (
        22,
        "The partner credited a part, or took a fee off, and does not say of how much.",
        Severity.HIGH,
    )
    DOUBLE_CREDIT = 23, "Two attempts of the redemption are confirmed.", Severity.CRITICAL
    RETURN_REVERSED = (
        24,
        "The credit that came back is said to stand after all.",
        Severity.CRITICAL,
    )
    RETURN_AFTER_WINDOW = 25, "The credit came back later than the agreement allows.", Severity.HIGH
    KEPT_BACK = (
        26,
        "The next attempt is kept back: an earlier one may stand credited.",
        Severity.HIGH,
    )

    def __str__(self) -> str:
        return self.name.lower()


HOLDING: Final = (
    BreakKind.DUPLICATE_REJECTION,
    BreakKind.REVIEW,
    BreakKind.UNMAPPED_CODE,
    BreakKind.RETURNED,
)
"""An open break of these kinds is the queue in which a rejected redemption stands.

A decision that moves the redemption closes it; dismissing it would leave the redemption waiting
nowhere.
"""

KEEPING: Final = (BreakKind.UNWRITABLE, BreakKind.KEPT_BACK)
"""An open break of these kinds says why a redemption that waits for its batch does not leave."""


class Resolution(IntEnum):
    """How a break was closed."""

    RETRIED = 1
    """The redemption goes to the partner once more."""
    FAILED = 2
    """The redemption was given up."""
    DISMISSED = 3
    """An operator found that no further step is needed."""
    SETTLED = 4
    """A later answer settled it."""
    CONFIRMED = 5
    """The redemption was confirmed by hand."""
    LINKED = 6
    """The record was applied to the redemption that a person named."""
    VARIANCE_ACCEPTED = 7
    """It was confirmed for what the partner credited, the rest booked as a variance."""
    WRITTEN_OFF = 8
    """It stands as credited, and what is missing is ours to bear."""
    REINSTATED = 9
    """What was given back to the member was taken again."""

    def __str__(self) -> str:
        return self.name.lower()


LAPSING: Final = (Resolution.DISMISSED, Resolution.VARIANCE_ACCEPTED)
"""Acceptances: they hold for as long as the facts that somebody accepted stay as they were."""
