"""The life of one redemption as the documentation tells it: a model, small enough to be believed.

It is written from docs/lifecycle.md, docs/decisions-table.md, docs/agreements.md and
docs/operations.md alone, in plain words and plain integers, and imports nothing of the engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

CONFIRMING = ("ok", "ok_changed", "partial")
INTERIM = ("wait", "unknown_outcome")
MAY_BE_CREDITED = (*CONFIRMING, "duplicate", "unknown_outcome")
CREDITS = ("confirm", "reinstate", "bear")
HOLDING = ("review", "unmapped_code", "returned", "duplicate_rejection")
KEEPING = ("kept_back",)


class Refused(Exception):
    """The documentation has no row for what somebody asks for."""


@dataclass(frozen=True)
class Policy:
    """`[policy.CLASS]`."""

    do: str = "review"
    cap: int = 3
    spacing: timedelta = timedelta(hours=1)
    latest: timedelta = timedelta(days=14)
    then: str = "review"
    changed: bool = False


@dataclass(frozen=True)
class Terms:
    """What an agreement says, as far as it matters to one redemption."""

    style: str
    partial: str
    fee: str
    normalised: bool
    tolerance: int
    return_days: int | None
    silence_class: str
    policies: dict[str, Policy] = field(hash=False)

    def policy(self, reason: str) -> Policy:
        """What follows a rejection of a class; a code that nobody knows is for a person."""
        return self.policies.get(reason, Policy())


@dataclass(frozen=True)
class Record:
    """What a partner says of an attempt, 0 where it knows of none. `file` is the one it stands in,
    `reason` a class, or `unmapped`; `quotes` is what it names the attempt by, if that is not what
    we printed; the `fee` is what it took off."""

    file: int
    attempt: int
    member: str
    quantity: int
    code: str
    reason: str
    quotes: str = ""
    fee: int = 0

    @property
    def says(self) -> tuple[object, ...]:
        """What makes two counted records of one attempt one, wherever they stand."""
        return self.attempt, self.member, self.quantity, self.code

    @property
    def strays(self) -> tuple[object, ...]:
        """The same where none leads to an attempt of ours."""
        return self.quotes, *self.says

    def counted(self, terms: Terms) -> Record:
        """The record; as agreed its fee is a part of its quantity, or does not count."""
        credited = self.fee if terms.fee == "credited" else 0
        return replace(self, quantity=self.quantity + credited)

    @property
    def is_of(self) -> str:
        """The table of docs/decisions-table.md by which it is judged."""
        if self.reason in CONFIRMING:
            return "confirmation"
        if self.reason in INTERIM:
            return "interim"
        return self.reason if self.reason in ("duplicate", "returned") else "rejection"


@dataclass
class Break:
    """Something a person has to look at, about an attempt; `record` is what was said, None where
    silence was."""

    kind: str
    attempt: int
    record: Record | None
    terms: Terms
    resolution: str | None = None
    closed_version: int = 0
    about: Break | None = None
    """The break that keeps it back."""

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed it."""
        return self.resolution is None

    @property
    def is_restricted(self) -> bool:
        """Whether not everybody may see why."""
        return self.record is not None and self.record.reason == "hold"


@dataclass
class Step:
    """One event: what happened to which attempt, by whom, and on what record."""

    trigger: str
    attempt: int
    quantity: int
    at: datetime
    record: Record | None = None
    reason: str = "none"


@dataclass
class Life:
    """One redemption: where it stands, where its value is, and all that was said of it."""

    member: str
    quantity: int
    born_at: datetime
    state: str = "submitted"
    attempt: int = 0
    held: int = 0
    fulfilled: int = 0
    variance: int = 0
    written_off: int = 0
    given_back: int = 0
    # Waits for a batch since then, unless one has taken it; `taken` is the attempt in there.
    due_at: datetime | None = None
    taken: int | None = None
    spent: int = 0
    asked: dict[int, int] = field(default_factory=dict)
    first_sent_at: datetime | None = None
    steps: list[Step] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Submitted: the value is set aside, and it is due at once."""
        self.held, self.due_at = self.quantity, self.born_at
        self.steps.append(Step("submit", 0, self.quantity, self.born_at))

    # What is known of it.

    def had(self, trigger: str, attempt: int) -> list[Step]:
        """The steps of a kind that an attempt took."""
        return [one for one in self.steps if (one.trigger, one.attempt) == (trigger, attempt)]

    def credits(self, attempt: int) -> list[Step]:
        """The steps by which an attempt came to stand as credited."""
        return [one for one in self.steps if one.trigger in CREDITS and one.attempt == attempt]

    @property
    def credited_by(self) -> Step | None:
        """The step by which it stands as credited, None where it does not."""
        return self.last_of(*CREDITS) if self.state == "confirmed" else None

    @property
    def last(self) -> Step:
        """The last step."""
        return self.steps[-1]

    def last_of(self, *triggers: str) -> Step | None:
        """The last step of some kinds."""
        return next((one for one in reversed(self.steps) if one.trigger in triggers), None)

    def open_kinds(self) -> list[str]:
        """The kinds of what stands open."""
        return sorted(one.kind for one in self.breaks if one.is_open)

    @property
    def doubted(self) -> bool:
        """Whether a break says that it may stand credited, and no two persons said otherwise."""
        return bool(self.doubts)

    @property
    def doubts(self) -> list[Break]:
        """The breaks that say so."""
        return [
            one
            for one in self.breaks
            if one.resolution in (None, "dismissed")
            and one.record is not None
            and one.record.reason in MAY_BE_CREDITED
        ]

    @property
    def is_kept_back(self) -> bool:
        """Whether its next attempt does not leave, for an earlier one may stand credited."""
        return self.attempt > 0 and self.doubted

    # What happens to it.

    def step(
        self,
        trigger: str,
        quantity: int,
        at: datetime,
        attempt: int | None = None,
        record: Record | None = None,
        reason: str = "none",
    ) -> None:
        """Note one event and move its value."""
        for account, sign in POSTINGS.get(trigger, {}).items():
            setattr(self, account, getattr(self, account) + sign * quantity)
        number = self.attempt if attempt is None else attempt
        self.steps.append(Step(trigger, number, quantity, at, record, reason))
        self.state = BECOMES.get(trigger, self.state)
        if self.state in ("confirmed", "failed"):
            self.due_at = None

    def taken_by_batch(self) -> int:
        """The next attempt stands in a batch; its number. A recalled number is not given again.
        Nothing keeps it back any more."""
        for one in self.breaks:
            if one.is_open and one.kind in KEEPING:
                one.resolution, one.closed_version = "settled", len(self.steps)
        self.taken, self.due_at = self.attempt + 1 + self.spent, None
        self.asked[self.taken] = self.held
        return self.taken

    def keep_back(self, terms: Terms, at: datetime) -> None:
        """It is put off by a day, with a break unless one says so already that has not lapsed."""
        self.due_at = at + timedelta(days=1)
        coming = self.attempt + 1 + self.spent
        about = self.doubts[-1]
        said = [one for one in self.breaks if (one.attempt, one.about) == (coming, about)]
        if all(not one.is_open and one.closed_version != len(self.steps) for one in said):
            self.breaks.append(Break("kept_back", coming, None, terms, about=about))

    def recalled(self, due_at: datetime) -> None:
        """Its batch never leaves."""
        assert self.taken is not None
        self.spent = self.taken - self.attempt
        self.taken, self.due_at = None, due_at

    def dispatched(self, at: datetime, delivered_at: datetime) -> None:
        """The file with its attempt has reached the partner."""
        assert self.taken is not None
        self.attempt, self.taken, self.spent = self.taken, None, 0
        self.first_sent_at = self.first_sent_at or delivered_at
        self.step("dispatch", 0, at)

    def follow(self, terms: Terms, record: Record | None, reason: str, at: datetime) -> None:
        """What the policy makes of a rejection or a return, at once."""
        known = "ops" if reason == "unmapped" else reason
        policy = terms.policy(known)
        assert self.first_sent_at is not None
        do, due_at = policy.do, at + policy.spacing
        if do == "retry" and not (
            self.attempt < policy.cap and due_at <= self.first_sent_at + policy.latest
        ):
            do = policy.then
        if self.doubted:
            do = "review"
        if do == "retry":
            self.step("retry", 0, at)
            self.due_at = due_at
        elif do == "fail":
            self.step("fail", self.held, at)
        else:
            kind = "returned" if self.last.trigger == "return" else "review"
            kind = "unmapped_code" if reason == "unmapped" else kind
            self.breaks.append(Break(kind, self.last.attempt, record, terms))

    def expire(self, terms: Terms, at: datetime) -> None:
        """Silence after the window, where the agreement reads something into it."""
        if terms.style == "exceptions_only":
            self.step("confirm", self.held, at, reason="silence")
        else:
            self.step("expire", 0, at, reason=terms.silence_class)
            self.follow(terms, None, terms.silence_class, at)

    @property
    def is_silent(self) -> bool:
        """Whether nothing was heard of its live attempt, and no break is open about it."""
        return self.last.trigger == "dispatch" and not self.open_kinds()


# What a trigger does to the value: docs/lifecycle.md, Transitions.
POSTINGS: dict[str, dict[str, int]] = {
    "confirm": {"held": -1, "fulfilled": 1},
    "fail": {"held": -1, "given_back": 1},
    "cancel": {"held": -1, "given_back": 1},
    "return": {"fulfilled": -1, "held": 1},
    "return_part": {"fulfilled": -1, "given_back": 1},
    "reinstate": {"given_back": -1, "fulfilled": 1},
    "bear": {"written_off": -1, "fulfilled": 1},
    "release": {"held": -1, "given_back": 1},
    "adjust": {"held": -1, "variance": 1},
    "write_off": {"held": -1, "written_off": 1},
}
BECOMES = {
    "dispatch": "awaiting_handback",
    "confirm": "confirmed",
    "reinstate": "confirmed",
    "bear": "confirmed",
    "reject": "rejected",
    "expire": "rejected",
    "return": "rejected",
    "retry": "retrying",
    "fail": "failed",
    "cancel": "failed",
}
