"""Matching as docs/agreements.md tells it, one record at a time, in plain Python.

Slow and obvious on purpose. Nothing here is taken from the engine but its words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta


@dataclass(frozen=True)
class Request:
    """An attempt: a redemption's trip to the partner, and whether it awaits its answer."""

    redemption_id: int
    attempt: int
    reference: str
    quantity: int
    member: str
    submitted_on: date
    batch_on: date
    awaiting: bool

    @property
    def name(self) -> tuple[int, int]:
        """What a match names."""
        return self.redemption_id, self.attempt


@dataclass(frozen=True)
class Record:
    """One record of a hand-back file; `key` is what its reference carries, if anything."""

    ordinal: int
    reference: str | None
    quantity: int | None
    member: str | None
    answered_on: date | None
    key: tuple[int, int] | None = None


@dataclass(frozen=True)
class Steps:
    """What `[handback.normalise]` says."""

    drop: str = "nothing"
    case: str = "keep"
    prefixes: Sequence[str] = ()
    zeros: str = "keep"
    first: int = 0
    last: int = 0

    def normal(self, reference: str) -> str:
        """The reference after all steps."""
        text = self._plain(reference)
        there = [prefix for prefix in map(self._plain, self.prefixes) if text.startswith(prefix)]
        text = text[len(max(there, key=len, default="")) :]
        if self.zeros == "drop":
            text = text.lstrip("0")
        if self.first:
            text = text[: self.first]
        return text[-self.last :] if self.last else text

    def _plain(self, text: str) -> str:
        if self.drop == "blanks":
            text = re.sub(r"\s", "", text)
        if self.drop == "symbols":
            text = "".join(char for char in text if char.isalnum())
        return text.upper() if self.case == "ignore" else text


@dataclass(frozen=True)
class Rules:
    """The part of an agreement that matching goes by."""

    rules: Sequence[Sequence[str]]
    steps: Steps = field(default_factory=Steps)
    match_days: int = 30


Verdict = tuple[str, tuple[tuple[int, int], ...]]
"""`one` with the attempt, `several` with all of them, or `none` with nothing."""

_REFERENCES = {"reference_key", "reference", "normalised_reference", "batch"}


def match(
    terms: Rules, records: Sequence[Record], requests: Sequence[Request], came_on: date
) -> Mapping[int, Verdict]:
    """What becomes of each record, by ordinal."""
    left = {record.ordinal: record for record in records}
    verdicts: dict[int, Verdict] = {}
    matched: set[tuple[int, int]] = set()
    for number, rule in enumerate(terms.rules):
        agrees = _agreement(terms, rule, came_on)
        fits = {ordinal: _fitting(rule, agrees, one, requests) for ordinal, one in left.items()}
        told = {}
        for ordinal, names in fits.items():
            free = tuple(name for name in names if name not in matched)
            if "normalised_reference" in rule and len(names) > 1:
                free = names
            if len(free) > 1 or (free and _is_claimed(rule, ordinal, free[0], fits)):
                told[ordinal] = ("several", free)
            elif free:
                told[ordinal] = ("one", free)
            elif number == 0 and list(rule) == ["reference_key"] and left[ordinal].key:
                told[ordinal] = ("none", ())
        verdicts |= told
        left = {ordinal: one for ordinal, one in left.items() if ordinal not in told}
        matched |= {names[0] for said, names in told.values() if said == "one"}
    return verdicts | dict.fromkeys(left, ("none", ()))


def _fitting(
    rule: Sequence[str],
    agrees: Callable[[Record, Request], bool],
    record: Record,
    requests: Sequence[Request],
) -> tuple[tuple[int, int], ...]:
    """The attempts that fit a record, of each redemption the latest."""
    by_member = not _REFERENCES & set(rule)
    fitting = [one for one in requests if agrees(record, one) and (one.awaiting or not by_member)]
    latest = {one.redemption_id: one for one in sorted(fitting, key=lambda one: one.attempt)}
    return tuple(sorted(one.name for one in latest.values()))


def _is_claimed(
    rule: Sequence[str],
    ordinal: int,
    name: tuple[int, int],
    fits: Mapping[int, Sequence[tuple[int, int]]],
) -> bool:
    """Has another record a claim on the attempt, where both sides count?"""
    others = (names for other, names in fits.items() if other != ordinal)
    return not _REFERENCES & set(rule) and any(name in names for names in others)


def _agreement(
    terms: Rules, rule: Sequence[str], came_on: date
) -> Callable[[Record, Request], bool]:
    def fits_window(record: Record, request: Request) -> bool:
        day = record.answered_on or came_on
        last = request.batch_on + timedelta(days=terms.match_days)
        return request.submitted_on <= day <= last

    def normal_agrees(record: Record, request: Request) -> bool:
        if record.reference is None:
            return False
        quoted, printed = map(terms.steps.normal, (record.reference, request.reference))
        return quoted == printed != ""

    parts: dict[str, Callable[[Record, Request], bool]] = {
        "reference_key": lambda record, request: record.key == request.name,
        "reference": lambda record, request: record.reference == request.reference,
        "normalised_reference": normal_agrees,
        "quantity": lambda record, request: record.quantity == request.quantity,
        "member": lambda record, request: record.member == request.member,
        "date": lambda record, request: (
            record.answered_on in (request.submitted_on, request.batch_on)
        ),
        "window": fits_window,
    }
    return lambda record, request: all(parts[part](record, request) for part in rule)
