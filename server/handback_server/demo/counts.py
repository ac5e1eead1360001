"""Every number of a run: what the plan says there will be, and where it differs from what is.

A count has a key of three words: what is counted, of which partner, and which of them, such as
("redemptions", "skyways", "confirmed").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from handback_server.demo.plan import (
    CASES,
    DAYS_LATER,
    STRANGERS,
    TRICKS,
    Case,
    Part,
    Plan,
)

Key = tuple[str, str, str]
Counts = Counter[Key]

# What is counted, in the order in which people read it.
EVENTS = "events by trigger"
REDEMPTIONS = "redemptions by state"
BREAKS = "open breaks by kind"
FILES = "hand-back files by verdict"
RECORDS = "records by what they became"
ATTEMPTS = "attempts by answer"
BALANCES = "balances"
DECISIONS = "decisions by two people"
OVERDUE = "attempts overdue"
OWED = "owed by age"
AGES: Final = {7: "0–7 days", 30: "8–30 days", 10_000: "older"}
"""What the ages of open redemptions are called, by their last day."""

_ANSWERS = ("acknowledge", "confirm", "reject", "return")
_ANSWERED = {"confirm": "confirmed", "reject": "rejected", "return": "rejected"}


class Difference(NamedTuple):
    """A count that is not what was planned."""

    counted: str
    partner: str
    which: str
    expected: int
    found: int


def differences(expected: Mapping[Key, int], found: Mapping[Key, int]) -> Sequence[Difference]:
    """Every count that differs; one that is missing on a side is 0 there."""
    return [
        Difference(*key, expected.get(key, 0), found.get(key, 0))
        for key in sorted({*expected, *found})
        if expected.get(key, 0) != found.get(key, 0)
    ]


def expected_events(plan: Plan, until: Part) -> Counts:
    """Events by partner and trigger, up to the end of a part."""
    events: Counts = Counter()
    for planned in plan.redemptions:
        for trigger in ("submit", *planned.case.triggers(until)):
            events[EVENTS, planned.partner, trigger] += 1
    return events


def expected_counts(plan: Plan) -> Counts:
    """Every count at the end of the run, from the plan alone."""
    counts = expected_events(plan, Part.WEEKS_LATER)
    age = next(name for last, name in AGES.items() if last >= DAYS_LATER)
    for planned in plan.redemptions:
        case, partner = planned.case, planned.partner
        counts[REDEMPTIONS, partner, case.end] += 1
        if case.opens:
            counts[BREAKS, partner, case.opens] += 1
        account = {"confirmed": "fulfilled", "failed": "member"}.get(case.end, "held")
        counts[BALANCES, partner, f"{planned.unit} {account}"] += planned.quantity
        counts[BALANCES, partner, f"{planned.unit} member"] -= planned.quantity
        for fate, count in _fates(case):
            counts[RECORDS, partner, fate] += count
        for answer in _answered(case, Part.WEEKS_LATER):
            counts[ATTEMPTS, partner, "sent"] += 1
            counts[ATTEMPTS, partner, answer] += 1
        counts[OVERDUE, partner, "unanswered"] += _answered(case, Part.DECISIONS).count("open")
        if account == "held":
            counts[OWED, partner, f"{planned.unit} {age}"] += planned.quantity
        if case.is_decided:
            for step in ("proposed", "refused", "approved"):
                counts[DECISIONS, partner, step] += 1
    for partner in STRANGERS:
        counts[BREAKS, partner, "unknown_reference"] += 1
        counts[RECORDS, partner, "records"] += 1
        counts[RECORDS, partner, "breaks"] += 1
    for partner in CASES:
        counts.update(_files(plan, partner))
    return Counter({key: count for key, count in counts.items() if count})


def _fates(case: Case) -> Iterator[tuple[str, int]]:
    """What becomes of the records of one redemption: they add up."""
    records = [record for attempt in case.attempts for record in attempt] + [*case.next_day]
    events = sum(trigger in _ANSWERS for trigger in case.triggers(Part.NEXT_DAY))
    rejects = sum(not record.readable for record in records)
    yield "records", len(records)
    yield "events", events
    yield "repeats", case.repeats
    yield "rejects", rejects
    yield "breaks", len(records) - events - case.repeats - rejects


def _answered(case: Case, until: Part) -> Sequence[str]:
    """How each attempt stands at the end of a part, by its last answer."""
    trips: list[str] = []
    for trigger in case.triggers(until):
        if trigger == "dispatch":
            trips.append("open")
        trips[-1] = _ANSWERED.get(trigger, trips[-1])
    return trips


def _files(plan: Plan, partner: str) -> Counts:
    """Hand-back files by verdict: those of the first day, the next day's, and the tricks."""
    size = plan.answers_per_file(partner)
    verdicts: Counts = Counter({(FILES, partner, "ACCEPTED"): 1})
    for attempts in plan.rounds(partner):
        verdicts[FILES, partner, "ACCEPTED"] += -(-attempts // size)
    for verdict in TRICKS.get(partner, {}).values():
        verdicts[FILES, partner, verdict] += 1
        if verdict == "ACCEPTED_WITH_FINDINGS":
            verdicts[FILES, partner, "ACCEPTED"] -= 1
    return verdicts
