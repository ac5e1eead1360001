"""Stray records linked by hand, and acceptances that lapse, on both stores."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from agreements import source_of
from deciding import CONFIRM, DISMISS, FAIL, Desk, contradicted, rejected, silent, strayed
from fake_clock import FakeClock
from handback.breaks import queries
from handback.breaks.decisions import Decision
from handback.breaks.kinds import BreakKind, Resolution
from handback.breaks.queries import BreakView
from handback.errors import (
    InvalidRequest,
    NotFound,
)
from handback.lifecycle.table import State
from handback.partners import registry
from handback.resolutions.deciding import Wanted
from world import PROGRAMME, Answer, World, skyways_file


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


@pytest.mark.parametrize("quantity", [290, 0])
def test_a_link_is_proposed_for_what_the_record_says(
    world: World, desk: Desk, quantity: int
) -> None:
    redemption_id, found, _ = strayed(world, quantity=quantity)
    wanted = Wanted(Decision.LINK, redemption_id=redemption_id)
    proposal = desk.propose(found.break_id, wanted).proposal
    assert proposal is not None
    assert proposal.quantity == quantity


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


def test_nobody_moves_a_redemption_while_a_record_is_linked_to_it(world: World, desk: Desk) -> None:
    redemption_id, found, _ = strayed(world)
    desk.propose(found.break_id, Wanted(Decision.LINK, redemption_id=redemption_id))
    row = sa.select(queries.REDEMPTION).where(queries.REDEMPTION.c.redemption_id == redemption_id)
    with world.store.write() as tx, world.store.engine.connect() as other:
        queries.locked(tx, PROGRAMME, found.break_id)
        free = other.execute(row.with_for_update(skip_locked=True)).all()
    # The embedded store has one writer, and knows no locks on rows.
    assert len(free) == (world.store.dialect.name == "sqlite")


def test_only_stray_records_are_linked_and_to_their_partners_redemptions(
    world: World, desk: Desk
) -> None:
    redemption_id, found, _ = strayed(world)
    for wanted in (Wanted(Decision.LINK), Wanted(Decision.LINK, 10, redemption_id)):
        assert isinstance(desk.refusal(found.break_id, wanted), InvalidRequest)
    unknown = Wanted(Decision.LINK, redemption_id=10**6)
    assert isinstance(desk.refusal(found.break_id, unknown), NotFound)
    # The same member's next one, which the partner cannot have answered.
    (unsent,) = world.submit(300, member_ref=world.get(redemption_id).member_ref)
    never = Wanted(Decision.LINK, redemption_id=unsent)
    assert isinstance(desk.refusal(found.break_id, never), InvalidRequest)
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


def test_an_agreement_says_when_its_breaks_are_due(world: World, clock: FakeClock) -> None:
    source = source_of("skyways") + "\n[breaks]\nnormal_days = 1\n"
    registry.apply(world.store, clock, source, "tests")
    rejected(world)
    (review,) = world.breaks()
    # Opened on Monday 2 March: due by the end of Tuesday, by the clocks of London.
    assert review.due_at == datetime(2026, 3, 4, tzinfo=UTC)
