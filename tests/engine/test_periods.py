"""Closing periods, and the cuts and instants that they are made of."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import OpenStore
from fake_clock import FakeClock
from handback.errors import AlreadyExists, CursorAhead, InvalidRequest, NotFound, PeriodClosed
from handback.ledger import periods, queries
from handback.ledger.cuts import NOW, Cut, Stretch, stretch
from handback.ledger.instants import BLOCK, MILESTONE, instant_at, position_at
from handback.ledger.periods import PERIOD, PERIOD_BALANCE, PeriodView, close
from handback.ledger.queries import BalanceFilter
from handback.ledger.snapshots import roll_up
from handback.lifecycle.table import Trigger
from handback.store.session import Store
from handback.verify import verify
from lives import Lives

AURORA = "aurora"
HOUR = timedelta(hours=1)


@pytest.fixture
def lives(store: Store, clock: FakeClock) -> Lives:
    """Positions 1 to 4, an hour apart; the last one just now."""
    told = Lives(store, clock)
    for quantity in (100, 20, 7, 3):
        clock.advance(HOUR)
        told.submit(quantity)
    return told


def closed(store: Store) -> list[PeriodView]:
    with store.read() as tx:
        return periods.page(tx, AURORA, 0, 100)


def held(store: Store, cut: Cut) -> int:
    with store.read() as tx:
        position = cut.resolve(tx, AURORA)
        found = queries.page(tx, BalanceFilter(AURORA, at_position=position))
        return sum(one.held for one in found)


def test_a_period_ends_where_it_was_closed(store: Store, clock: FakeClock, lives: Lives) -> None:
    made = close(store, clock, AURORA, "2026-03", "ada")
    assert not made.replayed
    assert made.period == PeriodView(AURORA, 1, "2026-03", 0, 4, clock.now(), clock.now(), "ada")
    assert closed(store) == [made.period]


def test_what_comes_later_changes_nothing_in_it(
    store: Store, clock: FakeClock, lives: Lives
) -> None:
    close(store, clock, AURORA, "2026-03", "ada")
    lives.submit(1_000)
    lives.step(Trigger.CANCEL, [1])
    assert held(store, Cut(period="2026-03")) == 130
    close(store, clock, AURORA, "2026-04", "ada")
    assert held(store, Cut(period="2026-03")) == 130
    assert held(store, Cut(period="2026-04")) == 1_030
    assert [(one.after_position, one.position) for one in closed(store)] == [(0, 4), (4, 6)]


def test_a_period_may_be_closed_at_an_instant_or_a_position(
    store: Store, clock: FakeClock, lives: Lives
) -> None:
    at = clock.now() - HOUR
    first = close(store, clock, AURORA, "one", "ada", Cut(at=at)).period
    assert (first.position, first.cut_at, first.closed_at) == (3, at, clock.now())
    second = close(store, clock, AURORA, "two", "ada", Cut(position=4)).period
    assert (second.position, second.cut_at) == (4, clock.now())


def test_a_period_without_anything_in_it_can_be_closed(
    store: Store, clock: FakeClock, lives: Lives
) -> None:
    close(store, clock, AURORA, "one", "ada")
    quiet = close(store, clock, AURORA, "two", "ada").period
    assert (quiet.after_position, quiet.position) == (4, 4)
    assert held(store, Cut(period="two")) == 130


def test_closing_once_more_gives_the_first_answer(
    store: Store, clock: FakeClock, lives: Lives
) -> None:
    first = close(store, clock, AURORA, "one", "ada", Cut(position=2)).period
    clock.advance(HOUR)
    again = close(store, clock, AURORA, "one", "bob", Cut(position=2))
    assert again.replayed
    assert again.period == first
    assert close(store, clock, AURORA, "one", "bob").replayed
    with pytest.raises(AlreadyExists):
        close(store, clock, AURORA, "one", "bob", Cut(position=3))


def test_periods_are_closed_in_order(store: Store, clock: FakeClock, lives: Lives) -> None:
    close(store, clock, AURORA, "one", "ada", Cut(position=3))
    with pytest.raises(PeriodClosed) as refused:
        close(store, clock, AURORA, "two", "ada", Cut(position=2))
    assert refused.value.facts == {"period": "one", "position": "3", "cut": "2"}
    assert len(closed(store)) == 1


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "n" * 64])
def test_a_name_is_one_short_line(store: Store, clock: FakeClock, lives: Lives, name: str) -> None:
    with pytest.raises(InvalidRequest):
        close(store, clock, AURORA, name, "ada")


def test_what_cannot_be_cut_is_refused(store: Store, clock: FakeClock, lives: Lives) -> None:
    with pytest.raises(InvalidRequest):
        close(store, clock, AURORA, "one", "ada", Cut(at=clock.now() + HOUR))
    with pytest.raises(InvalidRequest):
        close(store, clock, AURORA, "one", "ada", Cut(position=1, at=clock.now()))
    with pytest.raises(InvalidRequest):
        close(store, clock, AURORA, "one", "ada", Cut(period="none"))
    with pytest.raises(CursorAhead):
        close(store, clock, AURORA, "one", "ada", Cut(position=5))
    with pytest.raises(NotFound):
        close(store, clock, "auroa", "one", "ada")
    assert closed(store) == []


def test_pages_of_periods_follow_one_another(store: Store, clock: FakeClock, lives: Lives) -> None:
    for name in ("one", "two", "three"):
        close(store, clock, AURORA, name, "ada")
    with store.read() as tx:
        first = periods.page(tx, AURORA, 0, 2)
        rest = periods.page(tx, AURORA, first[-1].number, 2)
    assert [one.name for one in (*first, *rest)] == ["one", "two", "three"]


def test_cuts_and_stretches(store: Store, clock: FakeClock, lives: Lives) -> None:
    close(store, clock, AURORA, "one", "ada", Cut(position=2))
    close(store, clock, AURORA, "two", "ada", Cut(position=3))
    with store.read() as tx:
        assert stretch(tx, AURORA) == Stretch(0, 4)
        assert stretch(tx, AURORA, Cut(position=1), Cut(at=clock.now())) == Stretch(1, 4)
        assert stretch(tx, AURORA, Cut(period="one")) == Stretch(2, 4)
        assert stretch(tx, AURORA, period="one") == Stretch(0, 2)
        assert stretch(tx, AURORA, period="two") == Stretch(2, 3)
        with pytest.raises(InvalidRequest):
            stretch(tx, AURORA, Cut(position=3), Cut(position=2))
        with pytest.raises(NotFound):
            stretch(tx, AURORA, period="three")
        assert NOW.resolve(tx, AURORA) is None


def test_an_instant_cuts_before_what_was_committed_after_it(
    store: Store, clock: FakeClock, lives: Lives
) -> None:
    now = clock.now()
    with store.read() as tx:
        assert position_at(tx, now) == 4
        assert position_at(tx, now - timedelta(microseconds=1)) == 3
        assert position_at(tx, now - 3 * HOUR) == 1
        assert position_at(tx, now - 4 * HOUR) == 0
        assert instant_at(tx, 0) is None
        assert instant_at(tx, 3) == now - HOUR


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    hours=st.lists(st.integers(0, 9), min_size=1, max_size=14),
    every=st.integers(1, 5),
    rolls=st.integers(0, 4),
)
def test_clocks_that_step_back_move_no_cut(
    open_store: OpenStore, hours: list[int], every: int, rolls: int
) -> None:
    """Blocks are committed at these hours, in this order; some of them are rolled up."""
    with ExitStack() as stack:
        store = open_store(stack)
        stack.callback(store.close)
        clock = FakeClock()
        lives = Lives(store, clock)
        began = clock.now()
        for _ in hours:
            lives.submit(1)
        with store.write() as tx:
            for position, hour in enumerate(hours, start=1):
                at = sa.update(BLOCK).where(BLOCK.c.position == position)
                tx.execute(at.values(committed_at=began + hour * HOUR))
        for _ in range(rolls):
            roll_up(store, every)
        with store.read() as tx:
            for hour in range(-1, 11):
                expected = next((n for n, at in enumerate(hours) if at > hour), len(hours))
                assert position_at(tx, began + hour * HOUR) == expected
            for position in range(1, len(hours) + 1):
                assert instant_at(tx, position) == began + max(hours[:position]) * HOUR
        assert verify(store).holds


def _broken(store: Store) -> set[str]:
    return {one.what for verdict in verify(store).verdicts for one in verdict.shown}


@pytest.mark.parametrize(
    "harm",
    [
        sa.update(PERIOD_BALANCE).values(quantity=PERIOD_BALANCE.c.quantity + 1),
        sa.update(PERIOD_BALANCE).values(redemptions=PERIOD_BALANCE.c.redemptions + 1),
        sa.delete(PERIOD_BALANCE),
        sa.update(PERIOD).where(PERIOD.c.number == 1).values(position=4),
    ],
    ids=["quantity", "redemptions", "lost", "order"],
)
def test_a_period_that_does_not_say_what_was_is_found(
    store: Store, clock: FakeClock, lives: Lives, harm: sa.UpdateBase
) -> None:
    close(store, clock, AURORA, "one", "ada", Cut(position=2))
    close(store, clock, AURORA, "two", "ada", Cut(position=3))
    assert verify(store).holds
    with store.write() as tx:
        tx.execute(harm)
    assert _broken(store)


def test_a_milestone_that_is_wrong_is_found(store: Store, clock: FakeClock, lives: Lives) -> None:
    roll_up(store, 2)
    assert verify(store).holds
    with store.write() as tx:
        tx.execute(sa.update(MILESTONE).values(latest_at=clock.now()))
    assert _broken(store) == {"the milestone is not the latest instant of the blocks up to it"}
