"""Which steps of a redemption a decision about it comes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from handback.breaks.decisions import Decision
from handback.errors import InvalidRequest, Violation
from handback.lifecycle.table import Account, State, Trigger, rows_of
from handback.redemptions.queries import EventView, RedemptionView


class Step(NamedTuple):
    """A trigger, the quantity that it moves, and the attempt that it is about."""

    trigger: Trigger
    moved: int
    attempt: int


REMAINDER: Final[Mapping[Decision, Trigger]] = MappingProxyType(
    {
        Decision.CONFIRM: Trigger.RELEASE,
        Decision.ACCEPT_VARIANCE: Trigger.ADJUST,
        Decision.WRITE_OFF: Trigger.WRITE_OFF,
    }
)
"""What becomes of what is held beyond the quantity that counts as credited."""

AFTER_FAILURE: Final[Mapping[Decision, Trigger]] = MappingProxyType(
    {Decision.REINSTATE: Trigger.REINSTATE, Decision.WRITE_OFF: Trigger.WRITE_OFF}
)
"""What can be done where the value was given back already."""


def steps(decision: Decision, view: RedemptionView, attempt: int, quantity: int) -> Sequence[Step]:
    """The steps that credit `quantity` of a redemption by one of its attempts, in their order.

    A later attempt that is out still counts as rejected: what is credited is credited once.
    Whether it may take them is for the lifecycle to say.
    """
    if decision is Decision.REINSTATE or view.state is State.FAILED:
        return [Step(AFTER_FAILURE.get(decision, Trigger.CONFIRM), quantity, attempt)]
    taken = []
    if view.state is State.AWAITING_HANDBACK and attempt < view.attempt:
        taken.append(Step(Trigger.REJECT, view.held, view.attempt))
    if rest := view.held - quantity:
        taken.append(Step(REMAINDER[decision], rest, attempt))
    return [*taken, Step(Trigger.CONFIRM, quantity, attempt)]


def given_back(history: Iterable[EventView]) -> int:
    """How much of a redemption the member has back, by its steps in their order."""
    moved = 0
    for event in history:
        for row in rows_of(event.from_state, event.trigger):
            if row.posting is not None and event.trigger is not Trigger.SUBMIT:
                moved += event.quantity * row.posting.sign(Account.MEMBER)
    return moved


def credited(most: int, asked: int | None, said: int | None) -> int:
    """How much counts as credited: what is asked for, or what the record says, or all there is.

    Raises InvalidRequest where more is asked for than there is, or nothing, and where nothing is
    asked for while the record says 0 or less.
    """
    if asked is not None:
        if not 0 < asked <= most:
            raise InvalidRequest([Violation("quantity", f"expected 1 to {most}")])
        return asked
    if said is None:
        return most
    if said <= 0:
        raise InvalidRequest([Violation("quantity", f"expected, for the record says {said}")])
    return min(said, most)
