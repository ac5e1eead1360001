"""Resolving breaks where that moves redemptions, by one person or by two, on both stores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fake_clock import FakeClock
from handback.breaks import notes, queries
from handback.breaks.decisions import Decision
from handback.breaks.kinds import BreakKind, Resolution, Severity
from handback.breaks.notes import NoteKind
from handback.breaks.queries import BreakFilter, BreakView
from handback.errors import (
    BreakClosed,
    BreakHoldsRedemption,
    HandbackError,
    IllegalTransition,
    InvalidRequest,
    NotAllowed,
    NotFound,
    ProposalLapsed,
    RequestKeyReused,
    SecondPersonNeeded,
)
from handback.lifecycle.table import State, Trigger
from handback.redemptions.requests import Cancel, Fail, Retry
from handback.resolutions.deciding import Wanted
from handback.resolutions.resolve import MAX_KEY, Outcome, Resolving
from handback.store.requests import Command
from handback.store.session import Store
from world import PROGRAMME, Answer, World, skyways_file

CONFIRM, FAIL, RETRY = Wanted(Decision.CONFIRM), Wanted(Decision.FAIL), Wanted(Decision.RETRY)
DISMISS = Wanted(Decision.DISMISS)


@dataclass
class Desk:
    """Two persons at the breaks of a world: ann proposes, bob approves."""

    world: World
    resolving: Resolving
    keys: int = 0

    def command(self, actor: str, comment: str = "the partner says so") -> Command:
        """What somebody asks for, under a key of its own."""
        self.keys += 1
        return Command(actor, comment, f"desk-{self.keys}")

    def resolve(self, break_id: int, wanted: Wanted, actor: str = "ann") -> Outcome:
        """One decision about one break."""
        (outcome,) = self.resolving.resolve(
            PROGRAMME, [break_id], wanted, self.command(actor)
        ).outcomes
        return outcome

    def propose(self, break_id: int, wanted: Wanted) -> BreakView:
        """A decision of ann's that has to wait for a second person."""
        outcome = self.resolve(break_id, wanted)
        assert isinstance(outcome.result, BreakView), outcome.result
        assert outcome.proposed
        return outcome.result

    def refusal(self, break_id: int, wanted: Wanted) -> HandbackError:
        """Why a decision is refused."""
        outcome = self.resolve(break_id, wanted)
        assert isinstance(outcome.result, HandbackError)
        return outcome.result

    def approve(self, break_id: int, number: int = 1, actor: str = "bob") -> BreakView:
        """A second person agrees."""
        command = self.command(actor, "checked")
        return self.resolving.approve(PROGRAMME, break_id, number, command).view

    def get(self, break_id: int) -> BreakView:
        """A break as it stands."""
        with self.world.store.read() as tx:
            return queries.get(tx, PROGRAMME, break_id)

    def history(self, break_id: int) -> list[tuple[NoteKind, str, str | None]]:
        """What was done with a break."""
        with self.world.store.read() as tx:
            return [(one.kind, one.actor, one.text) for one in notes.history(tx, break_id)]


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> World:
    """An engine with the terms of skyways."""
    world = World(store, clock, tmp_path)
    world.apply("skyways")
    return world


@pytest.fixture
def desk(world: World) -> Desk:
    """Two persons."""
    return Desk(world, Resolving(world.store, world.clock, world.agreements))


def rejected(world: World, code: str = "0401", quantity: int = 300) -> tuple[int, int]:
    """A redemption that waits for a person, and its break."""
    (redemption_id,) = world.submit(quantity)
    world.send()
    world.answer_all(lambda _: code, sequence=len(world.delivered()))
    (found,) = world.breaks(redemption_id=redemption_id)
    return redemption_id, found.break_id


def contradicted(world: World) -> tuple[int, int, int]:
    """A redemption that was rejected and then confirmed: its review, and the contradiction."""
    redemption_id, review = rejected(world)
    (sent,) = world.sent(world.delivered()[-1])
    world.answer(skyways_file([Answer(*sent, "0000")], 2), "again.csv")
    (other,) = world.breaks(kinds=[BreakKind.CONTRADICTION])
    assert world.get(redemption_id).state is State.REJECTED
    return redemption_id, review, other.break_id


def silent(world: World, code: str = "0501") -> tuple[int, int]:
    """A redemption that awaits its answer still, and the break about a duplicate."""
    (redemption_id,) = world.submit(300)
    world.send()
    world.answer_all(lambda _: code, sequence=len(world.delivered()))
    (found,) = world.breaks()
    assert world.get(redemption_id).state is State.AWAITING_HANDBACK
    return redemption_id, found.break_id


@pytest.mark.parametrize(
    ("wanted", "state", "resolution"),
    [(RETRY, State.RETRYING, Resolution.RETRIED), (FAIL, State.FAILED, Resolution.FAILED)],
)
def test_one_person_retries_or_fails_what_is_proven_dead(
    world: World, desk: Desk, wanted: Wanted, state: State, resolution: Resolution
) -> None:
    redemption_id, break_id = rejected(world)
    outcome = desk.resolve(break_id, wanted)
    assert not outcome.proposed
    closed = desk.get(break_id)
    assert outcome.result == closed
    assert (closed.resolution, closed.closed_by) == (resolution, "ann")
    assert closed.comment == "the partner says so"
    assert world.get(redemption_id).state is state
    last = world.history(redemption_id)[-1]
    assert (last.actor, last.comment) == ("ann", "the partner says so")
    assert (str(last.cause_kind), last.cause_id) == ("break", break_id)
    assert desk.history(break_id) == [
        (NoteKind.CLOSED, "ann", f"{resolution}: the partner says so")
    ]
    world.assert_laws()


def test_what_moves_value_is_proposed_by_one_and_approved_by_another(
    world: World, desk: Desk
) -> None:
    redemption_id, break_id = rejected(world)
    proposal = desk.propose(break_id, CONFIRM).proposal
    assert proposal is not None
    assert (proposal.decision, proposal.quantity, proposal.actor) == (Decision.CONFIRM, 300, "ann")
    assert world.get(redemption_id).state is State.REJECTED
    world.assert_laws()
    closed = desk.approve(break_id)
    assert (closed.resolution, closed.closed_by) == (Resolution.CONFIRMED, "bob")
    view = world.get(redemption_id)
    assert (view.state, view.held, view.fulfilled) == (State.CONFIRMED, 0, 300)
    assert [kind for kind, _, _ in desk.history(break_id)] == [
        NoteKind.PROPOSED,
        NoteKind.APPROVED,
        NoteKind.CLOSED,
    ]
    assert world.breaks() == []
    world.assert_laws()


def test_nobody_approves_what_they_have_proposed(world: World, desk: Desk) -> None:
    redemption_id, break_id = rejected(world)
    desk.propose(break_id, CONFIRM)
    with pytest.raises(NotAllowed) as refused:
        desk.approve(break_id, actor="ann")
    assert refused.value.facts["actor"] == "ann"
    assert refused.value.facts["proposal"] == "1"
    assert world.get(redemption_id).state is State.REJECTED
    assert desk.get(break_id).proposal is not None


def test_a_proposal_lapses_when_its_redemption_moves(world: World, desk: Desk) -> None:
    redemption_id, break_id, other = contradicted(world)
    assert desk.propose(other, CONFIRM).proposal is not None
    desk.propose(break_id, FAIL)
    desk.approve(break_id)
    assert world.get(redemption_id).state is State.FAILED
    proposal = desk.get(other).proposal
    assert proposal is not None
    assert proposal.lapsed
    with pytest.raises(ProposalLapsed):
        desk.approve(other)
    assert world.get(redemption_id).state is State.FAILED


def test_a_proposal_is_approved_by_its_number(world: World, desk: Desk) -> None:
    _, break_id = rejected(world)
    desk.propose(break_id, CONFIRM)
    desk.propose(break_id, replace(CONFIRM, quantity=200))
    with pytest.raises(ProposalLapsed):
        desk.approve(break_id, number=1)
    desk.approve(break_id, number=2)
    world.assert_laws()


def test_a_declined_proposal_leaves_the_break_open(world: World, desk: Desk) -> None:
    redemption_id, break_id = rejected(world)
    desk.propose(break_id, CONFIRM)
    command = desk.command("bob", "the statement says otherwise")
    declined = desk.resolving.decline(PROGRAMME, break_id, 1, command).view
    assert declined.closed_at is None
    assert declined.proposal is None
    assert desk.history(break_id)[-1] == (NoteKind.DECLINED, "bob", "the statement says otherwise")
    with pytest.raises(ProposalLapsed):
        desk.approve(break_id)
    assert world.get(redemption_id).state is State.REJECTED
    with pytest.raises(InvalidRequest):
        desk.resolving.decline(PROGRAMME, break_id, 1, desk.command("bob", " "))


@pytest.mark.parametrize(
    ("decision", "trigger"),
    [
        (Decision.CONFIRM, Trigger.RELEASE),
        (Decision.ACCEPT_VARIANCE, Trigger.ADJUST),
        (Decision.WRITE_OFF, Trigger.WRITE_OFF),
    ],
)
def test_what_was_not_credited_goes_where_the_decision_says(
    world: World, desk: Desk, decision: Decision, trigger: Trigger
) -> None:
    redemption_id, break_id = rejected(world)
    desk.propose(break_id, Wanted(decision, quantity=290))
    closed = desk.approve(break_id)
    assert closed.resolution is decision.resolution
    *_, part, whole = world.history(redemption_id)
    assert (part.trigger, part.quantity) == (trigger, 10)
    assert (whole.trigger, whole.quantity) == (Trigger.CONFIRM, 290)
    view = world.get(redemption_id)
    assert (view.state, view.held, view.fulfilled) == (State.CONFIRMED, 0, 290)
    world.assert_laws()


@pytest.mark.parametrize("decision", [Decision.REINSTATE, Decision.WRITE_OFF])
def test_what_was_given_back_can_stand_as_credited(
    world: World, desk: Desk, decision: Decision
) -> None:
    (redemption_id,) = world.submit(300)
    world.send()
    (sent,) = world.sent(world.delivered()[-1])
    world.answer(skyways_file([Answer(*sent, "0201")], 1), "dead.csv")
    world.answer(skyways_file([Answer(*sent, "0000")], 2), "credited.csv")
    assert world.get(redemption_id).state is State.FAILED
    (found,) = world.breaks()
    assert found.kind is BreakKind.CONFIRMED_AFTER_FAILURE
    desk.propose(found.break_id, Wanted(decision))
    desk.approve(found.break_id)
    view = world.get(redemption_id)
    assert (view.state, view.fulfilled) == (State.CONFIRMED, 300)
    assert world.history(redemption_id)[-1].trigger is Trigger[decision.name]
    world.assert_laws()


@pytest.mark.parametrize("quantity", [0, 301, -1])
def test_no_more_is_credited_than_is_held(world: World, desk: Desk, quantity: int) -> None:
    _, break_id = rejected(world)
    refused = desk.refusal(break_id, replace(CONFIRM, quantity=quantity))
    assert isinstance(refused, InvalidRequest)


@pytest.mark.parametrize("step", [Retry, Fail])
def test_one_person_cannot_decide_on_what_may_be_credited(
    world: World, desk: Desk, step: type[Retry | Fail]
) -> None:
    redemption_id, break_id, other = contradicted(world)
    (refused,) = world.run(step(PROGRAMME, "alone", redemption_id))
    assert isinstance(refused, SecondPersonNeeded)
    assert refused.facts["break_id"].endswith(str(other))
    dismissed = desk.resolve(other, DISMISS)
    assert isinstance(dismissed.result, BreakView)
    (refused,) = world.run(step(PROGRAMME, "alone", redemption_id))
    assert isinstance(refused, SecondPersonNeeded)
    desk.propose(break_id, Wanted(Decision[step.trigger.name]))
    desk.approve(break_id)
    assert world.get(redemption_id).state in (State.RETRYING, State.FAILED)
    world.assert_laws()


@pytest.mark.parametrize(
    ("wanted", "state"), [(RETRY, State.RETRYING), (FAIL, State.FAILED), (CONFIRM, State.CONFIRMED)]
)
@pytest.mark.parametrize("code", ["0501"])
def test_two_persons_say_what_became_of_an_attempt_without_an_outcome(
    world: World, desk: Desk, wanted: Wanted, state: State, code: str
) -> None:
    redemption_id, break_id = silent(world, code)
    (refused,) = world.run(Retry(PROGRAMME, "alone", redemption_id))
    assert isinstance(refused, SecondPersonNeeded)
    desk.propose(break_id, wanted)
    desk.approve(break_id)
    assert world.get(redemption_id).state is state
    assert world.breaks() == []
    world.assert_laws()


def test_what_the_lifecycle_refuses_is_not_even_proposed(world: World, desk: Desk) -> None:
    _, break_id = rejected(world)
    assert isinstance(desk.refusal(break_id, Wanted(Decision.REINSTATE)), IllegalTransition)
    assert desk.get(break_id).proposal is None


def test_a_break_in_which_a_rejected_redemption_waits_is_not_dismissed(
    world: World, desk: Desk
) -> None:
    _, break_id = rejected(world)
    assert isinstance(desk.refusal(break_id, DISMISS), BreakHoldsRedemption)


def test_many_are_resolved_at_once_each_with_its_own_outcome(world: World, desk: Desk) -> None:
    first, of_first = rejected(world)
    second, of_second = rejected(world)
    desk.resolve(of_second, FAIL)
    command = desk.command("ann")
    asked = (PROGRAMME, [of_first, of_second, 10**6], FAIL, command)
    done, closed, unknown = desk.resolving.resolve(*asked).outcomes
    assert isinstance(done.result, BreakView)
    assert isinstance(closed.result, BreakClosed)
    assert isinstance(unknown.result, NotFound)
    assert world.states([first, second]) == ["failed", "failed"]
    again, _, _ = desk.resolving.resolve(*asked).outcomes
    assert again == replace(done, replayed=True)
    other, _, _ = desk.resolving.resolve(*asked[:2], RETRY, command).outcomes
    assert isinstance(other.result, RequestKeyReused)


def test_a_filter_is_about_the_same_breaks_when_asked_again(world: World, desk: Desk) -> None:
    ids = [rejected(world) for _ in range(3)]
    which = BreakFilter(PROGRAMME, kinds=[BreakKind.REVIEW], severities=[Severity.NORMAL])
    command = desk.command("ann")
    bulk = desk.resolving.resolve_filtered(which, FAIL, command)
    assert [one.break_id for one in bulk.outcomes] == [break_id for _, break_id in ids]
    assert not bulk.more
    late = rejected(world)[1]
    again = desk.resolving.resolve_filtered(which, FAIL, command)
    assert [one.break_id for one in again.outcomes] == [break_id for _, break_id in ids]
    assert all(one.replayed for one in again.outcomes)
    assert again.more
    assert desk.get(late).closed_at is None
    with pytest.raises(RequestKeyReused):
        desk.resolving.resolve_filtered(replace(which, owner="ann"), FAIL, command)


@pytest.mark.parametrize("key", ["k" * (MAX_KEY + 1)])
def test_requests_that_cannot_be_kept_are_refused(desk: Desk, key: str) -> None:
    for command in (Command("ann", "why", key), Command("ann", " ", "k")):
        with pytest.raises(InvalidRequest):
            desk.resolving.resolve(PROGRAMME, [1], FAIL, command)
    with pytest.raises(InvalidRequest):
        desk.resolving.resolve(PROGRAMME, [], FAIL, Command("ann", "why", "k"))


def test_an_approval_under_one_key_is_done_once(world: World, desk: Desk) -> None:
    redemption_id, break_id = rejected(world)
    desk.propose(break_id, CONFIRM)
    command = desk.command("bob", "checked")
    first = desk.resolving.approve(PROGRAMME, break_id, 1, command)
    again = desk.resolving.approve(PROGRAMME, break_id, 1, command)
    assert (first.replayed, again.replayed) == (False, True)
    assert first.view == again.view
    assert len(world.history(redemption_id)) == 4


def test_a_cancel_of_what_may_be_credited_is_refused_too(world: World, desk: Desk) -> None:
    redemption_id, break_id, _ = contradicted(world)
    desk.propose(break_id, RETRY)
    desk.approve(break_id)
    (refused,) = world.run(Cancel(PROGRAMME, "back", redemption_id))
    assert isinstance(refused, SecondPersonNeeded)


def strayed(world: World, code: str = "0000", quantity: int = 300) -> tuple[int, BreakView, bytes]:
    """A redemption, the break of a record that did not find it, and the file with that record."""
    (redemption_id,) = world.submit(300)
    world.send()
    (sent,) = world.sent(world.delivered()[-1])
    garbled = Answer("HB-GARBLED", sent.member_ref, quantity, code)
    content = skyways_file([garbled], len(world.delivered()))
    world.answer(content, f"strayed-{redemption_id}.csv")
    (found,) = world.breaks(kinds=[BreakKind.UNKNOWN_REFERENCE])
    return redemption_id, found, content


@pytest.mark.parametrize(
    ("code", "state", "breaks"),
    [
        ("0000", State.CONFIRMED, []),
        ("0201", State.FAILED, []),
        ("0301", State.RETRYING, []),
        ("0102", State.REJECTED, [BreakKind.REVIEW]),
        ("0002", State.AWAITING_HANDBACK, []),
    ],
)
def test_a_stray_record_is_applied_to_the_redemption_that_a_person_names(
    world: World, desk: Desk, code: str, state: State, breaks: list[BreakKind]
) -> None:
    redemption_id, found, _ = strayed(world, code)
    desk.propose(found.break_id, Wanted(Decision.LINK, redemption_id=redemption_id))
    world.assert_laws()
    closed = desk.approve(found.break_id)
    assert (closed.resolution, closed.redemption_id) == (Resolution.LINKED, redemption_id)
    assert world.get(redemption_id).state is state
    assert [one.kind for one in world.breaks()] == breaks
    answers = [one for one in world.history(redemption_id) if one.file_id is not None]
    assert (answers[0].file_id, answers[0].ordinal) == (found.file_id, found.ordinal)
    assert (str(answers[0].cause_kind), answers[0].cause_id) == ("break", found.break_id)
    world.assert_laws()


def test_a_linked_record_is_judged_like_any_other(world: World, desk: Desk) -> None:
    redemption_id, found, _ = strayed(world, quantity=290)
    desk.propose(found.break_id, Wanted(Decision.LINK, redemption_id=redemption_id))
    desk.approve(found.break_id)
    assert world.get(redemption_id).state is State.AWAITING_HANDBACK
    (judged,) = world.breaks()
    assert (judged.kind, judged.redemption_id) == (BreakKind.QUANTITY_MISMATCH, redemption_id)
    assert judged.quantity == 290
    world.assert_laws()


def test_a_linked_record_says_nothing_new_when_it_comes_again(world: World, desk: Desk) -> None:
    redemption_id, found, content = strayed(world)
    desk.propose(found.break_id, Wanted(Decision.LINK, redemption_id=redemption_id))
    desk.approve(found.break_id)
    world.answer(content.replace(b"H,aurora,1,", b"H,aurora,2,"), "again.csv")
    assert world.breaks() == []
    assert len(world.history(redemption_id)) == 3
    world.assert_laws()


def test_only_stray_records_are_linked_and_to_their_partners_redemptions(
    world: World, desk: Desk
) -> None:
    redemption_id, found, _ = strayed(world)
    for wanted in (Wanted(Decision.LINK), Wanted(Decision.LINK, 10, redemption_id)):
        assert isinstance(desk.refusal(found.break_id, wanted), InvalidRequest)
    unknown = Wanted(Decision.LINK, redemption_id=10**6)
    assert isinstance(desk.refusal(found.break_id, unknown), NotFound)
    other, review = rejected(world)
    matched = Wanted(Decision.LINK, redemption_id=other)
    assert isinstance(desk.refusal(review, matched), InvalidRequest)
    assert isinstance(
        desk.refusal(review, Wanted(Decision.FAIL, None, redemption_id)), InvalidRequest
    )


def test_what_was_accepted_is_asked_anew_once_its_redemption_has_moved(
    world: World, desk: Desk
) -> None:
    world.submit(300)
    world.send()
    (sent,) = world.sent(world.delivered()[-1])
    less = Answer(sent.reference, "M-other", sent.quantity, "0000")

    def again(sequence: int) -> list[BreakView]:
        world.answer(skyways_file([less], sequence), f"less-{sequence}.csv")
        return world.breaks(kinds=[BreakKind.MEMBER_MISMATCH])

    (first,) = again(1)
    desk.resolve(first.break_id, DISMISS)
    assert again(2) == []
    world.answer(skyways_file([Answer(*sent, "0102")], 3), "rejected.csv")
    (second,) = again(4)
    assert again(5) == [second]
    with world.store.read() as tx:
        earlier = queries.earlier(tx, second)
    assert (first.break_id, Resolution.DISMISSED) in [
        (one.break_id, one.resolution) for one in earlier
    ]
    desk.resolve(second.break_id, DISMISS)
    assert again(6) == []
    (review,) = world.breaks()
    desk.propose(review.break_id, FAIL)
    desk.approve(review.break_id)
    (third,) = again(7)
    assert third.break_id not in (first.break_id, second.break_id)
    world.assert_laws()


def test_a_decision_that_moved_the_redemption_is_not_asked_anew(world: World, desk: Desk) -> None:
    redemption_id, review, other = contradicted(world)
    (sent,) = world.sent(world.delivered()[-1])
    desk.propose(other, CONFIRM)
    desk.approve(other)
    assert world.get(redemption_id).state is State.CONFIRMED
    assert desk.get(review).resolution is Resolution.CONFIRMED
    world.answer(skyways_file([Answer(*sent, "0000")], 3), "same.csv")
    assert world.breaks() == []
    world.assert_laws()


def test_a_rejection_of_what_persons_confirmed_contradicts_them(world: World, desk: Desk) -> None:
    redemption_id, break_id = silent(world)
    (sent,) = world.sent(world.delivered()[-1])
    desk.propose(break_id, CONFIRM)
    desk.approve(break_id)
    world.answer(skyways_file([Answer(*sent, "0102")], 2), "rejected.csv")
    assert world.get(redemption_id).state is State.CONFIRMED
    assert [one.kind for one in world.breaks()] == [BreakKind.CONTRADICTION]
    world.assert_laws()
