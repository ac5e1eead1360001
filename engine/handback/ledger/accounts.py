"""Balances of one partner's redemptions in one unit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Balance:
    """What postings add up to; the quantities always add up to nothing."""

    programme: str
    partner: str
    unit: str
    member: int
    """What went to (positive) or came from (negative) members."""
    held: int
    """What is outstanding: set aside for redemptions whose outcome is open."""
    fulfilled: int
    """What the partner has credited."""
    variance: int
    """Differences with the partner that are let be."""
    written_off: int
    """What was given up (positive), or is borne because it was credited though given back."""
