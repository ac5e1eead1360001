"""Answers that come late, early, twice, crossed or against one another, on both stores.

Each is a row of docs/decisions-table.md.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from agreements import source_of
from fake_clock import FakeClock
from handback.breaks.kinds import BreakKind, Resolution
from handback.errors import IllegalTransition
from handback.ids import attempt_key
from handback.journal.commit import CauseKind
from handback.lifecycle.table import State
from handback.partners import registry
from handback.payouts.gather import gather
from handback.reconcile.sweep import sweep_round
from handback.redemptions.requests import Cancel, Fail
from handback.store.session import Store
from world import Answer, Sent, World, counts, skyways_file

REJECTED_FOR_GOOD, TEMPORARY, REVIEWED, RETURNED = "0201", "0301", "0102", "0601"
CONFIRMED, PENDING, KNOWN = "0000", "0002", "0501"


class Partner(World):
    """Skyways, which answers what it likes, when it likes."""

    def __init__(self, store: Store, clock: FakeClock, root: Path) -> None:
        super().__init__(store, clock, root)
        self.files = 0

    def says(self, sent: Sent, *codes: str, quantity: int | None = None) -> dict[str, int]:
        """A file with one record for each code; how many records became what."""
        self.files += 1
        named = sent.quantity if quantity is None else quantity
        answers = [Answer(sent.reference, sent.member_ref, named, code) for code in codes]
        file = self.answer(skyways_file(answers, self.files), f"{self.files}.csv")
        found = counts(self.report(file.file_id))
        return {name: count for name, (count, _) in found.items() if count and name != "records"}

    def kinds(self) -> list[BreakKind]:
        return [found.kind for found in self.breaks()]

    def retried(self, sent: Sent) -> Sent:
        """The next attempt, after the first was rejected for a passing reason."""
        self.says(sent, TEMPORARY)
        self.clock.advance(timedelta(seconds=2))
        self.send()
        return self.sent(self.delivered()[-1])[-1]


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> Partner:
    world = Partner(store, clock, tmp_path)
    world.apply("skyways")
    return world


def test_a_late_confirmation_is_taken_while_the_retry_waits(world: Partner) -> None:
    one, sent = world.sent_one()
    world.says(sent, TEMPORARY)
    assert world.says(sent, CONFIRMED) == {"events": 1}
    assert world.states([one]) == ["confirmed"]
    world.assert_laws()


def test_a_late_rejection_of_an_earlier_attempt_touches_nothing(world: Partner) -> None:
    one, first = world.sent_one()
    second = world.retried(first)
    assert world.says(first, REJECTED_FOR_GOOD) == {"repeats": 1}
    assert world.says(second, CONFIRMED) == {"events": 1}
    assert world.says(first, REJECTED_FOR_GOOD) == {"repeats": 1}
    assert world.states([one]) == ["confirmed"]
    assert world.kinds() == []
    world.assert_laws()


def test_two_confirmed_attempts_are_a_double_credit(world: Partner) -> None:
    one, first = world.sent_one()
    second = world.retried(first)
    world.says(second, CONFIRMED)
    assert world.says(first, CONFIRMED) == {"breaks": 1}
    assert world.kinds() == [BreakKind.DOUBLE_CREDIT]
    assert world.get(one).fulfilled == 100
    world.assert_laws()


@pytest.mark.parametrize("codes", [(CONFIRMED, REVIEWED), (REVIEWED, CONFIRMED)])
def test_a_contradiction_in_one_file_is_believed_in_neither_way(
    world: Partner, codes: tuple[str, str]
) -> None:
    _, sent = world.sent_one()
    assert world.says(sent, *codes) == {"events": 1, "breaks": 1}
    assert BreakKind.CONTRADICTION in world.kinds()
    world.assert_laws()


@pytest.mark.parametrize("codes", [(CONFIRMED, REVIEWED), (REVIEWED, CONFIRMED)])
def test_a_contradiction_across_files_is_believed_in_neither_way(
    world: Partner, codes: tuple[str, str]
) -> None:
    one, sent = world.sent_one()
    world.says(sent, codes[0])
    state = world.get(one).state
    assert world.says(sent, codes[1]) == {"breaks": 1}
    assert BreakKind.CONTRADICTION in world.kinds()
    assert world.get(one).state is state
    world.assert_laws()


def test_an_answer_before_our_own_dispatch_is_parked_and_judged_again(world: Partner) -> None:
    ids = world.submit(100, 200, 300)
    gather(world.store, world.landing, world.agreements, world.clock, "aurora", "skyways")
    answers = [
        Answer(f"HB{attempt_key(one, 1):018}", world.get(one).member_ref, quantity, code)
        for one, quantity, code in zip(
            ids, (100, 200, 300), (CONFIRMED, REVIEWED, PENDING), strict=True
        )
    ]
    file = world.answer(skyways_file(answers))
    assert world.kinds() == [BreakKind.EARLY_ANSWER] * 3
    assert world.states(ids) == ["submitted"] * 3
    world.assert_laws()
    assert sweep_round(world.store, world.agreements, world.clock) == 0
    assert world.states(ids) == ["submitted"] * 3, "nothing was dispatched yet"

    world.send()
    sweep_round(world.store, world.agreements, world.clock)

    assert world.states(ids) == ["confirmed", "rejected", "awaiting_handback"]
    assert world.kinds() == [BreakKind.REVIEW]
    closed = world.breaks(include_closed=True, kinds=[BreakKind.EARLY_ANSWER])
    assert {found.resolution for found in closed} == {Resolution.SETTLED}
    event = world.history(ids[0])[-1]
    assert (event.file_id, event.ordinal) == (file.file_id, 1)
    assert event.cause_kind is CauseKind.PAYOUT_BATCH
    assert counts(world.report(file.file_id))["breaks"] == (3, 600)
    world.assert_laws()
    again = world.answer(skyways_file(answers, 2), "again.csv")
    assert counts(world.report(again.file_id))["repeats"][0] == 3
    world.assert_laws()


def test_an_interim_answer_before_the_final_one(world: Partner) -> None:
    one, sent = world.sent_one()
    assert world.says(sent, PENDING) == {"events": 1}
    assert world.says(sent, PENDING) == {"repeats": 1}
    assert world.says(sent, CONFIRMED) == {"events": 1}
    assert world.states([one]) == ["confirmed"]


def test_an_interim_answer_after_the_final_one_is_kept_and_ignored(world: Partner) -> None:
    one, sent = world.sent_one()
    world.says(sent, CONFIRMED)
    assert world.says(sent, PENDING) == {"repeats": 1}
    assert world.states([one]) == ["confirmed"]
    assert world.kinds() == []


def limited(world: Partner, days: int) -> None:
    """Terms under which a credit may come back for so long."""
    source = source_of("skyways").replace("[answers]", f"[answers]\nreturn_days = {days}", 1)
    registry.apply(world.store, world.clock, source, "tests")


def test_a_return_within_the_window_is_taken(world: Partner) -> None:
    limited(world, 60)
    one, sent = world.sent_one()
    world.says(sent, CONFIRMED)
    world.clock.advance(timedelta(days=60))
    assert world.says(sent, RETURNED) == {"events": 1}
    assert world.states([one]) == ["rejected"]
    world.assert_laws()


def test_a_return_after_the_window_moves_nothing(world: Partner) -> None:
    limited(world, 60)
    one, sent = world.sent_one()
    world.says(sent, CONFIRMED)
    world.clock.advance(timedelta(days=60, seconds=1))
    assert world.says(sent, RETURNED) == {"breaks": 1}
    assert world.states([one]) == ["confirmed"]
    assert world.kinds() == [BreakKind.RETURN_AFTER_WINDOW]
    world.assert_laws()


def test_parts_that_come_back_add_up_to_what_was_credited(world: Partner) -> None:
    one, sent = world.sent_one(100)
    world.says(sent, CONFIRMED)
    assert world.says(sent, RETURNED, quantity=30) == {"events": 1}
    assert world.says(sent, RETURNED, quantity=30) == {"repeats": 1}
    assert world.says(sent, RETURNED, quantity=50) == {"events": 1}
    assert (world.get(one).state, world.get(one).fulfilled) == (State.CONFIRMED, 20)
    assert world.says(sent, RETURNED, quantity=100) == {"breaks": 1}
    assert world.kinds() == [BreakKind.QUANTITY_MISMATCH]
    assert world.says(sent, RETURNED, quantity=20) == {"events": 1}
    view = world.get(one)
    assert (view.state, view.held, view.fulfilled) == (State.REJECTED, 20, 0)
    world.assert_laws()


def test_a_return_that_is_said_to_be_void_is_for_a_person(world: Partner) -> None:
    one, sent = world.sent_one()
    world.says(sent, CONFIRMED)
    world.says(sent, RETURNED)
    assert world.says(sent, CONFIRMED) == {"repeats": 1}, "the old confirmation once more"
    assert world.says(sent, "0001") == {"breaks": 1}
    assert set(world.kinds()) == {BreakKind.RETURNED, BreakKind.RETURN_REVERSED}
    assert world.get(one).held == 100
    world.assert_laws()


def test_a_duplicate_of_what_is_credited_says_nothing_new(world: Partner) -> None:
    one, first = world.sent_one()
    second = world.retried(first)
    world.says(second, CONFIRMED)
    assert world.says(second, KNOWN) == {"repeats": 1}
    assert world.says(first, KNOWN) == {"repeats": 1}
    assert world.states([one]) == ["confirmed"]


def test_a_duplicate_in_answer_to_our_retry_neither_refunds_nor_retries(world: Partner) -> None:
    one, first = world.sent_one()
    second = world.retried(first)
    assert world.says(second, KNOWN) == {"breaks": 1}
    assert world.kinds() == [BreakKind.DUPLICATE_REJECTION]
    view = world.get(one)
    assert (view.state, view.held, view.attempt) == (State.AWAITING_HANDBACK, 100, 2)
    world.assert_laws()


def test_a_cancel_that_comes_first_leaves_the_answer_for_two_people(world: Partner) -> None:
    one, sent = world.sent_one()
    world.says(sent, TEMPORARY)
    world.run(Cancel("aurora", "c", one))
    assert world.says(sent, CONFIRMED) == {"breaks": 1}
    assert world.kinds() == [BreakKind.CONFIRMED_AFTER_FAILURE]
    assert world.states([one]) == ["failed"]
    world.assert_laws()


def test_a_cancel_that_comes_after_the_answer_is_refused(world: Partner) -> None:
    one, sent = world.sent_one()
    world.says(sent, TEMPORARY)
    world.says(sent, CONFIRMED)
    (refusal,) = world.run(Cancel("aurora", "c", one))
    assert isinstance(refusal, IllegalTransition)
    assert world.states([one]) == ["confirmed"]


def test_a_return_of_what_nobody_confirmed_is_a_rejection(world: Partner) -> None:
    one, sent = world.sent_one()
    assert world.says(sent, RETURNED) == {"events": 1}
    assert world.get(one).held == 100
    assert world.says(sent, RETURNED) == {"repeats": 1}
    world.run(Fail("aurora", "f", one))
    assert world.says(sent, REVIEWED) == {"repeats": 1}
    world.assert_laws()
