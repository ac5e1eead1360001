"""Requests to resolve breaks: many at once, and the same again under one key, on both stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from deciding import CONFIRM, FAIL, RETRY, Desk, contradicted, rejected
from handback.breaks.kinds import BreakKind, Severity
from handback.breaks.queries import BreakFilter, BreakView
from handback.errors import BreakClosed, InvalidRequest, NotFound, RequestKeyReused
from handback.lifecycle.table import State
from handback.redemptions.requests import MAX_TEXT
from handback.resolutions.deciding import Wanted
from handback.store.requests import Command
from world import PROGRAMME, World


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


@dataclass(frozen=True, slots=True)
class LaterFilter(BreakFilter):
    """A filter as a later release may know it."""

    channel: str | None = None
    countries: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class LaterWanted(Wanted):
    """A decision as a later release may know it."""

    waived: bool = False


def test_a_request_may_be_asked_again_of_a_later_release(world: World, desk: Desk) -> None:
    _, break_id = rejected(world)
    which, command = BreakFilter(PROGRAMME, kinds=[BreakKind.REVIEW]), desk.command("ann")
    desk.resolving.resolve_filtered(which, FAIL, command)
    later = LaterFilter(PROGRAMME, kinds=(BreakKind.REVIEW,), countries=[])
    wanted = LaterWanted(FAIL.decision)
    (again,) = desk.resolving.resolve_filtered(later, wanted, command).outcomes
    assert (again.break_id, again.replayed) == (break_id, True)
    with pytest.raises(RequestKeyReused):
        desk.resolving.resolve_filtered(replace(later, channel="shop"), wanted, command)
    with pytest.raises(RequestKeyReused):
        desk.resolving.resolve_filtered(later, replace(wanted, waived=True), command)


def test_a_filter_of_names_that_there_are_not_is_refused(world: World, desk: Desk) -> None:
    rejected(world)
    for which in (BreakFilter("auroa"), BreakFilter(PROGRAMME, partner="skyway")):
        command = desk.command("ann")
        for _ in range(2):
            with pytest.raises(NotFound):
                desk.resolving.resolve_filtered(which, FAIL, command)


def test_requests_without_a_reason_or_a_break_are_refused(desk: Desk) -> None:
    with pytest.raises(InvalidRequest):
        desk.resolving.resolve(PROGRAMME, [1], FAIL, Command("ann", " ", "k"))
    with pytest.raises(InvalidRequest):
        desk.resolving.resolve(PROGRAMME, [], FAIL, Command("ann", "why", "k"))


LENGTHS = pytest.mark.parametrize("length", [182, 183, MAX_TEXT])


@LENGTHS
def test_a_decision_may_have_a_key_as_long_as_any(world: World, desk: Desk, length: int) -> None:
    redemption_id, break_id = rejected(world)
    command = Command("ann", "why", "k" * length)
    for replayed in (False, True):
        (outcome,) = desk.resolving.resolve(PROGRAMME, [break_id], FAIL, command).outcomes
        assert isinstance(outcome.result, BreakView)
        assert outcome.replayed is replayed
    assert world.get(redemption_id).state is State.FAILED
    assert world.history(redemption_id)[-1].comment == "why"


@LENGTHS
def test_so_may_an_approval(world: World, desk: Desk, length: int) -> None:
    redemption_id, break_id, _ = contradicted(world)
    desk.propose(break_id, RETRY)
    command = Command("bob", "checked", "k" * length)
    for replayed in (False, True):
        done = desk.resolving.approve(PROGRAMME, break_id, 1, command)
        assert done.replayed is replayed
    assert world.get(redemption_id).state is State.RETRYING
    assert world.history(redemption_id)[-1].comment == "the partner says so"


def test_an_approval_under_one_key_is_done_once(world: World, desk: Desk) -> None:
    redemption_id, break_id = rejected(world)
    desk.propose(break_id, CONFIRM)
    command = desk.command("bob", "checked")
    first = desk.resolving.approve(PROGRAMME, break_id, 1, command)
    again = desk.resolving.approve(PROGRAMME, break_id, 1, command)
    assert (first.replayed, again.replayed) == (False, True)
    assert first.view == again.view
    assert len(world.history(redemption_id)) == 4
