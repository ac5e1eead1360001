"""What a person may decide about a break."""

from __future__ import annotations

from enum import IntEnum

from handback.breaks.kinds import Resolution


class Decision(IntEnum):
    """A way out of a break. Numbers are stored and never given anew."""

    resolution: Resolution
    sentence: str

    def __new__(
        cls, value: int, resolution: Resolution = Resolution.DISMISSED, sentence: str = ""
    ) -> Decision:
        member = int.__new__(cls, value)
        member._value_ = value
        member.resolution = resolution
        member.sentence = sentence
        return member

    RETRY = 1, Resolution.RETRIED, "Send the redemption to the partner once more."
    FAIL = 2, Resolution.FAILED, "Give the redemption up; the member has the value back."
    DISMISS = 3, Resolution.DISMISSED, "Close the break; no redemption moves."
    CONFIRM = 4, Resolution.CONFIRMED, "The partner credited it; what it did not is given back."
    LINK = 5, Resolution.LINKED, "Apply the record to the redemption that is named."
    ACCEPT_VARIANCE = (
        6,
        Resolution.VARIANCE_ACCEPTED,
        "The partner credited it; what it did not is booked as a variance.",
    )
    WRITE_OFF = (
        7,
        Resolution.WRITTEN_OFF,
        "The partner credited it; what it did not, or what was given back already, is our loss.",
    )
    REINSTATE = 8, Resolution.REINSTATED, "It was credited though given back: take it back again."

    def __str__(self) -> str:
        return self.name.lower()


class Approval(IntEnum):
    """What became of a proposal."""

    APPROVED = 1
    DECLINED = 2
    LAPSED = 3
    """Another proposal took its place, or the break was closed without it."""

    def __str__(self) -> str:
        return self.name.lower()
