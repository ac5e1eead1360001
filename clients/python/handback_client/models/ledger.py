"""What the postings of the journal add up to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What one partner's redemptions in one unit add up to: member + held + fulfilled = 0."""

    programme: str
    partner: str
    unit: str
    member: int
    held: int
    fulfilled: int
