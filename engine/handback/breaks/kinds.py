"""What kinds of break there are, and how a break is closed."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class BreakKind(IntEnum):
    """Why a person has to look. Numbers are stored and never given anew."""

    sentence: str

    def __new__(cls, value: int, sentence: str = "") -> BreakKind:
        member = int.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    UNKNOWN_REFERENCE = 1, "The record quotes nothing that was ever sent to this partner."
    AMBIGUOUS_MATCH = 2, "The record fits several attempts; none of them is guessed at."
    PARTNER_MISMATCH = 3, "The record quotes an attempt that went to another partner."
    QUANTITY_MISMATCH = 4, "The record names another quantity than the redemption holds."
    UNIT_MISMATCH = 5, "The record names another unit than the redemption's."
    MEMBER_MISMATCH = 6, "The record names another member than the redemption's."
    CONTRADICTION = 7, "The partner both confirmed and rejected the same attempt."
    POSSIBLE_DOUBLE_CREDIT = 8, "An earlier attempt is confirmed while a newer one is under way."
    CONFIRMED_AFTER_FAILURE = 9, "The partner confirms what was given up and given back."
    DUPLICATE_REJECTION = 10, "The partner says it knows the request; it may stand credited."
    REVIEW = 11, "Rejected for a reason that only a person may decide on."
    UNMAPPED_CODE = 12, "Rejected with a code that the agreement does not know."
    RETURNED = 13, "The credit came back, and a person decides what becomes of it."
    EARLY_ANSWER = 14, "The partner answers an attempt that has not been dispatched."
    LATE_ANSWER = 15, "The partner answers where the lifecycle allows nothing any more."
    OVERDUE = 16, "The partner's time to answer is over, and the agreement reads nothing into it."
    UNWRITABLE = 17, "No payout file can carry the redemption under the present agreement."
    UNDELIVERABLE = 18, "A payout file cannot be brought to its place; trying goes on."
    MISSING_FILE = 19, "A hand-back file that was expected by now has not come."
    PARTNER_STOPPED = 20, "The partner blames our files: nothing leaves until a person releases it."

    def __str__(self) -> str:
        return self.name.lower()


HOLDING: Final = (
    BreakKind.DUPLICATE_REJECTION,
    BreakKind.REVIEW,
    BreakKind.UNMAPPED_CODE,
    BreakKind.RETURNED,
)
"""An open break of these kinds is the queue in which a rejected redemption stands.

Retry or fail closes it; dismissing it would leave the redemption waiting nowhere.
"""


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

    def __str__(self) -> str:
        return self.name.lower()
