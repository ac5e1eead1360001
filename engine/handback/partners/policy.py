"""What follows a rejection: another attempt, a person's review, or the end.

One rule, twice: `decide` for one redemption, `steps` for a frame of them; a property test holds
them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final

import polars as pl

from handback.ids import MAX_ATTEMPT
from handback.partners.codes import ReasonClass

_INSTANT: Final = pl.Datetime("us", "UTC")


class Action(IntEnum):
    """What follows a rejection."""

    RETRY = 1
    REVIEW = 2
    FAIL = 3

    def __str__(self) -> str:
        return self.name.lower()


class Reference(StrEnum):
    """Whether a further attempt goes out under a reference of its own."""

    NEW = "new"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """What follows a rejection of one class."""

    do: Action
    cap: int = 3
    """At most so many attempts in all, 1 to 99."""
    spacing_s: int = 3600
    """The next attempt is due so long after the rejection."""
    latest_days: int = 14
    """No attempt is due later than so many times 24 hours after submission."""
    reference: Reference = Reference.NEW
    then: Action = Action.REVIEW
    """What follows once cap or latest_days allow no further attempt; review or fail."""


CHOICES: Final[Mapping[ReasonClass, tuple[Action, ...]]] = MappingProxyType(
    {
        ReasonClass.FIX_MEMBER: (Action.REVIEW, Action.FAIL),
        ReasonClass.DEAD: (Action.FAIL, Action.REVIEW),
        ReasonClass.TEMPORARY: (Action.RETRY, Action.REVIEW, Action.FAIL),
        ReasonClass.LATER: (Action.RETRY, Action.REVIEW, Action.FAIL),
        ReasonClass.OURS: (Action.REVIEW, Action.RETRY, Action.FAIL),
        ReasonClass.HOLD: (Action.REVIEW,),
        ReasonClass.OPS: (Action.REVIEW,),
        ReasonClass.RETURNED: (Action.REVIEW, Action.RETRY, Action.FAIL),
    }
)
"""What an agreement may choose for each rejecting class; the first is the default.

A retry with the same wrong details or to a dead account only asks for the same answer, and what is
held for fraud, masked or unknown to us is for a person.
"""


def default_policy(reason_class: ReasonClass) -> RetryPolicy:
    """The policy of a class that the agreement does not mention; review where it never rejects."""
    return RetryPolicy(CHOICES.get(reason_class, (Action.REVIEW,))[0])


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next; `due_at` is the instant of the next attempt, None unless it is a retry."""

    action: Action
    due_at: datetime | None = None


def decide(policy: RetryPolicy, attempt: int, submitted_at: datetime, now: datetime) -> Step:
    """The step after `attempt`, the last one dispatched, was rejected at `now`."""
    if policy.do is not Action.RETRY:
        return Step(policy.do)
    due_at = now + timedelta(seconds=policy.spacing_s)
    latest_at = submitted_at + timedelta(days=policy.latest_days)
    if attempt < min(policy.cap, MAX_ATTEMPT) and due_at <= latest_at:
        return Step(Action.RETRY, due_at)
    return Step(policy.then)


def steps(
    policies: Mapping[ReasonClass, RetryPolicy], rejected: pl.DataFrame, now: datetime
) -> pl.DataFrame:
    """`decide` for a frame with reason_class, attempt (integers) and submitted_at (UTC instants).

    The frame comes back in its order with `action` (Int16) and `due_at` (UTC, null unless the
    action is a retry) beside its columns. A class without a policy gets its default.
    """
    terms = [policies.get(member) or default_policy(member) for member in ReasonClass]

    def term(values: Sequence[int], dtype: type[pl.DataType]) -> pl.Expr:
        classes = [int(member) for member in ReasonClass]
        return pl.col("reason_class").replace_strict(classes, values, return_dtype=dtype)

    spacing_s = term([policy.spacing_s for policy in terms], pl.Int64)
    latest_days = term([policy.latest_days for policy in terms], pl.Int64)
    due_at = pl.lit(now, _INSTANT) + pl.duration(seconds=spacing_s)
    latest_at = pl.col("submitted_at") + pl.duration(days=latest_days)
    below_cap = pl.col("attempt") < term([min(p.cap, MAX_ATTEMPT) for p in terms], pl.Int16)
    do = term([policy.do for policy in terms], pl.Int16)
    then = term([policy.then for policy in terms], pl.Int16)
    exhausted = (do == Action.RETRY) & ~(below_cap & (due_at <= latest_at))
    action = pl.when(exhausted).then(then).otherwise(do)
    return rejected.with_columns(
        action.alias("action"),
        pl.when(action == Action.RETRY).then(due_at).cast(_INSTANT).alias("due_at"),
    )
