"""Carrying out commands: many callers' at once, in one transaction and one block.

Each command has an outcome of its own. A command that breaks a rule gets its error and leaves the
others untouched; one whose request key was used before with the same content gets its first
answer again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from handback.clock import Clock
from handback.errors import HandbackError
from handback.journal.again import decide_again
from handback.journal.commit import Cause, CauseKind
from handback.partners.registry import Agreements
from handback.redemptions.draft import Draft, Outcome
from handback.redemptions.requests import Command, Submit
from handback.store.session import Store


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
    submits = sum(isinstance(one, Submit) for one in commands)
    ids = store.take_ids("redemption", submits)
    # What submits come to is one message. Steps move what is there, and that is several.
    write = store.write_at_once if submits == len(commands) else store.write
    cause = Cause(CauseKind.COMMAND, None, caller.actor, caller.trace_context)

    def step() -> list[Outcome | HandbackError]:
        with write() as tx:
            draft = Draft(tx, agreements, clock.now(), ids)
            outcomes = draft.decide(commands)
            draft.sheet.write(tx, cause)
        return outcomes

    return decide_again(step)
