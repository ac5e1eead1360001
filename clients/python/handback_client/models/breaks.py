"""Breaks: what reconciliation could not close by itself, and what people do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from handback_client.errors import HandbackError
from handback_client.models.files import Finding, HandbackFile
from handback_client.models.words import ReasonClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A decision on a break that waits for a second person.

    `quantity` would count as credited. It has `lapsed` where the redemption has moved since: then
    it can only be declined, or replaced by another.
    """

    number: int
    decision: str
    redemption_id: str
    quantity: int
    actor: str
    comment: str
    proposed_at: datetime | None
    lapsed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A work item that reconciliation cannot close by itself; open while `closed_at` is None.

    It has been open for `age_s` seconds, or was. `owner` is empty where nobody has taken it on.
    """

    break_id: str
    programme: str
    partner: str
    kind: str
    severity: str
    redemption_id: str
    attempt: int
    file_id: str
    ordinal: int
    quantity: int | None
    reason_code: str
    reason_class: ReasonClass
    raw: str
    facts: Mapping[str, str]
    owner: str
    opened_at: datetime | None
    due_at: datetime | None
    age_s: int = field(compare=False)
    closed_at: datetime | None
    closed_by: str
    resolution: str
    comment: str
    proposal: Proposal | None
    # True where the same request had been answered before and this is that answer.
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakNote:
    """What was done with a break, by whom and when; numbered from 1."""

    number: int
    kind: str
    actor: str
    text: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """A break with its history and all that it rests on.

    The record stands on `line` of `file`, `findings` were made in it; `earlier` are the breaks
    before it about the same redemption, or the same reference, the newest first.
    """

    found: Break
    history: tuple[BreakNote, ...]
    reference: str
    line: int
    agreement_version: int
    file: HandbackFile | None
    findings: tuple[Finding, ...]
    earlier: tuple[Break, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveOutcome:
    """What a decision came to for one break: the break as it stands, or why nothing was done.

    Where it was `proposed`, it waits for a second person.
    """

    break_id: str
    found: Break | None
    error: HandbackError | None
    proposed: bool
    replayed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """One outcome for each break; `more` where the filter lets further ones pass."""

    outcomes: tuple[ResolveOutcome, ...]
    more: bool
