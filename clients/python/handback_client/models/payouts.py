"""Payout batches and what became of what they sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from handback_client.models.words import BatchState


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many, and how much they come to together."""

    count: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutBatch:
    """One outbound file and the redemptions in it; `fingerprint` is SHA-256 in hexadecimal.

    `due_by` is the cut-off it was gathered for, or when it was gathered; `split_value` is what all
    in it have in the field by which the agreement splits files. `deadline_at` is when the partner's
    time to answer is over, and from `settled_at` on everything is answered.
    """

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
    split_value: str
    due_by: datetime | None
    deadline_at: datetime | None
    settled_at: datetime | None
    recalled_at: datetime | None
    recalled_by: str
    recall_reason: str
    resent_at: datetime | None
    resent_by: str
    resent_as: str
    # True where the same request had been answered before and this is that answer.
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerHold:
    """A time during which nothing leaves for a partner, to this day where it has no end.

    `file_id` is the hand-back file in which the partner blames us, empty where a person holds it.
    """

    programme: str
    partner: str
    reason: str
    file_id: str
    held_at: datetime | None
    held_by: str
    released_at: datetime | None
    released_by: str
    release_comment: str
    # True where the same request had been answered before and this is that answer.
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReport:
    """What became of what a payout batch sent: sent = confirmed + rejected + open + remainder.

    `remainder` is what partial credits and returns left: given back, sent anew, let be or borne by
    the programme. Its count is that of the records it is of, which are among the others.
    """

    batch_id: str
    sent: Tally
    confirmed: Tally
    rejected: Tally
    open: Tally
    remainder: Tally
