"""Resolving breaks: one by one, many at once, and by two persons where value is at stake.

Each break is decided in a transaction of its own, under a key made of the request's and its own
id: a bulk that is cut off goes on where it was when it is asked for again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from handback.breaks import commands, proposals, queries
from handback.breaks.commands import Done
from handback.breaks.queries import BreakFilter, BreakView
from handback.clock import Clock
from handback.errors import HandbackError, InvalidRequest, StoreUnavailable, Violation
from handback.ids import Prefix, public_id
from handback.journal.again import decide_again
from handback.partners.queries import number_of_programme
from handback.partners.registry import Agreements
from handback.resolutions.deciding import Wanted, approved_by, carry_out, decide
from handback.resolutions.drafting import Room, key_for
from handback.store import requests
from handback.store.bulk import table_of
from handback.store.requests import Command
from handback.store.session import Store
from handback.store.tables import BreakBulk

BULK = table_of(BreakBulk)

MAX_BREAKS: Final = 1_000
"""How many one request resolves, a few milliseconds each."""

_WHY: Final = "expected why it is decided so"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request came to for one break: how it stands, or why nothing was done."""

    break_id: int
    result: BreakView | HandbackError
    replayed: bool = False

    @property
    def proposed(self) -> bool:
        """Whether it waits for a second person."""
        return isinstance(self.result, BreakView) and self.result.proposal is not None


@dataclass(frozen=True, slots=True)
class Bulk:
    """The outcome for each break; `more` where a filter lets further ones pass."""

    outcomes: Sequence[Outcome]
    more: bool = False


class Resolving:
    """Resolves breaks of one store. Safe to share between threads."""

    def __init__(self, store: Store, clock: Clock, agreements: Agreements) -> None:
        self._store, self._clock, self._agreements = store, clock, agreements

    def resolve(
        self, programme: str, break_ids: Sequence[int], wanted: Wanted, command: Command
    ) -> Bulk:
        """Decide on each of these breaks, or propose it where that needs a second person.

        Raises InvalidRequest without a comment, or for none or too many breaks. All else is an
        outcome of its break.
        """
        commands.worded(command, _WHY)
        if not 0 < len(break_ids) <= MAX_BREAKS:
            raise InvalidRequest([Violation("break_ids", f"expected 1 to {MAX_BREAKS} breaks")])
        each = dict.fromkeys(break_ids)
        return Bulk([self._resolve_one(programme, one, wanted, command) for one in each])

    def resolve_filtered(self, which: BreakFilter, wanted: Wanted, command: Command) -> Bulk:
        """The same for the oldest open breaks that a filter lets pass.

        Asked for again under the same key, it is about the same breaks. Raises RequestKeyReused,
        and NotFound for the filter's programme or partner, besides.
        """
        commands.worded(command, _WHY)
        each = decide_again(lambda: self._fix(which, wanted, command))
        outcomes = [self._resolve_one(which.programme, one, wanted, command) for one in each]
        with self._store.read() as tx:
            more = bool(queries.page(tx, which, max(each, default=0), 1))
        return Bulk(outcomes, more)

    def _fix(self, which: BreakFilter, wanted: Wanted, command: Command) -> list[int]:
        """The breaks that a request is about, from its first call on."""
        content = _content(which, wanted, command)
        with self._store.write() as tx:
            programme_id = number_of_programme(tx, which.programme)
            bulk_id = requests.answered(tx, programme_id, command, content)
            if bulk_id is not None:
                fixed = sa.select(BULK.c.break_ids).where(BULK.c.bulk_id == bulk_id)
                return list(json.loads(tx.execute(fixed).scalar_one()))
            found = [view.break_id for view in queries.page(tx, which, 0, MAX_BREAKS)]
            bulk_id = self._store.take_ids("break_bulk", 1, tx)[0]
            tx.execute(sa.insert(BULK).values(bulk_id=bulk_id, break_ids=json.dumps(found)))
            now = self._clock.now()
            requests.remember(tx, programme_id, command, content, bulk_id, now)
            return found

    def approve(self, programme: str, break_id: int, number: int, command: Command) -> Done:
        """Carry out what somebody else has proposed.

        Raises NotFound, ProposalLapsed, NotAllowed where the actor has proposed it, BreakClosed,
        RequestKeyReused, and what the decision itself may raise.
        """

        def act(room: Room, view: BreakView) -> None:
            proposal = proposals.pending(view, number, command.actor)
            proposals.approve(room.tx, view, command.actor, command.comment, room.now)
            worded, proposed = approved_by(command, proposal)
            carry_out(room, view, proposed, worded, approved=True)

        return self._once(programme, break_id, command, ("approve", number), act)

    def decline(self, programme: str, break_id: int, number: int, command: Command) -> Done:
        """Turn a proposal down, or take one's own back; the break stays open.

        Raises InvalidRequest without a comment, NotFound, ProposalLapsed, RequestKeyReused.
        """
        said = commands.worded(command, "expected why it shall not be done")

        def act(room: Room, view: BreakView) -> None:
            proposals.numbered(view, number)
            proposals.decline(room.tx, view, command.actor, said, room.now)

        return self._once(programme, break_id, command, ("decline", number, said), act)

    def _resolve_one(
        self, programme: str, break_id: int, wanted: Wanted, command: Command
    ) -> Outcome:
        own = replace(command, request_key=key_for(command, public_id(Prefix.BREAK, break_id)))
        asked = ("resolve", requests.said(wanted), command.comment)

        def act(room: Room, view: BreakView) -> None:
            decide(room, view, wanted, own)

        try:
            done = self._once(programme, break_id, own, asked, act)
        except StoreUnavailable:
            raise
        except HandbackError as refusal:
            return Outcome(break_id, refusal)
        return Outcome(break_id, done.view, done.replayed)

    def _once(
        self,
        programme: str,
        break_id: int,
        command: Command,
        asked: tuple[object, ...],
        act: Callable[[Room, BreakView], None],
    ) -> Done:
        """Act on a break in a transaction of its own, unless the request was answered before."""

        def step() -> Done:
            with self._store.write() as tx:
                room = Room(self._store, tx, self._agreements, self._clock.now())

                def within(view: BreakView) -> None:
                    act(room, view)

                return commands.once(tx, programme, break_id, command, asked, room.now, within)

        return decide_again(step)


def _content(which: BreakFilter, wanted: Wanted, command: Command) -> bytes:
    """Everything that a request by filter asks for, but the instant: a repeat comes at another."""
    narrowed = requests.said(replace(which, overdue_at=None))
    overdue = which.overdue_at is not None
    return requests.content_hash(
        "resolve", narrowed, overdue, requests.said(wanted), command.comment
    )
