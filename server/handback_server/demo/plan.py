"""What three invented partners will do, decided before anything starts.

`CASES` is the whole story: which share of a partner's redemptions meets which answers, and where
that must lead. Records and seed decide which redemption meets which case, so the simulated partner
and the demo come to the same plan without a word between them. Nothing of Handback is imported.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

PROGRAMME: Final = "aurora"
SKYWAYS, NORTHBANK, STAYWELL = "skyways", "northbank", "staywell"

# Fewer would leave cases without a redemption.
MIN_RECORDS: Final = 100

_RECORD: Final = re.compile(r"(?P<code>[^?+-]+)(?P<off>[+-]\d+)?(?P<garbled>\?)?")


class Part(IntEnum):
    """What a story has behind one another, with `>` between."""

    FIRST_DAY = 0
    NEXT_DAY = 1
    DECISIONS = 2
    """What two people decide."""
    WEEKS_LATER = 3


class Record(NamedTuple):
    """One record of a hand-back file: its code, how far its quantity is off, if it is legible."""

    code: str
    off: int
    readable: bool


@dataclass(frozen=True, slots=True)
class Case:
    """What becomes of a share of a partner's redemptions, in 1,000; share 0 is all the others.

    `story` goes from trip to trip, `|` between them, and behind each `>` to the next part. Of each
    trip it has the records that answer it, and in small letters the triggers that follow its
    dispatch.
    `0000+100` is a record whose quantity is off by 100, `ACCEPTED?` one that is illegible. `opens`
    is a kind of break; `repeats` counts records that say nothing new.
    """

    share: int
    does: str
    story: str
    end: str
    opens: str = ""
    repeats: int = 0

    @property
    def attempts(self) -> Sequence[Sequence[Record]]:
        """The records that answer each attempt at once."""
        return [_records(trip) for trip in self._trips]

    @property
    def next_day(self) -> Sequence[Record]:
        """The records that follow the next day."""
        return _records(self._parts[Part.NEXT_DAY])

    def triggers(self, until: Part) -> Sequence[str]:
        """The triggers up to the end of a part, after the submit."""
        first = [word for trip in self._trips for word in ("dispatch", *_triggers(trip))]
        later = self._parts[Part.NEXT_DAY : until + 1]
        return [*first, *(word for part in later for word in _triggers(part))]

    @property
    def is_decided(self) -> bool:
        """Whether two people decide on it."""
        return bool(self._parts[Part.DECISIONS].strip())

    @property
    def answers(self) -> str:
        """The story without its triggers."""
        return " ".join(word for word in self.story.split() if not word.islower()).rstrip(" >")

    @property
    def _trips(self) -> Sequence[str]:
        return self._parts[Part.FIRST_DAY].split("|")

    @property
    def _parts(self) -> Sequence[str]:
        told = self.story.split(">")
        return [*told, *[""] * (len(Part) - len(told))]


CASES: Final[Mapping[str, Sequence[Case]]] = {
    SKYWAYS: (
        Case(0, "credits the miles", "0000 confirm", "confirmed"),
        Case(20, "credits a merged account", "0001 confirm", "confirmed"),
        Case(30, "does not know the number", "0101 reject", "rejected", "review"),
        Case(20, "has closed the account", "0201 reject fail", "failed"),
        Case(40, "is busy, then credits", "0301 reject retry | 0000 confirm", "confirmed"),
        Case(
            5,
            "is busy three times",
            "0301 reject retry | 0301 reject retry | 0301 reject",
            "rejected",
            "review",
        ),
        Case(10, "has it wait a while", "0302 reject retry > > > dispatch", "awaiting_handback"),
        Case(20, "credits the next day", "0002 acknowledge > 0000 confirm", "confirmed"),
        Case(2, "credits and rejects it", "0000 0101 confirm", "confirmed", "contradiction"),
        Case(2, "credits more than asked", "0000+100 confirm", "confirmed", "over_credit"),
    ),
    NORTHBANK: (
        Case(0, "pays out", "A confirm", "confirmed"),
        Case(20, "finds the account closed", "R/02 reject", "rejected", "review"),
        Case(5, "is stopped by law", "R/07 reject", "rejected", "review"),
        Case(30, "fails for now, then pays", "R/20 reject retry | A confirm", "confirmed"),
        Case(10, "fails for now, twice", "R/20 reject retry | R/20 reject fail", "failed"),
        Case(
            2,
            "fails, then claims it paid",
            "R/20 reject retry | R/44 > > confirm",
            "confirmed",
        ),
        Case(10, "was past its cut-off", "R/21 reject retry > > > dispatch", "awaiting_handback"),
        Case(10, "pays, and has it returned", "A confirm > V return", "rejected", "returned"),
    ),
    STAYWELL: (
        Case(0, "books the nights", "ACCEPTED confirm", "confirmed"),
        Case(30, "does not know the guest", "MEMBER_UNKNOWN reject fail", "failed"),
        Case(
            20,
            "is busy twice, then books",
            "SYSTEM_BUSY reject retry | SYSTEM_BUSY reject retry | ACCEPTED confirm",
            "confirmed",
        ),
        Case(10, "is sold out", "SOLD_OUT reject", "rejected", "review"),
        Case(5, "books one fewer", "ACCEPTED_IN_PART-1", "awaiting_handback", "quantity_mismatch"),
        Case(5, "uses a code of its own", "OVERBOOKED reject", "rejected", "unmapped_code"),
        Case(10, "says so twice", "ACCEPTED ACCEPTED confirm", "confirmed", repeats=1),
        Case(10, "books the next day", "RECEIVED acknowledge > ACCEPTED confirm", "confirmed"),
        Case(5, "says nothing", "", "awaiting_handback"),
        Case(2, "is illegible the next day", "> ACCEPTED?", "awaiting_handback"),
    ),
}

# Two people decide on these breaks of northbank: its statement says that it paid, once.
DECIDED_KIND: Final = "duplicate_rejection"
# Then so many days pass: longer than any partner has time to answer.
DAYS_LATER: Final = 21

# In how many files a partner answers its first attempts; later rounds fit into one.
FILES_OF_FIRST_ROUND: Final = {SKYWAYS: 4, NORTHBANK: 2, STAYWELL: 2}
# The next day each of these quotes one reference that it was never given.
STRANGERS: Final = (SKYWAYS, NORTHBANK)
# What else its files are up to, and the verdict that each of those files meets.
TRICKS: Final[Mapping[str, Mapping[str, str]]] = {
    SKYWAYS: {
        "sends its first file again": "REPEAT",
        "sends it by another name": "REPEAT",
        "loses the end of a file": "TRUNCATED",
    },
    STAYWELL: {"spoils a file by that": "ACCEPTED_WITH_FINDINGS"},
}

# Skyways is as large as the two others together.
_IN_TURN: Final = (SKYWAYS, NORTHBANK, SKYWAYS, STAYWELL)
_UNITS: Final = {SKYWAYS: ("miles",), NORTHBANK: ("cad_cents",), STAYWELL: ("nights", "points")}
_LEAST: Final = {"miles": 1_000, "cad_cents": 2_500, "nights": 2, "points": 5_000}


class Planned(NamedTuple):
    """One redemption to be, and what will become of it."""

    number: int
    partner: str
    unit: str
    quantity: int
    case: Case


@dataclass(frozen=True, slots=True)
class Plan:
    """Every redemption of a run; number 1 comes first."""

    redemptions: Sequence[Planned]

    def __getitem__(self, number: int) -> Planned:
        return self.redemptions[number - 1]

    def of(self, partner: str) -> Sequence[Planned]:
        """The redemptions of one partner."""
        return [planned for planned in self.redemptions if planned.partner == partner]

    def answers_per_file(self, partner: str) -> int:
        """Attempts that a partner answers in one file, fewer in the last of each round."""
        return -(-len(self.of(partner)) // FILES_OF_FIRST_ROUND[partner])

    def rounds(self, partner: str) -> Sequence[int]:
        """How many redemptions get a first attempt, a second, and so on."""
        attempts = [len(planned.case.attempts) for planned in self.of(partner)]
        return [
            sum(made >= attempt for made in attempts) for attempt in range(1, max(attempts) + 1)
        ]


def make_plan(records: int, seed: int) -> Plan:
    """The plan of a run with so many redemptions, at least `MIN_RECORDS`."""
    assert records >= MIN_RECORDS, records
    chance = random.Random(seed)
    partners = [_IN_TURN[number % len(_IN_TURN)] for number in range(records)]
    cases = {partner: _dealt(partner, partners.count(partner), chance) for partner in CASES}
    redemptions = []
    for number, partner in enumerate(partners, start=1):
        unit = chance.choice(_UNITS[partner])
        quantity = _LEAST[unit] * chance.randint(1, 20)
        redemptions.append(Planned(number, partner, unit, quantity, next(cases[partner])))
    return Plan(redemptions)


def _dealt(partner: str, count: int, chance: random.Random) -> Iterator[Case]:
    """The partner's cases in their shares, at least one of each, shuffled."""
    usual, *others = CASES[partner]
    dealt = [case for case in others for _ in range(max(1, count * case.share // 1_000))]
    dealt += [usual] * (count - len(dealt))
    chance.shuffle(dealt)
    return iter(dealt)


def _records(text: str) -> Sequence[Record]:
    """The records of a part of a story."""
    found = []
    for word in text.split():
        if not word.islower():
            match = _RECORD.fullmatch(word)
            assert match is not None, word
            found.append(Record(match["code"], int(match["off"] or 0), match["garbled"] is None))
    return found


def _triggers(text: str) -> Sequence[str]:
    """The triggers of a part of a story."""
    return [word for word in text.split() if word.islower()]
