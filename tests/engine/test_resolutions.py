"""Resolving breaks where that moves redemptions, by one person or by two, on both stores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from agreements import source_of
from deciding import CONFIRM, DISMISS, FAIL, RETRY, Desk, contradicted, rejected, silent
from handback.breaks.decisions import Decision
from handback.breaks.kinds import BreakKind, Resolution
from handback.breaks.notes import NoteKind
from handback.breaks.queries import BreakView
from handback.errors import (
    BreakClosed,
    BreakHoldsRedemption,
    IllegalTransition,
    InvalidRequest,
    NotAllowed,
    ProposalLapsed,
    RetryExcluded,
    SecondPersonNeeded,
)
from handback.lifecycle.table import State, Trigger
from handback.partners import registry
from handback.redemptions.requests import Cancel, Fail, Retry
from handback.resolutions.deciding import Wanted
from handback.store.requests import Command
from world import PROGRAMME, Answer, World, skyways_file


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


@pytest.mark.parametrize("quantity", [0, 301, -1])
def test_no_more_is_credited_than_is_held(world: World, desk: Desk, quantity: int) -> None:
    _, break_id = rejected(world)
    refused = desk.refusal(break_id, replace(CONFIRM, quantity=quantity))
    assert isinstance(refused, InvalidRequest)


@pytest.mark.parametrize("quantity", [0, -300])
@pytest.mark.parametrize(
    "decision", [Decision.CONFIRM, Decision.ACCEPT_VARIANCE, Decision.WRITE_OFF]
)
def test_a_record_of_nothing_does_not_say_how_much_was_credited(
    world: World, desk: Desk, decision: Decision, quantity: int
) -> None:
    (redemption_id,) = world.submit(300)
    world.send()
    (sent,) = world.sent(world.delivered()[-1])
    world.answer(skyways_file([Answer(sent.reference, sent.member_ref, quantity, "0000")]))
    (found,) = world.breaks()
    assert (found.kind, found.quantity) == (BreakKind.QUANTITY_MISMATCH, quantity)
    refused = desk.refusal(found.break_id, Wanted(decision))
    assert isinstance(refused, InvalidRequest)
    assert [one.field for one in refused.violations] == ["quantity"]
    desk.propose(found.break_id, Wanted(decision, quantity=300))
    desk.approve(found.break_id)
    assert world.get(redemption_id).fulfilled == 300
    world.assert_laws()


def test_a_quantity_of_another_unit_counts_for_nothing(world: World, desk: Desk) -> None:
    named = source_of("skyways").replace('"partner_ref", at = 6', '"unit", at = 6')
    registry.apply(world.store, world.clock, named, "tests")
    (redemption_id,) = world.submit(300)
    world.send()
    (sent,) = world.sent(world.delivered()[-1])
    world.answer(skyways_file([Answer(sent.reference, sent.member_ref, 3, "0000")]))
    (found,) = world.breaks()
    assert (found.kind, found.quantity) == (BreakKind.UNIT_MISMATCH, 3)
    refused = desk.refusal(found.break_id, CONFIRM)
    assert isinstance(refused, InvalidRequest)
    assert [one.field for one in refused.violations] == ["quantity"]
    desk.propose(found.break_id, replace(CONFIRM, quantity=300))
    desk.approve(found.break_id)
    assert world.get(redemption_id).fulfilled == 300
    world.assert_laws()


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


def test_a_cancel_of_what_may_be_credited_is_refused_too(world: World, desk: Desk) -> None:
    redemption_id, break_id, _ = contradicted(world)
    desk.propose(break_id, RETRY)
    desk.approve(break_id)
    (refused,) = world.run(Cancel(PROGRAMME, "back", redemption_id))
    assert isinstance(refused, SecondPersonNeeded)


def test_of_two_who_approve_at_once_one_does(world: World, desk: Desk) -> None:
    redemption_id, break_id = rejected(world)
    desk.propose(break_id, CONFIRM)
    commands = [desk.command(actor, "checked") for actor in ("bob", "cid")]

    def approve(command: Command) -> bool:
        try:
            desk.resolving.approve(PROGRAMME, break_id, 1, command)
        except (ProposalLapsed, BreakClosed):
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(approve, commands)) == [False, True]
    assert [one.trigger for one in world.history(redemption_id)][3:] == [Trigger.CONFIRM]
    world.assert_laws()


def test_a_decision_and_a_command_at_once_end_in_one_of_them(world: World, desk: Desk) -> None:
    redemption_id, break_id = rejected(world)
    with ThreadPoolExecutor(2) as threads:
        deciding = threads.submit(desk.resolve, break_id, FAIL)
        threads.submit(world.run, Retry(PROGRAMME, "again", redemption_id)).result()
        deciding.result()
    assert world.get(redemption_id).state in (State.RETRYING, State.FAILED)
    assert desk.get(break_id).closed_at is not None
    world.assert_laws()


def test_what_a_policy_never_sends_again_two_persons_do(world: World, desk: Desk) -> None:
    source = source_of("skyways") + '\n[policy.fix_member]\ndo = "never"\n'
    registry.apply(world.store, world.clock, source, "tests")
    redemption_id, break_id = rejected(world, "0101")
    (refused,) = world.run(Retry(PROGRAMME, "alone", redemption_id))
    assert isinstance(refused, RetryExcluded)
    desk.propose(break_id, RETRY)
    desk.approve(break_id)
    assert world.get(redemption_id).state is State.RETRYING
    world.assert_laws()
