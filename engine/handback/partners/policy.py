"""What follows a rejection: another attempt, a person's review, or the end.

One rule, twice: `decide` for one redemption, `steps` for a frame of them; a property test holds
them together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final

import polars as pl

from handback.formats.texts import SEVERAL
from handback.ids import MAX_ATTEMPT
from handback.partners.codes import ReasonClass

_INSTANT: Final = pl.Datetime("us", "UTC")


class Action(IntEnum):
    """What follows a rejection."""

    RETRY = 1
    REVIEW = 2
    FAIL = 3
    NEVER = 4
    """A person's review that cannot end in another attempt."""

    def __str__(self) -> str:
        return self.name.lower()


class Reference(StrEnum):
    """Whether a further attempt goes out under a reference of its own."""

    NEW = "new"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """What follows a rejection of one class, or for one code."""

    do: Action
    cap: int = 3
    """At most so many attempts in all, 1 to 99."""
    spacing_s: int = 3600
    """The next attempt is due so long after the rejection."""
    latest_days: int = 14
    """No attempt is due later than so many times 24 hours after the first was delivered."""
    reference: Reference = Reference.NEW
    then: Action = Action.REVIEW
    """What follows once cap or latest_days allow no further attempt; review or fail."""
    changed: tuple[str, ...] = ()
    """Fields of the member of which at least one must change before a person sends it again."""


CHOICES: Final[Mapping[ReasonClass, tuple[Action, ...]]] = MappingProxyType(
    {
        ReasonClass.FIX_MEMBER: (Action.REVIEW, Action.FAIL, Action.NEVER),
        ReasonClass.DEAD: (Action.FAIL, Action.REVIEW, Action.NEVER),
        ReasonClass.TEMPORARY: (Action.RETRY, Action.REVIEW, Action.FAIL, Action.NEVER),
        ReasonClass.LATER: (Action.RETRY, Action.REVIEW, Action.FAIL, Action.NEVER),
        ReasonClass.OURS: (Action.REVIEW, Action.RETRY, Action.FAIL, Action.NEVER),
        ReasonClass.HOLD: (Action.REVIEW, Action.NEVER),
        ReasonClass.OPS: (Action.REVIEW, Action.NEVER),
        ReasonClass.RETURNED: (Action.REVIEW, Action.RETRY, Action.FAIL, Action.NEVER),
    }
)
"""What an agreement may choose for each rejecting class; the first is the default.

A retry with the same wrong details or to a dead account only asks for the same answer, and what is
held for fraud, masked or unknown to us is for a person.
"""

# Where several codes of one record have policies of their own, the first of these counts.
_STRICTEST_FIRST: Final = (Action.NEVER, Action.REVIEW, Action.FAIL, Action.RETRY)


def default_policy(reason_class: ReasonClass) -> RetryPolicy:
    """The policy of a class that the agreement does not mention; review where it never rejects."""
    return RetryPolicy(CHOICES.get(reason_class, (Action.REVIEW,))[0])


@dataclass(frozen=True, slots=True)
class Policies:
    """What follows each rejection: what its code says, else what its class does.

    A code's policy is kept for each class that the code can have, and counts for no other.
    """

    of_class: Mapping[ReasonClass, RetryPolicy] = field(default_factory=dict)
    of_code: Mapping[tuple[str, ReasonClass], RetryPolicy] = field(default_factory=dict)

    def find(self, reason_class: ReasonClass, code: str | None = None) -> RetryPolicy:
        """The policy for a rejection of a class, with that code; several stand as in `CodeMap`.

        A class that is not told of has its default.
        """
        own = list(self._own(reason_class, code)) if code and self.of_code else []
        if own:
            return min(own, key=lambda policy: _STRICTEST_FIRST.index(policy.do))
        return self.of_class.get(reason_class) or default_policy(reason_class)

    def every(self) -> Iterator[RetryPolicy]:
        """Each that may ever count."""
        yield from self.of_class.values()
        yield from self.of_code.values()

    def _own(self, reason_class: ReasonClass, codes: str) -> Iterator[RetryPolicy]:
        for code in codes.split(SEVERAL):
            for key in (code, code.partition("/")[0]):
                found = self.of_code.get((key, reason_class))
                if found is not None:
                    yield found
                    break


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next; `due_at` is the instant of the next attempt, None unless it is a retry."""

    action: Action
    due_at: datetime | None = None


def decide(policy: RetryPolicy, attempt: int, first_sent_at: datetime, now: datetime) -> Step:
    """The step after `attempt`, the last one dispatched, was rejected at `now`; the first one was
    delivered at `first_sent_at`."""
    if policy.do is not Action.RETRY:
        return Step(_first(policy))
    due_at = now + timedelta(seconds=policy.spacing_s)
    latest_at = first_sent_at + timedelta(days=policy.latest_days)
    if attempt < min(policy.cap, MAX_ATTEMPT) and due_at <= latest_at:
        return Step(Action.RETRY, due_at)
    return Step(policy.then)


def _first(policy: RetryPolicy) -> Action:
    """What a policy does as long as nothing is exhausted."""
    return Action.REVIEW if policy.do is Action.NEVER else policy.do


def steps(policies: Policies, rejected: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """`decide` for a frame with reason_class, attempt (integers), reason_code (text) and
    first_sent_at (UTC instants).

    The frame comes back in its order with `action` (Int16) beside its columns, and where that is a
    retry `due_at` and `sent_since` (UTC; the first attempt may not have been delivered before), and
    `same_reference` (Int16, 1 where the next attempt goes out under the reference of the last).
    """
    keys = ["reason_class", "reason_code"] if policies.of_code else ["reason_class"]
    kinds = rejected.select(keys).unique()
    found = [policies.find(ReasonClass(kind[0]), *kind[1:]) for kind in kinds.iter_rows()]
    terms = kinds.with_columns(
        pl.Series("do", [int(_first(one)) for one in found], pl.Int16),
        pl.Series("then", [int(one.then) for one in found], pl.Int16),
        pl.Series("cap", [min(one.cap, MAX_ATTEMPT) for one in found], pl.Int16),
        pl.Series("spacing_s", [one.spacing_s for one in found], pl.Int64),
        pl.Series("latest_days", [one.latest_days for one in found], pl.Int64),
        pl.Series("same", [int(one.reference is Reference.SAME) for one in found], pl.Int16),
    )
    joined = rejected.join(terms, on=keys, how="left", nulls_equal=True, maintain_order="left")
    due_at = pl.lit(now, _INSTANT) + pl.duration(seconds="spacing_s")
    since = due_at - pl.duration(days="latest_days")
    allowed = (pl.col("attempt") < pl.col("cap")) & (pl.col("first_sent_at") >= since)
    exhausted = (pl.col("do") == int(Action.RETRY)) & ~allowed
    action = pl.when(exhausted).then("then").otherwise("do")
    retried = action == int(Action.RETRY)
    return joined.with_columns(
        action=action,
        due_at=pl.when(retried).then(due_at).cast(_INSTANT),
        sent_since=pl.when(retried).then(since).cast(_INSTANT),
        same_reference=pl.when(retried).then("same"),
    ).drop(terms.columns[len(keys) :])
