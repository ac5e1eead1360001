"""A partner keeps silent past its deadline: what that comes to, and what late answers do."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agreements import source_of
from fake_clock import FakeClock
from handback.breaks.kinds import BreakKind, Resolution
from handback.breaks.queries import BreakFilter, BreakView
from handback.breaks.queries import page as page_of_breaks
from handback.ids import Prefix
from handback.intake.quarantine import discard
from handback.intake.states import FileState
from handback.lifecycle.table import Trigger
from handback.partners import registry
from handback.partners.codes import ReasonClass
from handback.partners.registry import Agreements
from handback.reconcile import sweep as sweeping
from handback.reconcile.sweep import sweep_round
from handback.store.requests import Command
from handback.store.session import Store
from world import PROGRAMME, Answer, World, skyways_file

OK, WAIT, DEAD, TEMPORARY, REVIEWED = "0000", "0002", "0201", "0301", "0101"
STYLE = 'style = "full"'
MINUTE = timedelta(minutes=1)
# Five business days in London after Monday 2 March 2026: to the end of Monday the 9th.
DEADLINE = datetime(2026, 3, 10, 0, 0, tzinfo=UTC)


class Silent(World):
    """A world whose partner may not answer."""

    def agree(self, style: str, more: str = "") -> None:
        source = source_of("skyways").replace(STYLE, f'style = "{style}"\n{more}')
        registry.apply(self.store, self.clock, source, "tests")

    def sent_out(self, *quantities: int) -> list[int]:
        ids = self.submit(*quantities)
        self.send()
        return ids

    def sweep(self, at: datetime = DEADLINE) -> int:
        """A round at an instant, or later where the clock is past it."""
        self.clock.set(max(at, self.clock.now()))
        return sweep_round(self.store, self.agreements, self.clock)

    def says(self, code: str, *places: int, sequence: int = 1) -> None:
        """A file that answers some details of the newest payout file, by place."""
        details = self.sent(self.delivered()[-1])
        answers = [Answer(*details[place], code) for place in places]
        self.answer(skyways_file(answers, sequence), f"answer-{sequence}.csv")

    def triggers(self, redemption_id: int) -> list[str]:
        return [str(event.trigger) for event in self.history(redemption_id)]

    def all_breaks(self) -> list[BreakView]:
        with self.store.read() as tx:
            return page_of_breaks(tx, BreakFilter(PROGRAMME, include_closed=True), 0, 100)


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> Silent:
    return Silent(store, clock, tmp_path)


def kinds(world: Silent) -> list[BreakKind]:
    return [one.kind for one in world.breaks()]


def test_silence_of_who_owes_an_answer_makes_one_break_for_the_batch(world: Silent) -> None:
    world.agree("full")
    ids = world.sent_out(100, 200, 300)
    world.says(OK, 1)
    assert world.sweep(DEADLINE - MINUTE) == 0
    assert world.breaks() == []
    assert world.sweep() == 0
    (overdue,) = world.breaks()
    assert overdue.kind is BreakKind.OVERDUE
    assert (overdue.partner, overdue.quantity, overdue.redemption_id) == ("skyways", 400, None)
    assert overdue.facts["outstanding"] == "2"
    assert overdue.facts["batch"].startswith(Prefix.PAYOUT_BATCH)
    assert overdue.facts["deadline_at"] == DEADLINE.isoformat()
    assert world.states(ids) == ["awaiting_handback", "confirmed", "awaiting_handback"]
    world.assert_laws()


def test_an_overdue_break_closes_with_the_last_answer(world: Silent) -> None:
    world.agree("full")
    world.sent_out(100, 200)
    world.sweep()
    world.says(OK, 0)
    world.sweep()
    assert kinds(world) == [BreakKind.OVERDUE]
    world.says(DEAD, 1, sequence=2)
    world.sweep()
    assert world.breaks() == []
    (settled,) = world.all_breaks()
    assert (settled.resolution, settled.closed_by) == (Resolution.SETTLED, "sweep")
    world.assert_laws()


def test_sweeping_again_does_nothing_more(world: Silent) -> None:
    world.agree("full")
    world.sent_out(100)
    for _ in range(3):
        world.sweep()
    assert len(world.all_breaks()) == 1


def test_a_batch_that_is_answered_in_time_is_no_break(world: Silent) -> None:
    world.agree("full")
    world.sent_out(100)
    world.says(OK, 0)
    world.sweep()
    assert world.all_breaks() == []


def test_silence_confirms_where_only_exceptions_are_told(world: Silent) -> None:
    world.agree("exceptions_only")
    ids = world.sent_out(100, 200, 300)
    world.says(DEAD, 1)
    assert world.sweep(DEADLINE - MINUTE) == 0
    assert world.sweep() == 2
    assert world.states(ids) == ["confirmed", "failed", "confirmed"]
    event = world.history(ids[0])[-1]
    assert (event.trigger, event.quantity, event.file_id) == (Trigger.CONFIRM, 100, None)
    assert (event.actor, str(event.cause_kind)) == ("sweep", "policy")
    assert event.reason_class is ReasonClass.NONE
    assert world.breaks() == []
    assert world.sweep() == 0
    world.assert_laws()


def test_silence_rejects_where_only_successes_are_told(world: Silent) -> None:
    world.agree("successes_only")
    ids = world.sent_out(100, 200)
    world.says(OK, 0)
    assert world.sweep() == 1
    assert world.states(ids) == ["confirmed", "rejected"]
    assert world.triggers(ids[1]) == ["submit", "dispatch", "expire"]
    (review,) = world.breaks()
    assert (review.kind, review.redemption_id, review.quantity) == (BreakKind.REVIEW, ids[1], 200)
    assert review.reason_class is ReasonClass.OPS
    world.assert_laws()


@pytest.mark.parametrize(
    ("silence_class", "state", "triggers"),
    [
        ("temporary", "retrying", ["submit", "dispatch", "expire", "retry"]),
        ("dead", "failed", ["submit", "dispatch", "expire", "fail"]),
    ],
)
def test_the_policy_of_its_class_follows_a_rejection_by_silence(
    world: Silent, silence_class: str, state: str, triggers: list[str]
) -> None:
    world.agree("successes_only", f'silence_class = "{silence_class}"')
    (redemption_id,) = world.sent_out(100)
    world.sweep()
    assert world.states([redemption_id]) == [state]
    assert world.triggers(redemption_id) == triggers
    assert world.breaks() == []
    world.assert_laws()


def test_each_further_attempt_has_a_deadline_of_its_own(world: Silent) -> None:
    world.agree("successes_only", 'silence_class = "temporary"')
    (redemption_id,) = world.sent_out(100)
    world.sweep()
    world.clock.advance(minutes=5)
    world.send()
    assert world.states([redemption_id]) == ["awaiting_handback"]
    assert world.sweep() == 0
    # Sent early on Tuesday the 10th: to the end of Tuesday the 17th.
    assert world.sweep(datetime(2026, 3, 18, tzinfo=UTC)) == 1
    world.assert_laws()


@pytest.mark.parametrize("style", ["exceptions_only", "successes_only"])
def test_after_an_interim_answer_nobody_is_silent(world: Silent, style: str) -> None:
    world.agree(style)
    ids = world.sent_out(100, 200)
    world.says(WAIT, 0)
    assert world.sweep() == 1
    assert world.states(ids)[0] == "awaiting_handback"
    assert world.get(ids[0]).held == 100
    overdue = [one for one in world.breaks() if one.kind is BreakKind.OVERDUE]
    assert [one.quantity for one in overdue] == [100]
    world.says(OK, 0, sequence=2)
    world.sweep()
    assert BreakKind.OVERDUE not in kinds(world)
    world.assert_laws()


def test_whoever_a_break_is_about_is_not_silent(world: Silent) -> None:
    world.agree("exceptions_only")
    ids = world.sent_out(100)
    reference, member_ref, quantity = world.sent(world.delivered()[-1])[0]
    world.answer(skyways_file([Answer(reference, member_ref, quantity - 1, DEAD)]))
    assert world.sweep() == 0
    assert world.states(ids) == ["awaiting_handback"]
    assert kinds(world) == [BreakKind.QUANTITY_MISMATCH, BreakKind.OVERDUE]
    world.assert_laws()


def test_nothing_is_read_into_silence_while_a_file_is_in_quarantine(world: Silent) -> None:
    world.agree("exceptions_only")
    ids = world.sent_out(100)
    reference, member_ref, quantity = world.sent(world.delivered()[-1])[0]
    whole = skyways_file([Answer(reference, member_ref, quantity, DEAD)])
    file = world.answer(whole.replace(b"T,1,100", b"T,2,100"))
    assert file.state is FileState.QUARANTINED
    assert world.sweep() == 0
    assert world.states(ids) == ["awaiting_handback"]
    assert kinds(world) == [BreakKind.OVERDUE]


def test_a_file_that_two_persons_discarded_holds_silence_back_no_more(world: Silent) -> None:
    world.agree("exceptions_only")
    ids = world.sent_out(100)
    reference, member_ref, quantity = world.sent(world.delivered()[-1])[0]
    whole = skyways_file([Answer(reference, member_ref, quantity, DEAD)])
    file = world.answer(whole.replace(b"T,1,100", b"T,2,100"))
    discard(world.desk, PROGRAMME, file.file_id, Command("ann", "they take it back"))
    assert world.sweep() == 0
    discard(world.desk, PROGRAMME, file.file_id, Command("bob", "so they wrote"))
    assert world.sweep() == 1
    assert world.states(ids) == ["confirmed"]
    world.assert_laws()


def test_a_file_that_is_yet_to_be_reconciled_holds_the_sweep(world: Silent) -> None:
    from handback.intake.pickup import pick_up

    world.agree("exceptions_only")
    ids = world.sent_out(100)
    world.hand_back(skyways_file([Answer(*world.sent(world.delivered()[-1])[0], DEAD)]))
    pick_up(world.desk, world.transport)
    assert world.sweep() == 0
    assert world.states(ids) == ["awaiting_handback"]
    assert world.breaks() == []


def test_a_later_agreement_moves_no_deadline_and_reads_no_silence_anew(world: Silent) -> None:
    world.agree("full")
    ids = world.sent_out(100)
    world.agree("exceptions_only", "")
    world.sweep()
    assert world.states(ids) == ["awaiting_handback"]
    assert kinds(world) == [BreakKind.OVERDUE]


def test_the_deadline_minds_holidays_and_the_change_of_the_clocks(
    world: Silent, clock: FakeClock
) -> None:
    # Thursday 26 March 2026; the clocks change on the 29th, Good Friday is 3 April, and Easter
    # Monday the 6th. Five business days end with Thursday 2 April; six with Tuesday 7 April.
    clock.set(datetime(2026, 3, 26, 12, tzinfo=UTC))
    source = source_of("skyways").replace(STYLE, 'style = "exceptions_only"')
    calendar = '[calendar]\ncountry = "GB"\nsubdivision = "ENG"\n'
    source = source.replace("window_days = 5", "window_days = 6").replace(
        "[payout]", calendar + "\n[payout]", 1
    )
    registry.apply(world.store, clock, source, "tests")
    world.sent_out(100)
    # British summer time: the partner's midnight is at 23:00 UTC.
    ends_at = datetime(2026, 4, 7, 23, 0, tzinfo=UTC)
    assert world.sweep(ends_at - MINUTE) == 0
    assert world.sweep(ends_at) == 1


class TestAfterSilenceWasReadAsSuccess:
    @pytest.fixture
    def confirmed(self, world: Silent) -> int:
        world.agree("exceptions_only")
        (redemption_id,) = world.sent_out(100)
        assert world.sweep() == 1
        return redemption_id

    def test_a_confirmation_is_a_repeat(self, world: Silent, confirmed: int) -> None:
        world.says(OK, 0)
        assert world.triggers(confirmed) == ["submit", "dispatch", "confirm"]
        assert world.breaks() == []
        world.assert_laws()

    def test_a_rejection_is_a_return(self, world: Silent, confirmed: int) -> None:
        world.says(REVIEWED, 0)
        assert world.triggers(confirmed) == ["submit", "dispatch", "confirm", "return"]
        assert world.get(confirmed).held == 100
        (returned,) = world.breaks()
        assert (returned.kind, returned.reason_code) == (BreakKind.RETURNED, REVIEWED)
        world.assert_laws()

    def test_the_policy_of_the_code_follows_it(self, world: Silent, confirmed: int) -> None:
        world.says(DEAD, 0)
        assert world.triggers(confirmed)[-2:] == ["return", "fail"]
        world.assert_laws()

    def test_a_second_rejection_is_a_repeat(self, world: Silent, confirmed: int) -> None:
        world.says(DEAD, 0)
        world.says(DEAD, 0, sequence=2)
        assert world.triggers(confirmed)[-2:] == ["return", "fail"]
        assert world.breaks() == []
        world.assert_laws()

    def test_an_interim_answer_changes_nothing(self, world: Silent, confirmed: int) -> None:
        world.says(WAIT, 0)
        assert world.states([confirmed]) == ["confirmed"]
        assert world.breaks() == []


class TestAfterSilenceWasReadAsRejection:
    def silent(self, world: Silent, silence_class: str) -> int:
        world.agree("successes_only", f'silence_class = "{silence_class}"')
        (redemption_id,) = world.sent_out(100)
        assert world.sweep() == 1
        return redemption_id

    def test_a_rejection_is_a_repeat(self, world: Silent) -> None:
        redemption_id = self.silent(world, "dead")
        world.says(DEAD, 0)
        assert world.triggers(redemption_id)[-2:] == ["expire", "fail"]
        assert world.breaks() == []
        world.assert_laws()

    def test_a_confirmation_before_the_retry_has_left_settles_it(self, world: Silent) -> None:
        redemption_id = self.silent(world, "temporary")
        world.says(OK, 0)
        assert world.triggers(redemption_id)[-2:] == ["retry", "confirm"]
        world.clock.advance(hours=1)
        assert len(world.send()) == 1, "the retry does not go out any more"
        world.assert_laws()

    def test_a_confirmation_after_the_retry_has_left_may_credit_twice(self, world: Silent) -> None:
        redemption_id = self.silent(world, "temporary")
        first = world.sent(world.delivered()[-1])[0]
        world.clock.advance(hours=1)
        assert len(world.send()) == 2
        world.answer(skyways_file([Answer(*first, OK)]))
        assert world.states([redemption_id]) == ["awaiting_handback"]
        assert kinds(world) == [BreakKind.POSSIBLE_DOUBLE_CREDIT]
        world.assert_laws()

    def test_a_confirmation_of_what_was_given_up_is_a_break(self, world: Silent) -> None:
        redemption_id = self.silent(world, "dead")
        world.says(OK, 0)
        assert world.states([redemption_id]) == ["failed"]
        assert kinds(world) == [BreakKind.CONFIRMED_AFTER_FAILURE]
        world.assert_laws()

    def test_a_confirmation_of_what_a_person_reviews_is_a_late_answer(self, world: Silent) -> None:
        redemption_id = self.silent(world, "ops")
        world.says(OK, 0)
        assert world.states([redemption_id]) == ["rejected"]
        assert kinds(world) == [BreakKind.REVIEW, BreakKind.LATE_ANSWER]
        world.assert_laws()


def test_silence_is_read_chunk_by_chunk(world: Silent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "CHUNK", 2)
    world.agree("exceptions_only")
    ids = world.sent_out(*[10] * 5)
    assert world.sweep() == 5
    blocks = {world.history(one)[-1].block_id for one in ids}
    assert len(blocks) == 3
    world.assert_laws()


def test_several_processes_sweep_each_batch_once(world: Silent, store_url: str) -> None:
    world.agree("exceptions_only")
    ids = world.sent_out(*[10] * 50) + world.sent_out(*[20] * 50)
    world.clock.set(DEADLINE)
    stores = [Store.open(store_url) for _ in range(3)]
    moved: list[int] = []

    def sweep_with(store: Store) -> None:
        moved.append(sweep_round(store, Agreements(), world.clock))

    threads = [threading.Thread(target=sweep_with, args=(one,)) for one in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in stores:
        one.close()
    assert sum(moved) + world.sweep() == 100
    assert world.states(ids) == ["confirmed"] * 100
    world.assert_laws()
