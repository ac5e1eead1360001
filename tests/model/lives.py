"""A platform, its partner and two operators as a machine: all that may happen, and what then holds.

After every step each redemption stands where its model stands, the ledger holds the model's money,
now and at every earlier position, and the laws hold.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from conftest import OpenStore
from fake_clock import FakeClock
from handback.breaks.decisions import Decision
from handback.breaks.kinds import BreakKind
from handback.errors import HandbackError, PartnerHeld
from handback.intake.states import FileState
from handback.ledger import periods
from handback.ledger.snapshots import roll_up
from handback.reconcile.sweep import sweep_round
from handback.redemptions.requests import Cancel, Fail, Retry
from handback.resolutions.deciding import Wanted
from model import persons
from model.book import Book
from model.chances import AGREED, ANY, JUMPS, SAID, Said
from model.driving import DECISIONS, Driven, file_of, packed, respelt
from model.life import Break, Life, Record, Refused
from model.terms import CLASSES, Agreed
from world import PROGRAMME


class Lives(RuleBasedStateMachine):
    """A platform, its partner and two operators, all unpredictable."""

    def __init__(self, open_store: OpenStore) -> None:
        super().__init__()
        self._stack = ExitStack()
        root = Path(self._stack.enter_context(TemporaryDirectory()))
        store = open_store(self._stack)
        self._stack.callback(store.close)
        self.world = Driven(store, FakeClock(), root)
        self.book = Book()
        self.said: list[tuple[bytes, list[tuple[int, Record]]]] = []
        self.then: dict[int, dict[str, int]] = {}
        self.keys = 0

    @property
    def now(self) -> datetime:
        """The instant."""
        return self.world.clock.now()

    def key(self) -> str:
        """A request key, or a name, of its own."""
        self.keys += 1
        return f"n{self.keys}"

    def pick(self, at: int) -> tuple[int, Life]:
        """Some life."""
        return sorted(self.book.lives.items())[at % len(self.book.lives)]

    @initialize(agreed=AGREED)
    def agree_first(self, agreed: Agreed) -> None:
        """The partner's terms stand before anything else."""
        self.agree(agreed)

    @rule(agreed=AGREED)
    def agree(self, agreed: Agreed) -> None:
        """The terms change."""
        self.world.agree(agreed.source())
        self.book.agreed = agreed

    def record(self, life: Life, attempt: int, code: str, quantity: int) -> Record:
        """What the next file says of an attempt."""
        return Record(len(self.said), attempt, life.member, quantity, code, CLASSES[code])

    @rule(quantities=st.lists(st.sampled_from([100, 100, 3, 1]), min_size=1, max_size=2))
    def submit(self, quantities: list[int]) -> None:
        """New redemptions."""
        for quantity in quantities:
            member = f"M-{self.key()}"
            (life_id,) = self.world.submit(quantity, member_ref=member)
            self.book.submit(life_id, member, quantity, self.now)

    @rule()
    def seal(self) -> None:
        """What is due goes into a batch."""
        due = self.book.due(self.now)
        try:
            sealed = self.world.seal()
        except PartnerHeld:
            assert self.book.is_held
            return
        assert not self.book.is_held
        assert len(sealed) == bool(due)
        self.book.keep_back(self.now)
        for batch_id in sealed:
            self.book.seal(batch_id, self.now)

    @rule(forgotten=st.booleans())
    def send(self, forgotten: bool) -> None:
        """What is sealed leaves; by a process that may be killed before it notes so."""
        self.seal()
        for batch_id in self.world.undispatched():
            if self.book.batches[batch_id].state == "sealed":
                if self.book.is_held:
                    with pytest.raises(PartnerHeld):
                        self.world.bring(batch_id)
                    continue
                self.book.deliver(batch_id, self.now)
            self.world.bring(batch_id, forgotten=forgotten)
        if not forgotten:
            self.book.dispatch(self.now)

    @precondition(lambda self: any(one.state == "sealed" for one in self.book.batches.values()))
    @rule()
    def recall(self) -> None:
        """A sealed batch is recalled."""
        for batch_id, batch in self.book.batches.items():
            if batch.state == "sealed":
                self.world.recall(batch_id)
                self.book.recall(batch_id)

    @rule()
    def hold(self) -> None:
        """The partner is held, or released."""
        self.book.is_held = not self.book.is_held
        self.world.hold(on=self.book.is_held)

    @precondition(lambda self: any(life.asked for life in self.book.lives.values()))
    @rule(
        said=st.lists(SAID, min_size=1, max_size=5),
        chunk=st.sampled_from([1, 2, 50_000]),
        kill_at=st.integers(0, 8),
    )
    def answer(self, said: list[Said], chunk: int, kill_at: int) -> None:
        """The partner says anything of anything it may know."""
        known = sorted(one for one in self.book.lives.items() if one[1].asked)[-3:]
        records = []
        for at, back, code, more, fee, other, spelt in said:
            life_id, life = known[at % len(known)]
            attempt = sorted(life.asked)[-1 - back % len(life.asked)]
            quantity = max(life.asked[attempt] + more, 0)
            record = replace(self.record(life, attempt, code, quantity), fee=fee)
            record = replace(record, member="M-other") if other else record
            quotes = respelt(life_id, attempt) if spelt else ""
            records.append((life_id, replace(record, quotes=quotes)))
        self.hear(records, chunk, kill_at)

    @precondition(lambda self: self.book.lives)
    @rule(code=st.sampled_from(["0000", "0000", "0101", "0201", "0301", "0601"]))
    def round_trip(self, code: str) -> None:
        """What may leave does, and the partner answers all that it has alike: so lives grow long,
        and earlier attempts are spoken of again."""
        self.wait(timedelta(seconds=2))
        self.send(forgotten=False)
        known = [one for one in sorted(self.book.lives.items()) if one[1].attempt][-3:]
        records = [
            (life_id, self.record(life, life.attempt, code, life.asked[life.attempt]))
            for life_id, life in known
        ]
        if records:
            self.hear(records, 50_000, 0)

    @rule()
    def silence(self) -> None:
        """Nothing is heard for long."""
        self.wait(timedelta(days=8))
        self.sweep()

    @precondition(lambda self: self.book.lives)
    @rule(at=ANY, code=st.sampled_from(sorted(CLASSES)), more=st.sampled_from([0, 0, -1]))
    def stray(self, at: int, code: str, more: int) -> None:
        """The partner says something of it knows not what."""
        life_id, life = self.pick(at)
        record = self.record(life, 0, code, max(life.quantity + more, 0))
        self.hear([(life_id, replace(record, quotes=f"HB-{at % 2}"))], 50_000, 0)

    def open_strays(self) -> list[tuple[int, Break]]:
        """The stray records that nobody has linked, by the engine's name of their break."""
        kinds = [BreakKind.UNKNOWN_REFERENCE]
        views = self.world.breaks(kinds=kinds, include_closed=True)
        pairs = zip((one.break_id for one in views), self.book.strays, strict=True)
        return [(break_id, one) for break_id, one in pairs if one.is_open]

    @precondition(lambda self: any(one.is_open for one in self.book.strays))
    @rule(at=ANY, whose=ANY)
    def link(self, at: int, whose: int) -> None:
        """Two persons say what a stray record answers."""
        strays, (life_id, _) = self.open_strays(), self.pick(whose)
        break_id, stray = strays[at % len(strays)]
        refusal = self.world.decide(break_id, Wanted(Decision.LINK, None, life_id))
        try:
            self.remain(self.book.link(stray, life_id, self.now))
        except Refused as refused:
            assert refusal is not None, str(refused)
        else:
            assert refusal is None, refusal

    @precondition(lambda self: self.said)
    @rule(at=ANY, chunk=st.sampled_from([1, 50_000]))
    def answer_again(self, at: int, chunk: int) -> None:
        """The records of an earlier file come in a new one."""
        _, earlier = self.said[at % len(self.said)]
        number = len(self.said)
        again = [(life_id, replace(one, file=number)) for life_id, one in earlier]
        self.hear(again, chunk, 0)

    def hear(self, records: list[tuple[int, Record]], chunk: int, kill_at: int) -> None:
        """Both hear a file."""
        content = file_of(records, len(self.said) + 1)
        self.said.append((content, records))
        name = f"said-{len(self.said)}.csv"
        file = self.world.say(content, name, chunk=chunk, kill_at=kill_at)
        assert file.state is FileState.RECONCILED, file
        if any(batch.state == "delivered" for batch in self.book.batches.values()):
            self.book.dispatch(self.now)
            self.remain(self.book.take_up(self.now))
        self.remain(self.book.hear(records, self.now))

    def remain(self, remainders: list[tuple[int, int]]) -> None:
        """Remainders go out again."""
        for origin, rest in remainders:
            life_id = self.world.remainder_of(origin)
            self.book.submit(life_id, self.book.lives[origin].member, rest, self.now)

    @precondition(lambda self: self.said)
    @rule(at=ANY, wrapped=st.booleans())
    def repeat(self, at: int, wrapped: bool) -> None:
        """A file comes again under another name, or in another envelope: nothing of it counts."""
        content, _ = self.said[at % len(self.said)]
        again = packed(content) if wrapped else content
        file = self.world.say(again, f"{self.key()}.csv", chunk=2, kill_at=0)
        assert file.state is FileState.REFUSED
        # A look for files dispatches nothing where it finds none to reconcile.

    @precondition(lambda self: self.book.lives)
    @rule(at=ANY, kind=st.sampled_from([Cancel, Retry, Fail]), anew=st.booleans())
    def command(self, at: int, kind: type[Cancel | Retry | Fail], anew: bool) -> None:
        """A person asks for a step, allowed or not, and asks twice."""
        life_id, life = self.pick(at)
        wanted = kind(PROGRAMME, self.key(), life_id)
        member = f"M-{self.key()}" if anew and isinstance(wanted, Retry) else ""
        if isinstance(wanted, Retry):
            wanted = Retry(PROGRAMME, wanted.request_key, life_id, member_ref=member)
        first, second = self.world.run(wanted, wanted)
        assert type(first) is type(second)
        assert getattr(second, "replayed", True), "the same key moves nothing twice"
        name = kind.__name__.lower()
        try:
            persons.command(life, name, self.book.terms, self.now, member=member)
        except Refused as refused:
            assert isinstance(first, HandbackError), (name, str(refused))
        else:
            assert not isinstance(first, HandbackError), (name, first)

    def id_of(self, life_id: int, found: Break) -> int:
        """The engine's name of a break: of a kind they are opened in one order."""
        alike = [one for one in self.book.lives[life_id].breaks if one.kind == found.kind]
        kind = BreakKind[found.kind.upper()]
        views = self.world.breaks(redemption_id=life_id, kinds=[kind], include_closed=True)
        (place,) = (at for at, one in enumerate(alike) if one is found)
        return views[place].break_id

    @precondition(lambda self: self.book.breaks_of(is_open=True))
    @rule(at=ANY, decision=st.sampled_from(sorted(DECISIONS)), part=st.booleans())
    def decide(self, at: int, decision: str, part: bool) -> None:
        """Two persons decide about a break, what they may and what they may not."""
        breaks = self.book.breaks_of(is_open=True)
        life_id, found = breaks[at % len(breaks)]
        life = self.book.lives[life_id]
        quantity = max(1, (life.held or life.quantity) // (2 if part else 1))
        unasked = decision in ("retry", "fail")
        wanted = Wanted(DECISIONS[decision], None if unasked else quantity)
        refusal = self.world.decide(self.id_of(life_id, found), wanted)
        try:
            if unasked:
                self.step_by_one_or_two(life, found, decision)
            else:
                persons.credit(life, found, decision, quantity, self.now)
        except Refused as refused:
            assert refusal is not None, (decision, str(refused))
        else:
            assert refusal is None, (decision, refusal)
            persons.close(life, found, persons.RESOLUTIONS[decision])

    def step_by_one_or_two(self, life: Life, found: Break, decision: str) -> None:
        """What one person may not, two may."""
        try:
            persons.command(life, decision, self.book.terms, self.now)
        except Refused:
            if decision != "retry" or not persons.let_go(life, found):
                persons.command(life, decision, self.book.terms, self.now, two=True)

    @precondition(lambda self: self.book.breaks_of(is_open=True))
    @rule(at=ANY)
    def dismiss(self, at: int) -> None:
        """One person lets a break be."""
        breaks = self.book.breaks_of(is_open=True)
        life_id, found = breaks[at % len(breaks)]
        outcome = self.world.desk_of_two.resolve(
            self.id_of(life_id, found), Wanted(Decision.DISMISS)
        )
        try:
            persons.dismiss(self.book.lives[life_id], found)
        except Refused:
            assert isinstance(outcome.result, HandbackError)
        else:
            assert not isinstance(outcome.result, HandbackError), outcome.result

    @precondition(lambda self: self.book.breaks_of(is_open=False))
    @rule(at=ANY)
    def reopen(self, at: int) -> None:
        """A person looks at a break again."""
        breaks = self.book.breaks_of(is_open=False)
        life_id, found = breaks[at % len(breaks)]
        self.world.reopen(self.id_of(life_id, found))
        found.resolution = None

    @rule(jump=st.sampled_from(JUMPS))
    def wait(self, jump: timedelta) -> None:
        """Time passes."""
        self.world.clock.advance(jump)

    @rule()
    def sweep(self) -> None:
        """What came too early is judged, and silence is read."""
        sweep_round(self.world.store, self.world.agreements, self.world.clock)
        self.remain(self.book.take_up(self.now))
        self.book.sweep(self.now)

    @rule()
    def keep_balances(self) -> None:
        """Balances are kept, where it is time."""
        roll_up(self.world.store, every=3)

    @rule()
    def close_period(self) -> None:
        """A period is closed; nobody stops for it."""
        periods.close(self.world.store, self.world.clock, PROGRAMME, self.key(), "tests")

    @invariant()
    def agrees_with_the_model(self) -> None:
        """Engine and model say the same of everything."""
        open_breaks = self.world.breaks()
        for life_id, life in self.book.lives.items():
            view = self.world.get(life_id)
            said = (str(view.state), view.attempt, view.version, view.held, view.fulfilled)
            told = (life.state, life.attempt, len(life.steps), life.held, life.fulfilled)
            assert (said, view.due_at, view.member_ref) == (told, life.due_at, life.member), (
                [str(one.trigger) for one in self.world.history(life_id)],
                [one.trigger for one in life.steps],
            )
            kinds = sorted(str(one.kind) for one in open_breaks if one.redemption_id == life_id)
            assert kinds == life.open_kinds(), (life_id, life.steps)
            restricted = [one.is_restricted for one in open_breaks if one.redemption_id == life_id]
            assert sum(restricted) == sum(one.is_open and one.is_restricted for one in life.breaks)
            sums = life.held + life.fulfilled + life.variance + life.written_off
            assert sums + life.given_back == life.quantity
            assert life.given_back >= 0
        strays = sum(one.kind is BreakKind.UNKNOWN_REFERENCE for one in open_breaks)
        assert strays == sum(one.is_open for one in self.book.strays)
        overdue = sum(one.kind is BreakKind.OVERDUE for one in open_breaks)
        assert overdue == sum(batch.overdue for batch in self.book.batches.values())
        assert len(self.book.lives) == self.world.count()
        assert self.world.pending() == self.book.awaited()

    @invariant()
    def holds_the_model_s_money(self) -> None:
        """The ledger is the sum of the lives, and what it said once it says for ever."""
        position, money = self.world.newest_position(), self.book.money()
        assert self.world.money() == money
        assert self.then.setdefault(position, money) == money
        for earlier in sorted(self.then)[:: max(1, len(self.then) // 3)]:
            assert self.world.money(earlier) == self.then[earlier]
        self.world.assert_laws()

    def teardown(self) -> None:
        """Everything the partner said is said again, renamed; then nothing has moved."""
        try:
            before = [self.world.get(one) for one in self.book.lives]
            for content, _ in self.said:
                self.repeat(self.said.index((content, _)), wrapped=False)
            assert [self.world.get(one) for one in self.book.lives] == before
        finally:
            self._stack.close()
