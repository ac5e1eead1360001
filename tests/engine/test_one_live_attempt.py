"""What may stand credited no policy sends out again or gives back, and what two persons say of it
is said of the attempt that the break is about, on both stores."""

from __future__ import annotations

import pytest

from agreements import source_of
from deciding import CONFIRM, DISMISS, FAIL, RETRY, Desk
from handback.breaks import commands
from handback.breaks.decisions import Decision
from handback.breaks.kinds import BreakKind
from handback.breaks.queries import BreakView
from handback.errors import IllegalTransition
from handback.ids import Prefix, public_id
from handback.lifecycle.table import State, Trigger
from handback.partners import registry
from handback.reconcile.sweep import sweep_round
from handback.redemptions.requests import Fail
from handback.resolutions.deciding import Wanted
from world import PROGRAMME, Answer, Sent, World, skyways_file

OK, TEMPORARY, DEAD, KNOWN, RETURNED = "0000", "0301", "0201", "0501", "0601"
FOLLOWED_UP = pytest.mark.parametrize("code", [TEMPORARY, DEAD])


def says(world: World, name: str, *answers: tuple[Sent, str]) -> None:
    """A file that answers these details so."""
    content = skyways_file((Answer(*sent, code) for sent, code in answers), int(name))
    world.answer(content, f"{name}.csv")


def second_out(world: World) -> tuple[int, Sent, Sent]:
    """A redemption whose first attempt was rejected, and whose second awaits its answer."""
    (redemption_id,) = world.submit(100)
    (file,) = world.send()
    (first,) = world.sent(file)
    says(world, "1", (first, TEMPORARY))
    world.clock.advance(seconds=2)
    (second,) = world.sent(world.send()[-1])
    return redemption_id, first, second


def resolve(world: World, desk: Desk, kind: BreakKind, wanted: Wanted) -> None:
    """Two persons decide about the one open break of a kind."""
    (found,) = world.breaks(kinds=[kind])
    desk.propose(found.break_id, wanted)
    desk.approve(found.break_id)


def last_steps(world: World, redemption_id: int, count: int) -> list[tuple[Trigger, int, int]]:
    """Trigger, attempt and quantity of the last events."""
    steps = world.history(redemption_id)[-count:]
    return [(one.trigger, one.attempt, one.quantity) for one in steps]


def kinds(world: World) -> list[BreakKind]:
    return [one.kind for one in world.breaks()]


def assert_waits(world: World, redemption_id: int) -> None:
    """It is held and rejected, and a person has it to decide on."""
    view = world.get(redemption_id)
    assert (view.state, view.held) == (State.REJECTED, 100)
    assert BreakKind.REVIEW in kinds(world)
    sent = len(world.delivered())
    world.clock.advance(days=1)
    assert len(world.send()) == sent, "nothing goes out again"
    world.assert_laws()


@FOLLOWED_UP
@pytest.mark.parametrize(
    ("heard", "kind"),
    [(OK, BreakKind.POSSIBLE_DOUBLE_CREDIT), (KNOWN, BreakKind.DUPLICATE_REJECTION)],
)
def test_no_policy_follows_a_rejection_while_an_earlier_attempt_may_be_credited(
    world: World, code: str, heard: str, kind: BreakKind
) -> None:
    redemption_id, first, second = second_out(world)
    says(world, "2", (first, heard))
    says(world, "3", (second, code))
    assert kinds(world) == [kind, BreakKind.REVIEW]
    assert_waits(world, redemption_id)


@FOLLOWED_UP
def test_nor_where_one_file_says_both(world: World, code: str) -> None:
    redemption_id, first, second = second_out(world)
    says(world, "2", (first, OK), (second, code))
    assert kinds(world) == [BreakKind.POSSIBLE_DOUBLE_CREDIT, BreakKind.REVIEW]
    assert_waits(world, redemption_id)


@FOLLOWED_UP
def test_what_one_person_dismissed_proves_nothing(world: World, desk: Desk, code: str) -> None:
    redemption_id, first, second = second_out(world)
    says(world, "2", (first, OK))
    (doubt,) = world.breaks()
    desk.resolve(doubt.break_id, DISMISS)
    says(world, "3", (second, code))
    assert_waits(world, redemption_id)


def test_it_is_then_for_two_persons(world: World, desk: Desk) -> None:
    redemption_id, first, second = second_out(world)
    says(world, "2", (first, OK))
    says(world, "3", (second, DEAD))
    (refused,) = world.run(Fail(PROGRAMME, "alone", redemption_id))
    assert not hasattr(refused, "redemption")
    (doubt,) = world.breaks(kinds=[BreakKind.POSSIBLE_DOUBLE_CREDIT])
    desk.propose(doubt.break_id, RETRY)
    desk.approve(doubt.break_id)
    assert world.breaks() == []
    (third,) = world.sent(world.send()[-1])
    says(world, "4", (third, DEAD))
    assert world.states([redemption_id]) == ["failed"], "nothing is in doubt any more"
    world.assert_laws()


@pytest.mark.parametrize("silence_class", ["temporary", "dead"])
def test_nor_after_silence(world: World, desk: Desk, silence_class: str) -> None:
    reading = f'style = "successes_only"\nsilence_class = "{silence_class}"'
    source = source_of("skyways").replace('style = "full"', reading)
    registry.apply(world.store, world.clock, source, "tests")
    redemption_id, first, _ = second_out(world)
    says(world, "2", (first, OK))
    (doubt,) = world.breaks()
    desk.resolve(doubt.break_id, DISMISS)
    world.clock.advance(days=14)
    assert sweep_round(world.store, world.agreements, world.clock) == 1
    assert_waits(world, redemption_id)


def test_others_in_the_same_file_are_followed_up(world: World) -> None:
    redemption_id, first, second = second_out(world)
    says(world, "2", (first, OK))
    others = world.submit(200, 300)
    busy, dead = world.sent(world.send()[-1])
    says(world, "3", (second, DEAD), (busy, TEMPORARY), (dead, DEAD))
    assert world.states([redemption_id, *others]) == ["rejected", "retrying", "failed"]
    world.assert_laws()


def kept_back(world: World) -> BreakView:
    """A retry that waits, in doubt since one file both rejected and confirmed the attempt."""
    (redemption_id,) = world.submit(100)
    (file,) = world.send()
    (first,) = world.sent(file)
    says(world, "1", (first, TEMPORARY), (first, OK))
    assert world.get(redemption_id).state is State.RETRYING
    assert kinds(world) == [BreakKind.CONTRADICTION]
    world.clock.advance(days=1)
    assert world.send() == [file], "both attempts might be credited"
    (found,) = world.breaks(kinds=[BreakKind.KEPT_BACK])
    return found


def test_a_retry_that_waits_does_not_leave_in_doubt(world: World) -> None:
    kept = kept_back(world)
    doubt, _ = world.breaks()
    assert doubt.kind is BreakKind.CONTRADICTION
    assert (kept.attempt, kept.quantity) == (2, 100)
    assert kept.facts["break"] == public_id(Prefix.BREAK, doubt.break_id)
    world.clock.advance(days=1)
    assert len(world.send()) == 1
    assert world.breaks() == [doubt, kept], "the same doubt is one break"
    world.assert_laws()


def test_it_leaves_once_two_persons_say_that_the_earlier_one_is_dead(
    world: World, desk: Desk
) -> None:
    kept = kept_back(world)
    assert isinstance(desk.refusal(kept.break_id, RETRY), IllegalTransition)
    resolve(world, desk, BreakKind.CONTRADICTION, RETRY)
    assert world.breaks() == []
    world.clock.advance(days=1)
    (second,) = world.sent(world.send()[-1])
    says(world, "2", (second, OK))
    assert world.states([kept.redemption_id or 0]) == ["confirmed"]
    world.assert_laws()


def test_every_doubt_has_to_be_decided_and_each_is_told(world: World, desk: Desk) -> None:
    kept = kept_back(world)
    (first,) = world.sent(world.delivered()[0])
    says(world, "2", (first, KNOWN))
    (known,) = world.breaks(kinds=[BreakKind.DUPLICATE_REJECTION])
    desk.resolve(known.break_id, DISMISS)
    resolve(world, desk, BreakKind.CONTRADICTION, RETRY)
    world.clock.advance(days=1)
    assert len(world.send()) == 1, "what one person dismissed proves nothing"
    assert world.breaks()[0] == kept
    told = world.breaks()[-1]
    assert (told.kind, told.facts["break"]) == (
        BreakKind.KEPT_BACK,
        public_id(Prefix.BREAK, known.break_id),
    )
    reopen(world, desk, known.break_id)
    resolve(world, desk, BreakKind.DUPLICATE_REJECTION, RETRY)
    assert world.breaks() == []
    world.clock.advance(days=1)
    assert len(world.send()) == 2


def reopen(world: World, desk: Desk, break_id: int) -> None:
    """A person looks at a break again."""
    with world.store.write() as tx:
        commands.reopen(tx, PROGRAMME, break_id, desk.command("ann"), world.clock.now())


@pytest.mark.parametrize(("wanted", "state"), [(FAIL, "failed"), (CONFIRM, "confirmed")])
def test_nothing_is_kept_back_of_what_two_persons_end(
    world: World, desk: Desk, wanted: Wanted, state: str
) -> None:
    kept = kept_back(world)
    resolve(world, desk, BreakKind.CONTRADICTION, wanted)
    assert world.states([kept.redemption_id or 0]) == [state]
    assert world.breaks() == []
    world.assert_laws()


def credited_first(world: World, desk: Desk) -> tuple[int, Sent, Sent]:
    """A redemption of which two persons say that its first attempt was credited, with the second
    still out."""
    redemption_id, first, second = second_out(world)
    says(world, "2", (first, OK))
    resolve(world, desk, BreakKind.POSSIBLE_DOUBLE_CREDIT, CONFIRM)
    return redemption_id, first, second


def test_two_persons_confirm_the_attempt_that_the_break_is_about(world: World, desk: Desk) -> None:
    redemption_id, _, _ = credited_first(world, desk)
    assert last_steps(world, redemption_id, 2) == [
        (Trigger.REJECT, 2, 100),
        (Trigger.CONFIRM, 1, 100),
    ]
    view = world.get(redemption_id)
    assert (view.state, view.held, view.fulfilled) == (State.CONFIRMED, 0, 100)
    world.assert_laws()


def test_what_the_partner_then_says_of_both_attempts_is_nothing_new(
    world: World, desk: Desk
) -> None:
    redemption_id, first, second = credited_first(world, desk)
    version = world.get(redemption_id).version
    says(world, "3", (first, OK), (second, DEAD))
    says(world, "4", (second, KNOWN))
    assert kinds(world) == []
    assert world.get(redemption_id).version == version


def test_that_the_later_attempt_was_credited_too_is_a_break(world: World, desk: Desk) -> None:
    _, _, second = credited_first(world, desk)
    says(world, "3", (second, OK))
    assert kinds(world) == [BreakKind.DOUBLE_CREDIT]


def test_the_credit_of_that_attempt_can_come_back_and_no_other(world: World, desk: Desk) -> None:
    redemption_id, first, second = credited_first(world, desk)
    says(world, "3", (second, RETURNED))
    assert world.get(redemption_id).state is State.CONFIRMED
    says(world, "4", (first, RETURNED))
    assert world.get(redemption_id).state is State.REJECTED
    assert kinds(world) == [BreakKind.RETURNED]
    world.assert_laws()


def test_what_it_did_not_credit_leaves_from_that_attempt(world: World, desk: Desk) -> None:
    redemption_id, first, _ = second_out(world)
    says(world, "2", (first, OK))
    part = Wanted(Decision.ACCEPT_VARIANCE, quantity=90)
    resolve(world, desk, BreakKind.POSSIBLE_DOUBLE_CREDIT, part)
    assert last_steps(world, redemption_id, 3) == [
        (Trigger.REJECT, 2, 100),
        (Trigger.ADJUST, 1, 10),
        (Trigger.CONFIRM, 1, 90),
    ]
    world.assert_laws()


@pytest.mark.parametrize("decision", [Decision.REINSTATE, Decision.WRITE_OFF])
def test_what_was_given_up_is_credited_by_the_attempt_that_was(
    world: World, desk: Desk, decision: Decision
) -> None:
    redemption_id, first, second = second_out(world)
    says(world, "2", (second, DEAD))
    says(world, "3", (first, OK))
    resolve(world, desk, BreakKind.CONFIRMED_AFTER_FAILURE, Wanted(decision))
    assert last_steps(world, redemption_id, 1) == [(Trigger[decision.name], 1, 100)]
    says(world, "4", (first, OK), (second, DEAD))
    assert kinds(world) == []
    world.assert_laws()
