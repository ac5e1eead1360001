"""The book of a programme with one partner: its lives, their batches, and the money."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from model.hearing import hear
from model.life import Break, Life, Record, Refused, Terms
from model.terms import Agreed

ACCOUNTS = ("held", "fulfilled", "variance", "written_off")


@dataclass
class Batch:
    """A payout batch: `sealed`, `recalled`, `delivered` or `sent`; its lives by their number."""

    agreed: Agreed
    due_by: datetime
    lives: dict[int, int] = field(default_factory=dict)
    state: str = "sealed"
    deadline: datetime | None = None
    delivered_at: datetime | None = None
    overdue: bool = False
    settled: bool = False


@dataclass
class Book:
    """What the model knows. Lives have the ids that the engine gave them."""

    agreed: Agreed = field(default_factory=Agreed)
    lives: dict[int, Life] = field(default_factory=dict)
    batches: dict[int, Batch] = field(default_factory=dict)
    strays: list[Break] = field(default_factory=list)
    is_held: bool = False

    @property
    def terms(self) -> Terms:
        """What holds from now on."""
        return self.agreed.terms()

    def submit(self, life_id: int, member: str, quantity: int, at: datetime) -> None:
        """A new redemption."""
        self.lives[life_id] = Life(member, quantity, at)

    def due(self, at: datetime) -> list[int]:
        """The lives that the next batch takes."""
        waiting = [life_id for life_id in self._due(at) if not self.lives[life_id].is_kept_back]
        return [] if self.is_held else waiting

    def _due(self, at: datetime) -> list[int]:
        lives = self.lives.items()
        return [one for one, life in lives if life.due_at is not None and life.due_at <= at]

    def keep_back(self, at: datetime) -> None:
        """What is due and must not go out is put off."""
        for life_id in self._due(at):
            if self.lives[life_id].is_kept_back:
                self.lives[life_id].keep_back(self.terms, at)

    def seal(self, batch_id: int, at: datetime) -> None:
        """What is due goes into a batch."""
        batch = self.batches[batch_id] = Batch(self.agreed, at)
        for life_id in self.due(at):
            batch.lives[life_id] = self.lives[life_id].taken_by_batch()

    def recall(self, batch_id: int) -> None:
        """A sealed batch never leaves."""
        batch = self.batches[batch_id]
        batch.state = "recalled"
        for life_id in batch.lives:
            self.lives[life_id].recalled(batch.due_by)

    def deliver(self, batch_id: int, at: datetime) -> None:
        """A file has reached the partner; its redemptions do not know yet."""
        batch = self.batches[batch_id]
        batch.state, batch.delivered_at = "delivered", at
        batch.deadline = batch.agreed.deadline(at)

    def dispatch(self, at: datetime) -> None:
        """Whatever was delivered is known to have been."""
        for batch in self.batches.values():
            if batch.state == "delivered":
                batch.state = "sent"
                assert batch.delivered_at is not None
                for life_id in batch.lives:
                    self.lives[life_id].dispatched(at, batch.delivered_at)

    def take_up(self, at: datetime) -> list[tuple[int, int]]:
        """Judge again what came too early; remainders that go out again, each with its origin."""
        remainders = []
        parked = [
            (one.record.file, place, life_id, one)
            for life_id, life in self.lives.items()
            for place, one in enumerate(life.breaks)
            if one.is_open and one.kind == "early_answer" and one.record is not None
        ]
        for *_, life_id, one in sorted(parked, key=lambda found: found[:3]):
            assert one.record is not None
            if one.record.attempt <= self.lives[life_id].attempt:
                one.resolution = "settled"
                remainders += self._hear(life_id, one.record, one.terms, at)
        return remainders

    def hear(self, records: Iterable[tuple[int, Record]], at: datetime) -> list[tuple[int, int]]:
        """A file, record by record; remainders that go out again, each with its origin. What quotes
        nothing of ours is a break, which opens once."""
        remainders, terms = [], self.terms
        counted = dict.fromkeys((life_id, one.counted(terms)) for life_id, one in records)
        printed = {(life_id, one.attempt) for life_id, one in counted if not one.quotes}
        for life_id, record in counted:  # two that say the same of one attempt are one
            respelt = terms.normalised and record.attempt > 0
            # What another record has found by the reference itself is not found again.
            if not record.quotes or (respelt and (life_id, record.attempt) not in printed):
                remainders += self._hear(life_id, record, terms, at)
            elif record.strays not in [one.record and one.record.strays for one in self.strays]:
                self.strays.append(Break("unknown_reference", 0, record, terms))
        return remainders

    def link(self, stray: Break, life_id: int, at: datetime) -> list[tuple[int, int]]:
        """Two persons say what a stray record answers: the last attempt of a life. Raises
        Refused."""
        assert stray.record is not None
        attempt = self.lives[life_id].attempt
        if not attempt:
            raise Refused("it was never sent")
        stray.resolution = "linked"
        return self._hear(life_id, replace(stray.record, attempt=attempt), stray.terms, at)

    def _hear(
        self, life_id: int, record: Record, terms: Terms, at: datetime
    ) -> list[tuple[int, int]]:
        """One record, whenever its time has come; a partner that blames us is held."""
        life, steps = self.lives[life_id], len(self.lives[life_id].steps)
        rest = hear(life, record, terms, at)
        moved = [one.trigger for one in life.steps[steps:]]
        if record.reason == "ours" and {"reject", "return"} & set(moved):
            self.is_held = True
        return [] if rest is None else [(life_id, rest)]

    def sweep(self, at: datetime) -> None:
        """Read into silence what each batch's agreement says, and see what is overdue."""
        late = [one for one in self.batches.values() if one.deadline and one.deadline <= at]
        for batch in (one for one in late if one.state == "sent"):
            terms = batch.agreed.terms()
            for life_id, attempt in batch.lives.items():
                life = self.lives[life_id]
                if terms.style != "full" and life.attempt == attempt and life.is_silent:
                    life.expire(terms, at)
            outstanding = any(
                life.state == "awaiting_handback" and life.attempt == attempt
                for life, attempt in ((self.lives[one], n) for one, n in batch.lives.items())
            )
            batch.overdue = outstanding

    def breaks_of(self, *, is_open: bool) -> list[tuple[int, Break]]:
        """All breaks of all lives that stand so."""
        lives = sorted(self.lives.items())
        return [(key, one) for key, life in lives for one in life.breaks if one.is_open == is_open]

    def awaited(self) -> set[tuple[int, int]]:
        """The attempts whose answer is outstanding, or that are about to leave."""
        coming = {(life_id, life.taken) for life_id, life in self.lives.items() if life.taken}
        lives = self.lives.items()
        return coming | {
            (life_id, life.attempt) for life_id, life in lives if life.state == "awaiting_handback"
        }

    def money(self) -> dict[str, int]:
        """What each account of the ledger holds."""
        sums = {name: sum(getattr(life, name) for life in self.lives.values()) for name in ACCOUNTS}
        return sums | {"member": -sum(sums.values())}
