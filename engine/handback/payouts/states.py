"""Where a payout batch stands."""

from __future__ import annotations

from enum import IntEnum


class BatchState(IntEnum):
    """The road of a batch. Its attempts and its file are fixed from the moment it is sealed.

    A sealed one may be recalled; what was in it is due again, and its file never leaves.
    """

    SEALED = 1
    DELIVERED = 2
    DISPATCHED = 3
    RECALLED = 4

    def __str__(self) -> str:
        return self.name.lower()
