"""Payout batches and what became of what they sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from handback_client.models.words import BatchState


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
