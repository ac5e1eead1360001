"""The steps that a decision comes to, as they would be written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

import sqlalchemy as sa

from handback.breaks.decisions import Decision
from handback.breaks.doubts import MAY_BE_CREDITED
from handback.breaks.proposals import Proposed
from handback.breaks.queries import BreakView
from handback.errors import HandbackError
from handback.ids import Prefix, public_id
from handback.lifecycle.table import State, Trigger
from handback.partners.codes import ReasonClass
from handback.partners.registry import Agreements
from handback.redemptions.draft import Draft
from handback.redemptions.queries import owned
from handback.redemptions.requests import MAX_TEXT, Fail, Retry, Step
from handback.redemptions.sheet import Sheet, Standing
from handback.resolutions.steps import steps
from handback.store import requests
from handback.store.requests import Command
from handback.store.session import Store

COMMANDS: Final[Mapping[Decision, type[Step]]] = MappingProxyType(
    {Decision.RETRY: Retry, Decision.FAIL: Fail}
)
"""The decisions that are a command, as anybody may give it; all others are taken by hand."""


@dataclass(frozen=True, slots=True)
class Room:
    """Where a decision is carried out: within one transaction, at one instant."""

    store: Store
    tx: sa.Connection
    agreements: Agreements
    now: datetime


def key_for(command: Command, part: str) -> str:
    """The key under which a part of a command is remembered, which is no longer than any may be."""
    key = f"{command.request_key}/{part}"
    if len(key) <= MAX_TEXT:
        return key
    digest = hashlib.sha256(str(command.request_key).encode()).hexdigest()
    return f"{digest}/{part}"


def drafted(
    room: Room, view: BreakView, proposed: Proposed, command: Command, *, approved: bool
) -> Sheet:
    """What a decision about a break would write. Raises what the lifecycle refuses.

    `approved` says that a second person agrees.
    """
    (found,) = owned(room.tx, [proposed.redemption_id]).values()
    standing = Standing(*found, was_waiting=found[0].due_at is not None)
    if proposed.decision not in COMMANDS:
        return _by_hand(room, standing, proposed, command, approved=approved)
    if approved and _goes_out_anyway(view, standing, proposed.decision):
        return Sheet(room.now)
    return _by_command(room, standing, proposed.decision, command, approved=approved)


def _goes_out_anyway(view: BreakView, standing: Standing, decision: Decision) -> bool:
    """Whether all that a retry takes is that nobody doubts any more: it waits for its batch."""
    waits = standing.view.state is State.RETRYING and standing.waiting
    return decision is Decision.RETRY and waits and view.reason_class in MAY_BE_CREDITED


def _by_command(
    room: Room, standing: Standing, decision: Decision, command: Command, *, approved: bool
) -> Sheet:
    """The steps of a command, decided as from any caller."""
    draft = Draft(room.tx, room.agreements, room.now, approved=approved)
    (answer,) = draft.decide([_request(COMMANDS[decision], standing, command)])
    if isinstance(answer, HandbackError):
        raise answer
    return draft.sheet


def _by_hand(
    room: Room, standing: Standing, proposed: Proposed, command: Command, *, approved: bool
) -> Sheet:
    """The steps that credit a redemption as decided, whatever the partner has said."""
    sheet, redemption_id = Sheet(room.now), proposed.redemption_id
    sheet.standings[redemption_id] = standing
    by_hand = steps(proposed.decision, standing.view, proposed.attempt, proposed.quantity)
    for trigger, moved, attempt in by_hand:
        due_at = None if trigger is Trigger.CONFIRM else standing.view.due_at
        reason = ReasonClass.NONE if trigger is Trigger.REJECT else ReasonClass.OK
        sheet.move(standing, trigger, moved, due_at, reason, attempt=attempt, approved=approved)
    sheet.resolve(redemption_id, proposed.decision.resolution, command.comment)
    content = requests.content_hash(int(proposed.decision), proposed.quantity)
    sheet.remember(_request(Step, standing, command), content, standing.owner, standing.view)
    return sheet


def _request(kind: type[Step], standing: Standing, command: Command) -> Step:
    """What is remembered as asked for: the history of a redemption shows why by its key."""
    view = standing.view
    key = key_for(command, public_id(Prefix.REDEMPTION, view.redemption_id))
    return kind(view.programme, key, view.redemption_id, command.comment)
