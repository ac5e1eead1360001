"""Random lives: whatever callers, partners and operators do in whatever order, the laws hold.

Beside the laws, a small book kept by the test itself says what each member is owed: nothing is
credited twice, nothing given back twice, and nothing is lost.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from conftest import OpenStore
from fake_clock import FakeClock
from handback.intake.states import FileState
from handback.ledger import queries as ledger
from handback.ledger.queries import BalanceFilter
from handback.ledger.snapshots import roll_up
from handback.lifecycle.table import State
from handback.redemptions.requests import Cancel, Fail, Retry
from world import Answer, Sent, World, counts, skyways_file

# Every class of answer that skyways has, and one that its agreement does not know.
CODES = ("0000", "0001", "0002", "0102", "0201", "0301", "0302", "0401", "0501", "0601", "7777")


class Lives(RuleBasedStateMachine):
    """A platform, its partner skyways and an operator, all unpredictable."""

    def __init__(self, open_store: OpenStore) -> None:
        super().__init__()
        self._stack = ExitStack()
        root = Path(self._stack.enter_context(TemporaryDirectory()))
        store = self._stack.enter_context(ExitStack())
        opened = open_store(store)
        store.callback(opened.close)
        self.world = World(opened, FakeClock(), root)
        self.ids: list[int] = []
        self.sent: dict[str, Sent] = {}
        self.files: list[bytes] = []
        self.commands = 0

    def teardown(self) -> None:
        """Everything the partner said is said again, renamed; then nothing has moved."""
        before = [self.world.get(one) for one in self.ids]
        for number, content in enumerate(self.files):
            self.world.hand_back(content, f"again-{number}.csv")
        while files := self.world.take_in():
            assert all(file.state is FileState.REFUSED for file in files)
        assert [self.world.get(one) for one in self.ids] == before
        self._stack.close()

    @initialize()
    def agree(self) -> None:
        """The partner's terms stand before anything else."""
        self.world.apply("skyways")

    @rule(quantities=st.lists(st.integers(1, 10**6), min_size=1, max_size=4))
    def submit(self, quantities: list[int]) -> None:
        """New redemptions."""
        self.ids += self.world.submit(*quantities)

    @rule()
    def send(self) -> None:
        """What is due goes out."""
        for file in self.world.send():
            self.sent |= {one.reference: one for one in self.world.sent(file)}

    @precondition(lambda self: self.sent)
    @rule(
        choices=st.lists(
            st.tuples(
                st.integers(0, 10**6), st.sampled_from(CODES), st.sampled_from([0, 0, 0, 0, -1, 5])
            ),
            min_size=1,
            max_size=8,
        )
    )
    def answer(self, choices: list[tuple[int, str, int]]) -> None:
        """The partner answers anything it was ever sent, sometimes with another quantity."""
        sent = sorted(self.sent.values())
        answers = [
            Answer(one.reference, one.member_ref, max(one.quantity + change, 1), code)
            for one, code, change in ((sent[at % len(sent)], c, d) for at, c, d in choices)
        ]
        content = skyways_file(answers, sequence=len(self.files) + 1)
        self.files.append(content)
        file = self.world.answer(content, f"answer-{len(self.files)}.csv")
        assert file.state is FileState.RECONCILED
        found = counts(self.world.report(file.file_id))
        assert found["records"][0] == len(answers)

    @precondition(lambda self: self.ids)
    @rule(at=st.integers(0, 10**6), kind=st.sampled_from([Cancel, Retry, Fail]))
    def command(self, at: int, kind: Any) -> None:
        """A caller or operator asks for a step, allowed or not, and asks twice."""
        self.commands += 1
        wanted = kind("aurora", f"command-{self.commands}", self.ids[at % len(self.ids)])
        first, second = self.world.run(wanted, wanted)
        assert getattr(second, "replayed", True), "the same key moves nothing twice"
        assert type(first) is type(second)

    @rule()
    def roll_up(self) -> None:
        """Balances are kept, where it is time."""
        roll_up(self.world.store, every=3)

    @rule(seconds=st.sampled_from([1, 3, 86_401, 86_400 * 50]))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.world.clock.advance(timedelta(seconds=seconds))

    @invariant()
    def laws(self) -> None:
        """The laws of the store, and the book of what members are owed."""
        self.world.assert_laws()
        views = [self.world.get(one) for one in self.ids]
        for view in views:
            owed = {State.CONFIRMED: (0, view.quantity), State.FAILED: (0, 0)}
            assert (view.held, view.fulfilled) == owed.get(view.state, (view.quantity, 0))
        with self.world.store.read() as tx:
            balances = ledger.page(tx, BalanceFilter("aurora"))
        held = sum(balance.held for balance in balances)
        fulfilled = sum(balance.fulfilled for balance in balances)
        assert held == sum(view.held for view in views)
        assert fulfilled == sum(view.fulfilled for view in views)


def test_the_laws_hold_whatever_happens(open_store: OpenStore) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Lives(open_store),
        settings=settings(
            max_examples=12,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
