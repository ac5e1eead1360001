"""Reason codes: what a partner's code means, and what it does to a redemption.

A partner's code is text and means nothing without the partner and the file type. An agreement's
code map turns it into one of our classes; the class decides, through `TRIGGER_OF`, which trigger
the record pulls, and through the policies what follows a rejection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple

import polars as pl

from handback.formats.texts import SEVERAL
from handback.lifecycle.table import Trigger


class ReasonClass(IntEnum):
    """What an answer means to us, whatever the partner calls it."""

    sentence: str

    def __new__(cls, value: int, sentence: str = "") -> ReasonClass:
        member = int.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    NONE = 0, "No answer is concerned: a step of ours, not of the partner."
    OK = 1, "Credited in full; nothing is left to do."
    OK_CHANGED = 2, "Credited in full, to details other than ours or with a warning."
    PARTIAL = 3, "Credited in part; the record's quantity says how much."
    WAIT = 4, "Received or under way; the outcome is still to come."
    FIX_MEMBER = 5, "The member's details are wrong; mended ones need a new attempt."
    DEAD = 6, "The account is closed or not eligible; no further attempt can succeed."
    TEMPORARY = 7, "A technical fault at the partner, surely not credited; may be tried again."
    LATER = 8, "Refused for now by a limit, a date or a cut-off; may be tried in a later window."
    OURS = 9, "Our file or its content is at fault; we mend it and send again."
    DUPLICATE = 10, "The partner says it knows the request; the earlier attempt may be credited."
    UNKNOWN_OUTCOME = 11, "The partner cannot say whether it credited; neither refund nor resend."
    HOLD = 12, "Stopped for fraud, sanctions or law; only a person may decide."
    OPS = 13, "Anything else, masked or new to us; only a person may decide."
    RETURNED = 14, "Came back after it had been credited."

    def __str__(self) -> str:
        return self.name.lower()


BY_TEXT: Final[Mapping[str, ReasonClass]] = MappingProxyType(
    {str(reason_class): reason_class for reason_class in ReasonClass if reason_class}
)
"""Every class an agreement may name."""


STRICTEST_FIRST: Final = (
    # Only a person may go on.
    ReasonClass.HOLD,
    # May have been credited: these two move nothing, so no refund and no second attempt can
    # follow. They stand above whatever would reject.
    ReasonClass.DUPLICATE,
    ReasonClass.UNKNOWN_OUTCOME,
    # An unknown code beside a known one could mean anything: above every class that a policy may
    # retry or fail, below those that hold the redemption where it is.
    ReasonClass.OPS,
    # A return comes with the reason for it, and the fact outweighs the reason: read as a plain
    # rejection, the record would contradict the confirmation it takes back.
    ReasonClass.RETURNED,
    ReasonClass.DEAD,
    ReasonClass.FIX_MEMBER,
    ReasonClass.OURS,
    ReasonClass.LATER,
    ReasonClass.TEMPORARY,
    # Not rejected: the less is settled, the stricter.
    ReasonClass.WAIT,
    ReasonClass.PARTIAL,
    ReasonClass.OK_CHANGED,
    ReasonClass.OK,
    ReasonClass.NONE,
)
"""Which class wins where several codes speak of one attempt."""

_RANK: Final = {reason_class: rank for rank, reason_class in enumerate(STRICTEST_FIRST)}


def strictest(classes: Iterable[ReasonClass]) -> ReasonClass:
    """The class that decides among several; NONE where there are none."""
    return min(classes, key=_RANK.__getitem__, default=ReasonClass.NONE)


TRIGGER_OF: Final[Mapping[ReasonClass, Trigger | None]] = MappingProxyType(
    {
        ReasonClass.NONE: None,
        ReasonClass.OK: Trigger.CONFIRM,
        ReasonClass.OK_CHANGED: Trigger.CONFIRM,
        ReasonClass.PARTIAL: Trigger.CONFIRM,
        ReasonClass.WAIT: Trigger.ACKNOWLEDGE,
        ReasonClass.FIX_MEMBER: Trigger.REJECT,
        ReasonClass.DEAD: Trigger.REJECT,
        ReasonClass.TEMPORARY: Trigger.REJECT,
        ReasonClass.LATER: Trigger.REJECT,
        ReasonClass.OURS: Trigger.REJECT,
        # In reply to a retry it says the earlier attempt may stand: no refund, no retry, a break.
        ReasonClass.DUPLICATE: None,
        ReasonClass.UNKNOWN_OUTCOME: Trigger.ACKNOWLEDGE,
        ReasonClass.HOLD: Trigger.REJECT,
        ReasonClass.OPS: Trigger.REJECT,
        ReasonClass.RETURNED: Trigger.RETURN,
    }
)
"""The trigger a record of that class pulls; None moves nothing by itself.

A PARTIAL or OK record whose quantity is not the one asked for is for `reconcile.decide` to judge.
"""


def trigger_of(reason_class: pl.Expr) -> pl.Expr:
    """The trigger (Int16) for a column of classes, 0 where the class moves nothing by itself."""
    triggers = {int(key): int(trigger or 0) for key, trigger in TRIGGER_OF.items()}
    return reason_class.replace_strict(triggers, return_dtype=pl.Int16)


class Change(NamedTuple):
    """From a day on, by the partner's calendar, a code has another class."""

    from_on: date
    code: str
    reason_class: ReasonClass


@dataclass(frozen=True, slots=True)
class CodeMap:
    """A partner's codes for one file type, and what it calls the outcome beside them.

    A key is `code` or `code/sub`; the empty key stands for a record without a code. Codes are
    text: `0001` and `1` are two codes, `R03` and `r03` as well. Of several codes on one record,
    `R03+R20`, the strictest class counts. `changes` stand in the order of their days.
    """

    classes: Mapping[str, ReasonClass]
    outcomes: Mapping[str, ReasonClass] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()

    def on(self, day: date) -> CodeMap:
        """What holds on a day; the same map where nothing ever changes."""
        if not self.changes:
            return self
        changed = {one.code: one.reason_class for one in self.changes if one.from_on <= day}
        return CodeMap({**self.classes, **changed}, self.outcomes)

    def every(self) -> CodeMap:
        """The codes that hold at some time, each with the class it has last."""
        return self.on(date.max)

    def classes_of(self, code: str) -> frozenset[ReasonClass]:
        """Every class that a code has at some time, by itself or by that of its `code/sub`."""
        days = {date.min, *(one.from_on for one in self.changes)}
        found = {self.on(day).find(code) for day in days}
        return frozenset(one for one in found if one is not None)

    def reads_nothing(self) -> bool:
        """Whether a record without code and outcome has a meaning."""
        return "" in self.every().classes or "" in self.outcomes

    def find(self, code: str | None, outcome: str | None = None) -> ReasonClass | None:
        """The class of a record, None where the map does not have its code or its outcome.

        The outcome decides. A code beside it says which rejection it is, and else counts only
        where it is the stricter of both: one that is not in the map contradicts no success.
        """
        if outcome is None and "" not in self.outcomes:
            return self._find(code)
        decided = self.outcomes.get(outcome or "")
        if decided is None or (not code and "" not in self.classes):
            return decided
        said = self._find(code)
        rejected = TRIGGER_OF[decided] is Trigger.REJECT
        if said is None:
            return None if rejected else decided
        if rejected and TRIGGER_OF[said] is Trigger.REJECT:
            return said
        return strictest((decided, said))

    def _find(self, code: str | None) -> ReasonClass | None:
        """The class of a code by itself.

        `code/sub` without an entry of its own falls back on that of `code`. Among several, one
        that the map does not have counts as OPS does.
        """
        wanted = code or ""
        found = self.classes.get(wanted)
        if found is None and SEVERAL in wanted:
            classes = [self._find(one) for one in wanted.split(SEVERAL)]
            found = strictest(one or ReasonClass.OPS for one in classes)
            return None if found is ReasonClass.OPS and None in classes else found
        return found if found is not None else self.classes.get(wanted.partition("/")[0])

    def classify(self, records: pl.DataFrame) -> pl.DataFrame:
        """The records (columns `code` and `outcome`) with `reason_class` (Int16) and `mapped`
        (Boolean) beside them.

        What the map does not have is OPS and not mapped: never dropped, never retried.
        """
        keys = ["code", "outcome"] if self.outcomes else ["code"]
        known = records.select(keys).unique()
        found = [self.find(*said) for said in known.iter_rows()]
        meanings = known.with_columns(
            pl.Series("reason_class", [hit or ReasonClass.OPS for hit in found], pl.Int16),
            pl.Series("mapped", [hit is not None for hit in found], pl.Boolean),
        )
        return records.join(meanings, on=keys, how="left", nulls_equal=True, maintain_order="left")
