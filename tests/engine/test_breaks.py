"""Breaks: opened by a set, read by page, closed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fake_clock import FakeClock
from handback.breaks import commands, notes, queries
from handback.breaks.commands import Done
from handback.breaks.decisions import Decision
from handback.breaks.kinds import HOLDING, BreakKind, Resolution, Severity
from handback.breaks.queries import BreakFilter, BreakView
from handback.errors import (
    BreakClosed,
    BreakHoldsRedemption,
    BreakOpen,
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


def test_a_break_is_due_by_its_severity(lives: Lives) -> None:
    kinds = (BreakKind.CONTRADICTION, BreakKind.OVERDUE, BreakKind.REVIEW, BreakKind.EARLY_ANSWER)
    numbers = [opened(lives, kind, None)[0] for kind in kinds]
    with lives.store.read() as tx:
        due = [queries.get(tx, "aurora", number).due_at for number in numbers]
    # Opened on Monday 2 March: the day after it, two, five and ten business days.
    assert [at.strftime("%d") for at in due] == ["04", "05", "10", "17"]


def test_filters_by_owner_severity_and_what_is_overdue(lives: Lives) -> None:
    critical, high = (
        opened(lives, kind, None)[0] for kind in (BreakKind.CONTRADICTION, BreakKind.OVERDUE)
    )
    with lives.store.write() as tx:
        commands.assign(tx, "aurora", high, "ann", Command("bob"), lives.clock.now())
    store, now = lives.store, lives.clock.now()
    assert page(store, replace(OPEN, owner="ann")) == [high]
    assert page(store, replace(OPEN, unowned=True)) == [critical]
    assert page(store, replace(OPEN, severities=[Severity.CRITICAL])) == [critical]
    assert page(store, replace(OPEN, overdue_at=now)) == []
    assert page(store, replace(OPEN, overdue_at=now + timedelta(days=2))) == [critical]
    dismiss(lives, critical)
    assert page(store, replace(ALL, overdue_at=now + timedelta(days=9))) == [high]
    assert page(store, replace(OPEN, proposed=True)) == []


def test_a_reopened_break_keeps_its_history(lives: Lives) -> None:
    (break_id,) = opened(lives, BreakKind.OVERDUE, None)
    again = Command("bob", "they are late again", "k")
    with lives.store.write() as tx, pytest.raises(BreakOpen):
        commands.reopen(tx, "aurora", break_id, again, lives.clock.now())
    dismiss(lives, break_id)
    with lives.store.write() as tx:
        commands.comment(tx, "aurora", break_id, Command("ann", "a word"), lives.clock.now())
        view = commands.reopen(tx, "aurora", break_id, again, lives.clock.now()).view
        history = [(one.number, str(one.kind), one.actor) for one in notes.history(tx, break_id)]
    assert (view.closed_at, view.closed_by, view.resolution, view.comment) == (None,) * 4
    assert history == [(1, "closed", "ann"), (2, "commented", "ann"), (3, "reopened", "bob")]
    assert page(lives.store, OPEN) == [break_id]


@pytest.mark.parametrize("step", [commands.reopen, commands.comment])
def test_words_are_needed(lives: Lives, step: Callable[..., Done]) -> None:
    (break_id,) = opened(lives, BreakKind.OVERDUE, None)
    with lives.store.write() as tx, pytest.raises(InvalidRequest):
        step(tx, "aurora", break_id, Command("ann", " "), lives.clock.now())


def test_a_closed_break_is_not_assigned(lives: Lives) -> None:
    (break_id,) = opened(lives, BreakKind.OVERDUE, None)
    dismiss(lives, break_id)
    with lives.store.write() as tx, pytest.raises(BreakClosed):
        commands.assign(tx, "aurora", break_id, "ann", Command("bob"), lives.clock.now())


def test_earlier_breaks_are_those_about_the_same_redemption_or_reference(lives: Lives) -> None:
    first, second = (opened(lives, BreakKind.REVIEW, 7)[0] for _ in range(2))
    opened(lives, BreakKind.REVIEW, 8)
    (nameless,) = opened(lives, BreakKind.OVERDUE, None)
    with lives.store.read() as tx:
        views = [queries.get(tx, "aurora", one) for one in (first, second, nameless)]
        earlier = [[one.break_id for one in queries.earlier(tx, view)] for view in views]
    assert earlier == [[], [first], []]


def test_every_kind_and_decision_is_told_of_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text()
    for kind in BreakKind:
        assert f"| `{kind}` | `{kind.severity}` | {kind.sentence} |\n" in page
    for decision in Decision:
        assert f"\n| `{decision}` | " in page
        assert decision.sentence.endswith(".")
