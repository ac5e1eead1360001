"""The table for one redemption: a machine of the package `transitions`, built once and shared.

The machine keeps no models. Every decision brings its own small `_Step`, so that calls from
several threads do not meet.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

from transitions import EventData, Machine, MachineError

from handback.errors import IllegalTransition
from handback.lifecycle.table import TRANSITIONS, Condition, State, Transition, Trigger, View


@dataclass(slots=True)
class _Step:
    """The model of one decision; the machine moves `state`, the callbacks leave word of how."""

    state: State
    view: View[int]
    taken: Transition | None = None
    unmet: str = ""


def _check(condition: Condition) -> Callable[[EventData], bool]:
    def check(event: EventData) -> bool:
        step = cast(_Step, event.model)
        if condition(step.view):
            return True
        step.unmet = condition.__name__
        return False

    return check


def _take(row: Transition, event: EventData) -> None:
    cast(_Step, event.model).taken = row


def _build() -> Machine:
    machine = Machine(
        model=None,
        states=State,
        initial=State.NONE,
        auto_transitions=False,
        send_event=True,
    )
    for row in TRANSITIONS:
        machine.add_transition(
            row.trigger.name,
            row.source,
            row.target,
            conditions=[_check(condition) for condition in row.guard],
            after=partial(_take, row),
        )
    return machine


_MACHINE: Final = _build()


def decide(
    view: View[int], state: State, trigger: Trigger, *, redemption: str = "redemption"
) -> Transition:
    """The row of the table that this trigger takes on this redemption.

    Raises IllegalTransition naming `redemption`, the state, the trigger and what else the state
    allows; `unmet` names the condition that failed, and is empty where the pair has no row at all.
    """
    step = _Step(state, view)
    with suppress(MachineError):  # the library's word for a pair without a row
        _MACHINE.events[trigger.name].trigger(step)
    if step.taken is None:
        others = [str(other) for other in allowed(state) if other is not trigger]
        raise IllegalTransition(
            redemption=redemption,
            state=state,
            trigger=trigger,
            allowed=", ".join(others),
            unmet=step.unmet,
        )
    return step.taken


def allowed(state: State) -> tuple[Trigger, ...]:
    """The triggers that have a row in this state, in the order of their numbers."""
    return tuple(sorted({row.trigger for row in TRANSITIONS if row.source is state}))
