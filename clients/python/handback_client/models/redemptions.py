"""Redemptions, what is asked for and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from handback_client.errors import HandbackError
from handback_client.models.words import CauseKind, ReasonClass, State, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a caller asks for when it submits a redemption.

    `request_key` is unique in the programme and makes repeating safe; it is made up where it is
    empty, which is safe only as long as this process lives. `fields` is what the partner's file
    needs to know of the member, by the names of the agreement.
    """

    partner: str
    member_ref: str
    quantity: int
    unit: str
    fields: Mapping[str, str] = field(default_factory=dict)
    request_key: str = ""
    trace_context: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """One redemption as it stands.

    `held` is what is neither fulfilled nor given back yet; `attempt` is the one last sent to the
    partner, 0 before the first; `version` grows by one with every step; `due_at` is when it may go
    into a payout batch, None where it waits for none. The answer to a submit tells the partner's
    next cut-off, at which it is gathered if there is room; None where there are none.
    """

    redemption_id: str
    programme: str
    partner: str
    member_ref: str
    quantity: int
    unit: str
    state: State
    attempt: int
    version: int
    held: int
    fulfilled: int
    submitted_at: datetime | None
    due_at: datetime | None
    # Of which it is the remainder, and what was made of its own; told of one that is asked for.
    origin_id: str = ""
    remainder_ids: tuple[str, ...] = ()
    next_cut_off_at: datetime | None = field(default=None, compare=False)
    # True where the same request had been answered before and this is that answer.
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitOutcome:
    """What became of one submission of many: a redemption, or the error that refused it."""

    submission: Submission
    redemption: Redemption | None = None
    error: HandbackError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A partner credited to other details of a member than those it was given.

    `named_member` is whom it names instead, empty where nobody else. As long as nobody has
    acknowledged it, submits of the member to that partner are refused.
    """

    correction_id: str
    programme: str
    partner: str
    member_ref: str
    named_member: str
    redemption_id: str
    file_id: str
    ordinal: int
    reason_code: str
    raised_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    # True where the same request had been answered before and this is that answer.
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One step of one redemption, as the journal holds it.

    `quantity` is what the step moved between accounts. `file_id` and `ordinal` name the record of
    a hand-back file that caused it, empty and 0 for other causes. A watch that begins after
    `cursor` begins with the event that follows this one. `comment` is what whoever gave a command
    had to say; a history has it, a watch does not.
    """

    redemption_id: str
    version: int
    trigger: Trigger
    from_state: State
    to_state: State
    attempt: int
    quantity: int
    unit: str
    partner: str
    reason_class: ReasonClass
    reason_code: str
    file_id: str
    ordinal: int
    block_id: str
    committed_at: datetime | None
    cause: CauseKind
    cause_id: str
    actor: str
    trace_context: str
    position: int
    cursor: str
    comment: str
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBatch:
    """What a watch hands over at a time: events in order, none where only the cursor moved.

    `caught_up` is true in one batch of a watch: everything committed before it began was given.
    """

    events: tuple[Event, ...]
    cursor: str
    caught_up: bool = False
