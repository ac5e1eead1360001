"""What postings add up to, and what each of them is: the words of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from handback.lifecycle.table import TRANSITIONS, Account, State, Transition, Trigger
from handback.store.bulk import table_of
from handback.store.tables import Event

EVENT = table_of(Event)


@dataclass(frozen=True, slots=True)
class Tally:
    """So many redemptions, or steps of them, of so much quantity together."""

    count: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Balance:
    """What postings add up to; the quantities always add up to nothing."""

    programme: str
    partner: str
    unit: str
    member: int
    """What went to (positive) or came from (negative) members."""
    held: int
    """What is outstanding: set aside for redemptions whose outcome is open."""
    fulfilled: int
    """What the partner has credited."""
    variance: int
    """Differences with the partner that are let be."""
    written_off: int
    """What was given up (positive), or is borne because it was credited though given back."""
    open_redemptions: int
    """How many redemptions hold what is held."""
    confirmed_redemptions: int
    """How many redemptions stand confirmed."""


def postings_of() -> dict[tuple[Trigger, State], Transition]:
    """Every pair of trigger and state whose step posts, and what it posts; never two things."""
    found: dict[tuple[Trigger, State], Transition] = {}
    for row in TRANSITIONS:
        if row.posting is not None:
            other = found.setdefault((row.trigger, row.source), row)
            assert other.posting == row.posting, (other, row)
    return found


def effect_on(account: Account, event: Any = EVENT.c) -> sa.ColumnElement[int]:
    """What an event adds to an account, or takes from it, as an expression over its columns."""
    signed = _signs(account)
    cases = [
        ((event.trigger == trigger) & (event.from_state == source), sign * event.quantity)
        for trigger, source, sign in signed
    ]
    return sa.case(*cases, else_=0)


def side(event: Any, which: str) -> sa.ColumnElement[int]:
    """The account that an event's posting debits or credits (`which`), 0 where it posts nothing."""
    cases = [
        (
            (event.trigger == int(trigger)) & (event.from_state == int(source)),
            int(getattr(row.posting, which)),
        )
        for (trigger, source), row in postings_of().items()
    ]
    return sa.case(*cases, else_=0)


@cache
def _signs(account: Account) -> tuple[tuple[int, int, int], ...]:
    """Triggers and states whose steps move an account, and in which direction."""
    return tuple(
        (int(trigger), int(source), sign)
        for (trigger, source), row in postings_of().items()
        if row.posting is not None and (sign := row.posting.sign(account))
    )


def triggers_on(*accounts: Account) -> list[int]:
    """The triggers that may move one of the accounts."""
    return sorted({trigger for account in accounts for trigger, _, _ in _signs(account)})
