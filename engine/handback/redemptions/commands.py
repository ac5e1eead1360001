"""Carrying out commands: many callers' at once, in one transaction and one block.

Each command has an outcome of its own. A command that breaks a rule gets its error and leaves the
others untouched; one whose request key was used before with the same content gets its first
answer again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from handback.clock import Clock
from handback.errors import HandbackError, VersionConflict
from handback.journal.commit import Cause, CauseKind
from handback.partners.registry import Agreements
from handback.redemptions.draft import Draft, Outcome
from handback.redemptions.requests import Command, Submit
from handback.store.session import Store

# A group that meets a moved version, or a request key that another process took meanwhile, is
# decided again; so often in a row means that something else is wrong.
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and in which trace."""

    actor: str
    trace_context: str | None = None


def execute(
    store: Store,
    clock: Clock,
    agreements: Agreements,
    caller: Caller,
    commands: Sequence[Command],
) -> list[Outcome | HandbackError]:
    """Carry out commands of one caller; the answer of each, in order, after the commit.

    Domain errors are answers. Raises only what concerns all: StoreUnavailable, or VersionConflict
    where others keep moving the same redemptions.
    """
    ids = store.take_ids("redemption", sum(isinstance(one, Submit) for one in commands))
    cause = Cause(CauseKind.COMMAND, None, caller.actor, caller.trace_context)
    for tries_left in reversed(range(_TRIES)):
        try:
            with store.write() as tx:
                draft = Draft(store, tx, agreements, clock.now(), ids)
                outcomes = draft.decide(commands)
                draft.write(cause)
            return outcomes
        except (VersionConflict, sa.exc.IntegrityError) as moved:
            if not tries_left:
                raise VersionConflict(moved=0, expected=len(commands)) from moved
    raise AssertionError("the last try returns or raises")
