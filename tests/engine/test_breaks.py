"""Breaks: opened by a set, read by page, closed once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fake_clock import FakeClock
from handback.breaks import commands, queries
from handback.breaks.commands import Done
from handback.breaks.kinds import HOLDING, BreakKind, Resolution
from handback.breaks.queries import BreakFilter, BreakView
from handback.errors import (
    BreakClosed,
    BreakHoldsRedemption,
    InvalidRequest,
    NotFound,
    RequestKeyReused,
)
from handback.ids import Prefix, public_id
from handback.lifecycle.table import Trigger
from handback.partners.codes import ReasonClass
from handback.store.requests import Command
from handback.store.session import Store
from lives import ACTOR, Lives

OPEN = BreakFilter("aurora")
ALL = replace(OPEN, include_closed=True)


@pytest.fixture
def lives(store: Store, clock: FakeClock) -> Lives:
    """A programme without redemptions."""
    return Lives(store, clock)


def opened(lives: Lives, kind: BreakKind, *ids: int | None, partner_id: int = 1) -> list[int]:
    """Breaks of one kind, one for each redemption."""
    with lives.store.write() as tx:
        return lives.open_breaks(tx, kind, ids, partner_id=partner_id)


def dismiss(
    lives: Lives,
    break_id: int,
    programme: str = "aurora",
    comment: str = "no step needed",
    request_key: str | None = None,
) -> Done:
    """Close a break an hour after now."""
    at = lives.clock.now() + timedelta(hours=1)
    command = Command("ann", comment, request_key)
    with lives.store.write() as tx:
        return commands.dismiss(tx, programme, break_id, command, at)


def page(store: Store, wanted: BreakFilter, after: int = 0, size: int = 100) -> list[int]:
    """The ids of a page of breaks."""
    with store.read() as tx:
        return [found.break_id for found in queries.page(tx, wanted, after, size)]


def rejected(lives: Lives) -> int:
    """A redemption that its partner has rejected, and that waits in a review."""
    ids = lives.submit(10)
    lives.dispatch(ids)
    lives.step(Trigger.REJECT, ids)
    return ids[0]


def test_a_break_comes_back_as_it_was_opened(lives: Lives) -> None:
    (break_id,) = opened(lives, BreakKind.UNKNOWN_REFERENCE, None)
    with lives.store.read() as tx:
        found = queries.get(tx, "aurora", break_id)
    assert found == BreakView(
        break_id=break_id,
        programme="aurora",
        partner="skyways",
        programme_id=1,
        partner_id=1,
        kind=BreakKind.UNKNOWN_REFERENCE,
        redemption_id=None,
        attempt=None,
        file_id=None,
        ordinal=None,
        quantity=None,
        reason_code=None,
        reason_class=ReasonClass.OPS,
        raw=None,
        facts={"place": "0"},
        reference=None,
        owner=None,
        opened_at=lives.clock.now(),
        due_at=datetime(2026, 3, 10, tzinfo=UTC),
        closed_at=None,
        closed_by=None,
        resolution=None,
        comment=None,
    )


@pytest.mark.parametrize(("programme", "break_id"), [("aurora", 99), ("borealis", 1)])
def test_a_break_that_is_not_there_is_not_found(
    lives: Lives, programme: str, break_id: int
) -> None:
    opened(lives, BreakKind.OVERDUE, None)
    with lives.store.read() as tx, pytest.raises(NotFound):
        queries.get(tx, programme, break_id)


def test_pages_hold_the_oldest_first_and_only_what_was_asked_for(lives: Lives) -> None:
    first, second, third = opened(lives, BreakKind.OVERDUE, 7, 8, 9)
    (elsewhere,) = opened(lives, BreakKind.CONTRADICTION, 7, partner_id=2)
    dismiss(lives, second)
    store = lives.store
    assert page(store, OPEN) == [first, third, elsewhere]
    assert page(store, ALL) == [first, second, third, elsewhere]
    assert page(store, ALL, after=first, size=2) == [second, third]
    assert page(store, replace(OPEN, partner="harbour")) == [elsewhere]
    assert page(store, replace(OPEN, kinds=[BreakKind.OVERDUE])) == [first, third]
    assert page(store, replace(OPEN, redemption_id=7)) == [first, elsewhere]
    assert page(store, replace(OPEN, file_id=1)) == []
    assert page(store, BreakFilter("borealis")) == []


def test_a_dismissed_break_says_who_closed_it_and_why(lives: Lives) -> None:
    (break_id,) = opened(lives, BreakKind.CONTRADICTION, None)
    closed = dismiss(lives, break_id).view
    assert (closed.resolution, closed.closed_by) == (Resolution.DISMISSED, "ann")
    assert closed.comment == "no step needed"
    assert closed.closed_at == lives.clock.now() + timedelta(hours=1)
    with lives.store.read() as tx:
        assert queries.get(tx, "aurora", break_id) == closed


def test_a_break_closes_once(lives: Lives) -> None:
    (break_id,) = opened(lives, BreakKind.OVERDUE, None)
    dismiss(lives, break_id)
    with pytest.raises(BreakClosed):
        dismiss(lives, break_id)


def test_the_same_request_gets_its_first_answer_again(lives: Lives) -> None:
    first, second = opened(lives, BreakKind.OVERDUE, None, None)
    answers = [dismiss(lives, first, request_key="k1") for _ in range(2)]
    assert [answer.replayed for answer in answers] == [False, True]
    assert answers[0].view == answers[1].view
    with pytest.raises(RequestKeyReused):
        dismiss(lives, second, request_key="k1")
    assert page(lives.store, OPEN) == [second]


def test_a_break_is_not_dismissed_without_saying_why(lives: Lives) -> None:
    (break_id,) = opened(lives, BreakKind.OVERDUE, None)
    with pytest.raises(InvalidRequest) as refused:
        dismiss(lives, break_id, comment=" ")
    assert [violation.field for violation in refused.value.violations] == ["comment"]


def test_another_programme_cannot_dismiss_it(lives: Lives) -> None:
    (break_id,) = opened(lives, BreakKind.OVERDUE, None)
    with pytest.raises(NotFound):
        dismiss(lives, break_id, programme="borealis")
    assert page(lives.store, OPEN) == [break_id]


def test_the_break_a_rejected_redemption_waits_in_cannot_be_dismissed(lives: Lives) -> None:
    redemption_id = rejected(lives)
    (break_id,) = page(lives.store, OPEN)
    with pytest.raises(BreakHoldsRedemption) as refused:
        dismiss(lives, break_id)
    assert refused.value.facts == {
        "break_id": public_id(Prefix.BREAK, break_id),
        "redemption": public_id(Prefix.REDEMPTION, redemption_id),
    }
    assert page(lives.store, OPEN) == [break_id]


def test_another_break_of_a_rejected_redemption_can_be_dismissed(lives: Lives) -> None:
    redemption_id = rejected(lives)
    (review,) = page(lives.store, OPEN)
    (beside,) = opened(lives, BreakKind.CONTRADICTION, redemption_id)
    dismiss(lives, beside)
    assert page(lives.store, OPEN) == [review]


@pytest.mark.parametrize("kind", HOLDING)
def test_such_a_break_can_be_dismissed_while_its_redemption_waits_elsewhere(
    lives: Lives, kind: BreakKind
) -> None:
    (redemption_id,) = lives.submit(10)
    (break_id,) = opened(lives, kind, redemption_id)
    assert dismiss(lives, break_id).view.resolution is Resolution.DISMISSED


@pytest.mark.parametrize(
    ("trigger", "resolution"),
    [(Trigger.RETRY, Resolution.RETRIED), (Trigger.FAIL, Resolution.FAILED)],
)
def test_a_decision_closes_what_waited_for_it_and_nothing_else(
    lives: Lives, trigger: Trigger, resolution: Resolution
) -> None:
    redemption_id, other = rejected(lives), rejected(lives)
    review, of_other = page(lives.store, OPEN)
    (beside,) = opened(lives, BreakKind.CONTRADICTION, redemption_id)
    lives.step(trigger, [redemption_id])
    assert page(lives.store, OPEN) == [of_other, beside]
    with lives.store.read() as tx:
        closed = queries.get(tx, "aurora", review)
    assert (closed.resolution, closed.closed_by) == (resolution, ACTOR)
    assert page(lives.store, replace(OPEN, redemption_id=other)) == [of_other]


def test_every_kind_and_resolution_has_a_name_and_a_sentence() -> None:
    assert [int(kind) for kind in BreakKind] == list(range(1, len(BreakKind) + 1))
    assert all(kind.sentence.endswith(".") for kind in BreakKind)
    assert str(BreakKind.POSSIBLE_DOUBLE_CREDIT) == "possible_double_credit"
    assert str(Resolution.SETTLED) == "settled"
