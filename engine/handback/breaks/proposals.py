"""Decisions that wait for a second person: made by one, approved or declined by another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from handback.breaks import notes
from handback.breaks.decisions import Approval, Decision
from handback.breaks.notes import NoteKind
from handback.breaks.queries import PROPOSAL, BreakView, Proposal
from handback.errors import NotAllowed, ProposalLapsed
from handback.ids import Prefix, public_id


@dataclass(frozen=True, slots=True)
class Proposed:
    """What is to be done with which redemption, as it stands at a version.

    `quantity` is what counts as credited.
    """

    decision: Decision
    redemption_id: int
    attempt: int
    version: int
    quantity: int


def propose(
    tx: sa.Connection, view: BreakView, proposed: Proposed, actor: str, comment: str, at: datetime
) -> None:
    """Put a decision to a second person; an earlier proposal that is open lapses."""
    if view.proposal is not None:
        close(tx, [view.break_id], Approval.LAPSED, actor, at)
    last = sa.select(sa.func.coalesce(sa.func.max(PROPOSAL.c.number), 0))
    number = tx.scalar(last.where(PROPOSAL.c.break_id == view.break_id)) or 0
    row = {
        "break_id": view.break_id,
        "number": number + 1,
        "decision": int(proposed.decision),
        "redemption_id": proposed.redemption_id,
        "attempt": proposed.attempt,
        "version": proposed.version,
        "quantity": proposed.quantity,
        "actor": actor,
        "comment": comment,
        "proposed_at": at,
    }
    tx.execute(sa.insert(PROPOSAL).values(row))
    redemption = public_id(Prefix.REDEMPTION, proposed.redemption_id)
    said = f"{proposed.decision} {proposed.quantity} of {redemption}: {comment}"
    notes.write(tx, [view.break_id], NoteKind.PROPOSED, actor, said, at)


def pending(view: BreakView, number: int, actor: str) -> Proposal:
    """The open proposal that is meant, for `actor` to approve.

    Raises ProposalLapsed where it is another one or its redemption has moved, NotAllowed where it
    is the actor's own.
    """
    proposal = numbered(view, number)
    named = public_id(Prefix.BREAK, view.break_id)
    if proposal.actor == actor:
        action = "approve what they have proposed themselves"
        raise NotAllowed(actor=actor, action=action, break_id=named, proposal=number)
    if proposal.lapsed:
        raise ProposalLapsed(break_id=named, why="the redemption has moved since")
    return proposal


def numbered(view: BreakView, number: int) -> Proposal:
    """The open proposal of a break by its number. Raises ProposalLapsed for any other."""
    if view.proposal is None or view.proposal.number != number:
        named = public_id(Prefix.BREAK, view.break_id)
        raise ProposalLapsed(break_id=named, why=f"proposal {number} is not open")
    return view.proposal


def approve(tx: sa.Connection, view: BreakView, actor: str, comment: str, at: datetime) -> None:
    """Note that a second person agrees."""
    close(tx, [view.break_id], Approval.APPROVED, actor, at)
    notes.write(tx, [view.break_id], NoteKind.APPROVED, actor, comment, at)


def decline(tx: sa.Connection, view: BreakView, actor: str, comment: str, at: datetime) -> None:
    """Note that somebody does not, or has thought better of it; the break stays open."""
    close(tx, [view.break_id], Approval.DECLINED, actor, at)
    notes.write(tx, [view.break_id], NoteKind.DECLINED, actor, comment, at)


def close(
    tx: sa.Connection, break_ids: Sequence[int], verdict: Approval, actor: str, at: datetime
) -> None:
    """Say what became of the open proposals of some breaks."""
    waiting = sa.update(PROPOSAL).where(
        PROPOSAL.c.break_id.in_(break_ids), PROPOSAL.c.verdict.is_(None)
    )
    tx.execute(waiting.values(verdict=int(verdict), decided_by=actor, decided_at=at))
