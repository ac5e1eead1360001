"""What people do with a break that moves no redemption: take it on, comment, dismiss, reopen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from handback.breaks import notes, queries, resolve
from handback.breaks.kinds import HOLDING, Resolution
from handback.breaks.notes import NoteKind
from handback.breaks.queries import BREAK, REDEMPTION, BreakView
from handback.errors import (
    BreakClosed,
    BreakHoldsRedemption,
    BreakOpen,
    InvalidRequest,
    Violation,
)
from handback.ids import Prefix, public_id
from handback.lifecycle.table import State
from handback.store import requests
from handback.store.requests import Command


@dataclass(frozen=True, slots=True)
class Done:
    """The break as it stands; `replayed` where the same request had been answered before."""

    view: BreakView
    replayed: bool = False


def assign(
    tx: sa.Connection, programme: str, break_id: int, owner: str, command: Command, at: datetime
) -> Done:
    """Give a break to somebody, or to nobody where `owner` is empty.

    Raises NotFound, RequestKeyReused, BreakClosed.
    """

    def act(view: BreakView) -> None:
        _must_be_open(view)
        row = sa.update(BREAK).where(BREAK.c.break_id == break_id)
        tx.execute(row.values(owner=owner or None))
        notes.write(tx, [break_id], NoteKind.ASSIGNED, command.actor, owner, at)

    return once(tx, programme, break_id, command, ("assign", owner), at, act)


def comment(
    tx: sa.Connection, programme: str, break_id: int, command: Command, at: datetime
) -> Done:
    """Add what somebody has to say; a closed break may be commented on too.

    Raises InvalidRequest without a comment, NotFound, RequestKeyReused.
    """
    said = worded(command, "expected what there is to say")

    def act(view: BreakView) -> None:
        notes.write(tx, [break_id], NoteKind.COMMENTED, command.actor, said, at)

    return once(tx, programme, break_id, command, ("comment", said), at, act)


def dismiss(
    tx: sa.Connection, programme: str, break_id: int, command: Command, at: datetime
) -> Done:
    """Close a break that needs no step on any redemption.

    Raises InvalidRequest without a comment, NotFound, RequestKeyReused, BreakClosed where it was
    closed before, BreakHoldsRedemption where its redemption is rejected and waits for a decision
    in this very break.
    """
    said = worded(command, "expected why it needs no further step")

    def act(view: BreakView) -> None:
        close_dismissed(tx, view, command.actor, said, at)

    return once(tx, programme, break_id, command, ("dismiss", said), at, act)


def close_dismissed(
    tx: sa.Connection, view: BreakView, actor: str, said: str, at: datetime
) -> None:
    """Close a break without any step. Raises BreakClosed, BreakHoldsRedemption."""
    _must_be_open(view)
    if view.kind in HOLDING and view.redemption_id is not None:
        state = sa.select(REDEMPTION.c.state)
        if (
            tx.scalar(state.where(REDEMPTION.c.redemption_id == view.redemption_id))
            == State.REJECTED
        ):
            raise BreakHoldsRedemption(
                break_id=public_id(Prefix.BREAK, view.break_id),
                redemption=public_id(Prefix.REDEMPTION, view.redemption_id),
            )
    resolve.close(tx, view.break_id, Resolution.DISMISSED, actor, at, said)


def reopen(
    tx: sa.Connection, programme: str, break_id: int, command: Command, at: datetime
) -> Done:
    """Open a closed break again; nothing that its closing moved moves back.

    Raises InvalidRequest without a comment, NotFound, RequestKeyReused, BreakOpen.
    """
    said = worded(command, "expected why it has to be looked at again")

    def act(view: BreakView) -> None:
        if view.closed_at is None:
            raise BreakOpen(break_id=public_id(Prefix.BREAK, break_id))
        row = sa.update(BREAK).where(BREAK.c.break_id == break_id)
        names = ("closed_at", "closed_by", "closed_version", "resolution", "comment")
        tx.execute(row.values(dict.fromkeys(names)))
        notes.write(tx, [break_id], NoteKind.REOPENED, command.actor, said, at)

    return once(tx, programme, break_id, command, ("reopen", said), at, act)


def once(
    tx: sa.Connection,
    programme: str,
    break_id: int,
    command: Command,
    asked: tuple[object, ...],
    at: datetime,
    act: Callable[[BreakView], None],
) -> Done:
    """Act on a break unless the same request was answered before.

    `asked` is everything asked for but the break. Raises NotFound, RequestKeyReused, and what
    `act` raises.
    """
    found = queries.locked(tx, programme, break_id)
    content = requests.content_hash(asked[0], break_id, *asked[1:])
    if requests.answered(tx, found.programme_id, command, content) is not None:
        return Done(found, replayed=True)
    act(found)
    requests.remember(tx, found.programme_id, command, content, break_id, at)
    return Done(queries.get(tx, programme, break_id))


def worded(command: Command, expected: str) -> str:
    """The comment of a command that needs one. Raises InvalidRequest."""
    if not command.comment.strip():
        raise InvalidRequest([Violation("comment", expected)])
    return command.comment


def _must_be_open(view: BreakView) -> None:
    if view.closed_at is not None:
        raise BreakClosed(break_id=public_id(Prefix.BREAK, view.break_id))
