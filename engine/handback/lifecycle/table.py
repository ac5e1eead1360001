"""States, triggers, guards and postings of a redemption, declared once.

Its readers: `machine` decides for one redemption, `relation` for a frame of them, `journal.steps`
has the database move a set by one row, `render` writes docs/lifecycle.md. Guards and effects are
written with comparisons, `&` and arithmetic only, over columns that are never null, so that they
mean the same on plain integers, on column expressions and in SQL.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Generic, NamedTuple, TypeVar

Column = TypeVar("Column")


class State(IntEnum):
    """Where a redemption stands; NONE is before its submission and never stored as a state."""

    NONE = 0
    SUBMITTED = 1
    AWAITING_HANDBACK = 2
    CONFIRMED = 3
    REJECTED = 4
    RETRYING = 5
    FAILED = 6

    def __str__(self) -> str:
        return self.name.lower()


class Trigger(IntEnum):
    """What can happen to a redemption."""

    SUBMIT = 1
    DISPATCH = 2
    ACKNOWLEDGE = 3
    CONFIRM = 4
    REJECT = 5
    EXPIRE = 6
    RETRY = 7
    FAIL = 8
    CANCEL = 9
    RETURN = 10
    RETURN_PART = 11
    REINSTATE = 12
    RELEASE = 13
    ADJUST = 14
    WRITE_OFF = 15

    def __str__(self) -> str:
        return self.name.lower()


class Account(IntEnum):
    """Where value stands: with the member, set aside for a redemption, credited, or neither."""

    MEMBER = 1
    HELD = 2
    FULFILLED = 3
    VARIANCE = 4
    WRITTEN_OFF = 5

    def __str__(self) -> str:
        return self.name.lower()


# Open states hold value for an outcome still to come; the others rest, until a return or a
# reinstatement.
OPEN_STATES = (State.SUBMITTED, State.AWAITING_HANDBACK, State.REJECTED, State.RETRYING)
RESTING_STATES = (State.CONFIRMED, State.FAILED)
# The account in whose count of redemptions each state stands.
STANDS = {
    State.NONE: Account.MEMBER,
    **dict.fromkeys(OPEN_STATES, Account.HELD),
    State.CONFIRMED: Account.FULFILLED,
    State.FAILED: Account.MEMBER,
}


@dataclass(frozen=True, slots=True)
class View(Generic[Column]):
    """What guards see: integers for one redemption, columns or column expressions for a set."""

    attempt: Column
    """Last dispatched attempt, 0 before the first."""
    answered_attempt: Column
    """The attempt that the record or command concerns; the new one for a dispatch."""
    quantity: Column
    """What was asked for, in the redemption's unit."""
    held: Column
    fulfilled: Column
    moved: Column
    """The quantity that the record or command would move."""
    same_unit: Column
    """1 where the record names the redemption's unit, or none; else 0."""
    waiting: Column
    """1 where the redemption has a row in the due queue; else 0."""
    approved: Column | int = 0
    """1 where a second person has approved the step; else 0."""


# A condition yields a bool for integers and a column of them for columns. Its docstring completes
# the sentence "allowed where ..."; its name goes into the facts of a refusal.
Condition = Callable[[View[Any]], Any]


def live_attempt(view: View[Any]) -> Any:
    """the attempt is the live one"""
    return view.answered_attempt == view.attempt


def known_attempt(view: View[Any]) -> Any:
    """the attempt is one that was dispatched"""
    return (view.answered_attempt >= 1) & (view.answered_attempt <= view.attempt)


def later_attempt(view: View[Any]) -> Any:
    """the attempt is a later one than the last dispatched"""
    # Not the very next: attempts of a batch that was recalled never leave.
    return view.answered_attempt > view.attempt


def same_unit(view: View[Any]) -> Any:
    """the unit is the redemption's"""
    return view.same_unit == 1


def waiting(view: View[Any]) -> Any:
    """no payout batch has taken it yet"""
    return view.waiting == 1


def in_batch(view: View[Any]) -> Any:
    """a payout batch has taken it"""
    return view.waiting == 0


def approved(view: View[Any]) -> Any:
    """a second person has approved it"""
    return view.approved == 1


def whole_quantity(view: View[Any]) -> Any:
    """the quantity is all that was asked for"""
    return view.moved == view.quantity


def within_quantity(view: View[Any]) -> Any:
    """the quantity is no more than was asked for"""
    return (view.moved > 0) & (view.moved <= view.quantity)


def whole_held(view: View[Any]) -> Any:
    """the quantity is all that is held"""
    return view.moved == view.held


def part_of_held(view: View[Any]) -> Any:
    """the quantity is a part of what is held"""
    return (view.moved > 0) & (view.moved < view.held)


def whole_fulfilled(view: View[Any]) -> Any:
    """the quantity is all that was fulfilled"""
    return view.moved == view.fulfilled


def part_of_fulfilled(view: View[Any]) -> Any:
    """the quantity is a part of what was fulfilled"""
    return (view.moved > 0) & (view.moved < view.fulfilled)


class Effect(NamedTuple, Generic[Column]):
    """What a transition does to a redemption's columns, as factors; see `apply`."""

    attempt: Column
    """1 where the answered attempt becomes the last dispatched one; else 0."""
    held: Column
    """-1, 0 or 1 times the moved quantity."""
    fulfilled: Column
    """-1, 0 or 1 times the moved quantity."""


def apply(effect: Effect[Any], view: View[Column]) -> tuple[Column, Column, Column]:
    """The redemption's (attempt, held, fulfilled) after an effect, integers or columns alike."""
    seen: View[Any] = view
    return (
        seen.attempt + effect.attempt * (seen.answered_attempt - seen.attempt),
        seen.held + effect.held * seen.moved,
        seen.fulfilled + effect.fulfilled * seen.moved,
    )


@dataclass(frozen=True, slots=True)
class Posting:
    """The moved quantity leaves one account and enters another."""

    debit: Account
    credit: Account

    def sign(self, account: Account) -> int:
        """What the posting does to an account: 1 adds the quantity, -1 takes it, 0 neither."""
        return (account is self.credit) - (account is self.debit)


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table: the trigger leads from source to target where every guard holds."""

    trigger: Trigger
    source: State
    target: State
    guard: tuple[Condition, ...]
    posting: Posting | None
    by: str
    why: str

    @property
    def effect(self) -> Effect[int]:
        """What this row does to the columns of a redemption; the only place that says so."""
        return Effect(
            attempt=int(self.trigger is Trigger.DISPATCH),
            held=self.posting.sign(Account.HELD) if self.posting else 0,
            fulfilled=self.posting.sign(Account.FULFILLED) if self.posting else 0,
        )


_HOLD = Posting(Account.MEMBER, Account.HELD)
_FULFIL = Posting(Account.HELD, Account.FULFILLED)
_RELEASE = Posting(Account.HELD, Account.MEMBER)
_TAKE_BACK = Posting(Account.FULFILLED, Account.HELD)
_GIVE_BACK = Posting(Account.FULFILLED, Account.MEMBER)
_RESTORE = Posting(Account.MEMBER, Account.FULFILLED)
_TOLERATE = Posting(Account.HELD, Account.VARIANCE)
_GIVE_UP = Posting(Account.HELD, Account.WRITTEN_OFF)
_BEAR = Posting(Account.WRITTEN_OFF, Account.FULFILLED)


def _of_part(
    trigger: Trigger, posting: Posting, by: str, why: str, *more: Condition
) -> tuple[Transition, ...]:
    """A part leaves what is held, before the rest is confirmed: the state stays."""
    guards: dict[State, tuple[Condition, ...]] = {
        State.AWAITING_HANDBACK: (live_attempt, same_unit, part_of_held),
        State.RETRYING: (known_attempt, waiting, same_unit, part_of_held),
        State.REJECTED: (part_of_held,),
    }
    return tuple(
        Transition(trigger, state, state, (*guard, *more), posting, by, why)
        for state, guard in guards.items()
    )


TRANSITIONS: tuple[Transition, ...] = (
    Transition(
        Trigger.SUBMIT,
        State.NONE,
        State.SUBMITTED,
        (whole_quantity,),
        _HOLD,
        "caller",
        "The value is set aside before anybody is asked to credit it.",
    ),
    Transition(
        Trigger.DISPATCH,
        State.SUBMITTED,
        State.AWAITING_HANDBACK,
        (later_attempt, in_batch),
        None,
        "payout delivered",
        "The file with the first attempt has reached the partner.",
    ),
    Transition(
        Trigger.DISPATCH,
        State.RETRYING,
        State.AWAITING_HANDBACK,
        (later_attempt, in_batch),
        None,
        "payout delivered",
        "The file with the next attempt has reached the partner.",
    ),
    Transition(
        Trigger.ACKNOWLEDGE,
        State.AWAITING_HANDBACK,
        State.AWAITING_HANDBACK,
        (live_attempt,),
        None,
        "interim answer",
        "The partner is working on it (pending, in clearing, unknown): the outcome stays open.",
    ),
    Transition(
        Trigger.CONFIRM,
        State.AWAITING_HANDBACK,
        State.CONFIRMED,
        (live_attempt, same_unit, whole_held),
        _FULFIL,
        "record, or silence where the agreement says so; or operator, second person",
        "The partner credited all that is held.",
    ),
    Transition(
        Trigger.CONFIRM,
        State.RETRYING,
        State.CONFIRMED,
        (known_attempt, waiting, same_unit, whole_held),
        _FULFIL,
        "record; or operator, second person",
        "An earlier attempt was credited after all, before the next one has left.",
    ),
    Transition(
        Trigger.CONFIRM,
        State.REJECTED,
        State.CONFIRMED,
        (known_attempt, same_unit, whole_held, approved),
        _FULFIL,
        "operator, second person",
        "An attempt was credited after all, though the partner had said that it was not.",
    ),
    Transition(
        Trigger.REJECT,
        State.AWAITING_HANDBACK,
        State.REJECTED,
        (live_attempt,),
        None,
        "record; or operator, second person",
        "The partner did not credit it; the value stays held until somebody decides.",
    ),
    Transition(
        Trigger.EXPIRE,
        State.AWAITING_HANDBACK,
        State.REJECTED,
        (live_attempt,),
        None,
        "silence policy of the agreement",
        "The agreement reads silence after the window as a rejection; never the default.",
    ),
    Transition(
        Trigger.RETRY,
        State.REJECTED,
        State.RETRYING,
        (),
        None,
        "reason policy or operator",
        "Another trip to the partner is worth making.",
    ),
    Transition(
        Trigger.FAIL,
        State.REJECTED,
        State.FAILED,
        (whole_held,),
        _RELEASE,
        "reason policy or operator",
        "It will not be credited: the member has the value back.",
    ),
    Transition(
        Trigger.FAIL,
        State.RETRYING,
        State.FAILED,
        (waiting, whole_held),
        _RELEASE,
        "reason policy or operator",
        "Given up before the next attempt has left: the member has the value back.",
    ),
    Transition(
        Trigger.CANCEL,
        State.SUBMITTED,
        State.FAILED,
        (waiting, whole_held),
        _RELEASE,
        "caller",
        "Taken back before the first attempt has left.",
    ),
    Transition(
        Trigger.CANCEL,
        State.RETRYING,
        State.FAILED,
        (waiting, whole_held),
        _RELEASE,
        "caller",
        "Taken back before the next attempt has left.",
    ),
    Transition(
        Trigger.RETURN,
        State.CONFIRMED,
        State.REJECTED,
        (whole_fulfilled,),
        _TAKE_BACK,
        "late return record, or late rejection of what silence confirmed",
        "The credit came back: the value is held again until somebody decides.",
    ),
    Transition(
        Trigger.RETURN_PART,
        State.CONFIRMED,
        State.CONFIRMED,
        (part_of_fulfilled,),
        _GIVE_BACK,
        "late return of a part",
        "A part of the credit came back: that part is the member's again.",
    ),
    Transition(
        Trigger.REINSTATE,
        State.FAILED,
        State.CONFIRMED,
        (within_quantity, approved),
        _RESTORE,
        "operator, second person",
        "It was credited after all, though given up: what was given back is taken again.",
    ),
    Transition(
        Trigger.WRITE_OFF,
        State.FAILED,
        State.CONFIRMED,
        (within_quantity, approved),
        _BEAR,
        "operator, second person",
        "It was credited after all, though given up: the member keeps both, and we bear it.",
    ),
    *_of_part(
        Trigger.RELEASE,
        _RELEASE,
        "record of less, as agreed; or operator",
        "The partner credited less: the remainder is the member's again.",
    ),
    *_of_part(
        Trigger.ADJUST,
        _TOLERATE,
        "record within the tolerance; or operator, second person",
        "The partner credited less, by so little that it is let be.",
    ),
    *_of_part(
        Trigger.WRITE_OFF,
        _GIVE_UP,
        "operator, second person",
        "A part will neither be credited nor given back.",
        approved,
    ),
)


def rows_of(state: State, trigger: Trigger) -> tuple[Transition, ...]:
    """The rows of one pair, none where the table refuses it; at most one of them ever holds."""
    return tuple(row for row in TRANSITIONS if row.source is state and row.trigger is trigger)
