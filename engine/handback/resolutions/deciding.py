"""Carrying out one decision about one break, or putting it to a second person."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from handback.breaks import commands, proposals, queries, resolve
from handback.breaks.decisions import Decision
from handback.breaks.doubts import doubts
from handback.breaks.proposals import Proposed
from handback.breaks.queries import BreakView, Proposal
from handback.errors import (
    BreakClosed,
    InvalidRequest,
    RetryExcluded,
    SecondPersonNeeded,
    Violation,
)
from handback.ids import Prefix, public_id
from handback.journal.commit import Cause, CauseKind
from handback.lifecycle.table import State
from handback.redemptions.queries import RedemptionView, history, not_found, owned
from handback.resolutions.drafting import COMMANDS, Room, drafted
from handback.resolutions.link import link
from handback.resolutions.steps import credited, given_back
from handback.store.requests import Command

_UNASKED: Final = (*COMMANDS, Decision.LINK)
_ALONE: Final = (State.REJECTED, State.RETRYING)
"""Where one person may retry or fail, unless it may stand credited or its policy excludes it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody decides about a break.

    `quantity` is what counts as credited, None for what the record says; `redemption_id` is needed
    where the break has none.
    """

    decision: Decision
    quantity: int | None = None
    redemption_id: int | None = None


def decide(room: Room, view: BreakView, wanted: Wanted, command: Command) -> None:
    """Close an open break by a decision, or propose that where it needs a second person.

    Raises BreakClosed, InvalidRequest, NotFound, IllegalTransition, CutOffPassed, LimitReached,
    FieldsUnchanged, BreakHoldsRedemption.
    """
    if view.closed_at is not None:
        raise BreakClosed(break_id=public_id(Prefix.BREAK, view.break_id))
    if wanted.decision is Decision.DISMISS:
        commands.close_dismissed(room.tx, view, command.actor, command.comment, room.now)
        return
    redemption = _redemption(room, view, wanted)
    proposed = _proposed(room, view, wanted, redemption)
    if wanted.decision in COMMANDS and redemption.state in _ALONE:
        with suppress(SecondPersonNeeded, RetryExcluded):
            carry_out(room, view, proposed, command, approved=False)
            return
    if wanted.decision is not Decision.LINK:
        # Nobody is asked about what cannot be done.
        drafted(room, view, proposed, command, approved=True)
    proposals.propose(room.tx, view, proposed, command.actor, command.comment, room.now)


def carry_out(
    room: Room, view: BreakView, proposed: Proposed, command: Command, *, approved: bool
) -> None:
    """Move the redemption as decided, and close its breaks, in the words of who decided it."""
    cause = Cause(CauseKind.BREAK, view.break_id, command.actor)
    if proposed.decision is Decision.LINK:
        whose = (proposed.redemption_id, proposed.attempt)
        link(room.store, room.tx, room.agreements, cause, view, *whose, room.now)
    else:
        drafted(room, view, proposed, command, approved=approved).write(room.tx, cause)
    redemption_id = proposed.redemption_id
    closing = (proposed.decision.resolution, command.actor, room.now, command.comment)
    resolve.close(room.tx, view.break_id, *closing)
    if proposed.decision is Decision.RETRY and not doubts(room.tx, [redemption_id]):
        resolve.close_for_redemption(room.tx, redemption_id, *closing)


def _redemption(room: Room, view: BreakView, wanted: Wanted) -> RedemptionView:
    """The redemption that is decided on. Raises InvalidRequest, NotFound."""
    named = view.redemption_id if view.redemption_id is not None else wanted.redemption_id
    if named is None:
        raise InvalidRequest([Violation("redemption_id", "expected, for the break names none")])
    if wanted.redemption_id not in (None, named):
        told = f"expected {public_id(Prefix.REDEMPTION, named)}, which the break is about"
        raise InvalidRequest([Violation("redemption_id", told)])
    queries.lock_redemption(room.tx, named)
    found, _ = owned(room.tx, [named]).get(named, (None, None))
    if found is None or found.programme != view.programme:
        raise not_found(named)
    if found.partner != view.partner:
        raise InvalidRequest([Violation("redemption_id", f"expected one of {view.partner}")])
    return found


def _proposed(room: Room, view: BreakView, wanted: Wanted, redemption: RedemptionView) -> Proposed:
    quantity, attempt = redemption.held, redemption.attempt
    if wanted.decision not in _UNASKED:
        said = _said(view, redemption) if wanted.quantity is None else None
        quantity = credited(_most(room, redemption), wanted.quantity, said)
        attempt = min(view.attempt or attempt, attempt)
    elif wanted.quantity is not None:
        raise InvalidRequest([Violation("quantity", f"expected none for {wanted.decision}")])
    if wanted.decision is Decision.LINK:
        if view.redemption_id is not None or view.file_id is None:
            told = "expected another: link is for records that led to no redemption"
            raise InvalidRequest([Violation("decision", told)])
        if not redemption.attempt:
            raise InvalidRequest([Violation("redemption_id", "expected one that was sent")])
        quantity = quantity if view.quantity is None else view.quantity
    return Proposed(
        wanted.decision,
        redemption.redemption_id,
        attempt,
        redemption.version,
        quantity,
    )


def _said(view: BreakView, redemption: RedemptionView) -> int | None:
    """How much the record says was credited. Raises InvalidRequest where it names another unit."""
    if view.facts.get("named_unit", redemption.unit) != redemption.unit:
        raise InvalidRequest([Violation("quantity", "expected, for the record names another unit")])
    return view.quantity


def _most(room: Room, redemption: RedemptionView) -> int:
    """How much can stand as credited: what is held, or once it was given up what was given back."""
    if redemption.state is not State.FAILED:
        return redemption.held
    steps_so_far = history(room.tx, redemption.programme, redemption.redemption_id)
    return min(redemption.quantity, given_back(steps_so_far))


def approved_by(command: Command, proposal: Proposal) -> tuple[Command, Proposed]:
    """The command of the checker in the words of the maker, and what it is about."""
    proposed = Proposed(
        proposal.decision,
        proposal.redemption_id,
        proposal.attempt,
        proposal.version,
        proposal.quantity,
    )
    return replace(command, comment=proposal.comment), proposed
