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
    """A trigger and the quantity that it moves."""

    trigger: Trigger
    moved: int


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


def steps(decision: Decision, view: RedemptionView, quantity: int) -> Sequence[Step]:
    """The steps that credit `quantity` of a redemption by hand, in their order.

    Whether it may take them is for the lifecycle to say.
    """
    if decision is Decision.REINSTATE or view.state is State.FAILED:
        return [Step(AFTER_FAILURE.get(decision, Trigger.CONFIRM), quantity)]
    rest = view.held - quantity
    confirm = Step(Trigger.CONFIRM, quantity)
    return [Step(REMAINDER[decision], rest), confirm] if rest else [confirm]


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

    Raises InvalidRequest where more is asked for than there is.
    """
    if asked is None:
        return min(said, most) if said else most
    if not 0 < asked <= most:
        raise InvalidRequest([Violation("quantity", f"expected 1 to {most}")])
    return asked
