"""Breaks: what reconciliation could not close by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from handback_client.models.words import ReasonClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A work item that reconciliation cannot close by itself; open while `closed_at` is None."""

    break_id: str
    programme: str
    partner: str
    kind: str
    redemption_id: str
    attempt: int
    file_id: str
    ordinal: int
    quantity: int | None
    reason_code: str
    reason_class: ReasonClass
    raw: str
    facts: Mapping[str, str]
    opened_at: datetime | None
    closed_at: datetime | None
    closed_by: str
    resolution: str
    comment: str
    # True where the same request had been answered before and this is that answer.
    replayed: bool = field(default=False, compare=False)
