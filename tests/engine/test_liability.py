"""The liability: what open redemptions hold, where they wait, and for how long, at any position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import OpenStore
from fake_clock import FakeClock
from handback.errors import InvalidRequest
from handback.journal.read import extent
from handback.ledger import open_redemptions, queries
from handback.ledger.accounts import Tally
from handback.ledger.ages import BUCKETS, check_buckets
from handback.ledger.instants import instant_at
from handback.ledger.liability import By, liability
from handback.ledger.open_redemptions import START, OpenView
from handback.ledger.outstanding import OpenFilter, Standing
from handback.ledger.queries import BalanceFilter
from handback.lifecycle.table import OPEN_STATES, State, Trigger
from handback.store.session import Store
from lives import ATTEMPT, BATCH, REDEMPTION, Lives

AURORA = OpenFilter("aurora")
DAY = timedelta(days=1)

STEPS = ("submit", "batch", "deliver", "reject", "confirm", "retry", "fail", "cancel", "return")


def every_open(store: Store, wanted: OpenFilter = AURORA, size: int = 100) -> list[OpenView]:
    """All pages of what is open."""
    found: list[OpenView] = []
    place = START
    while True:
        with store.read() as tx:
            page = open_redemptions.page(tx, wanted, place, size)
        found += page
        if len(page) < size:
            return found
        place = page[-1].place


def lines(
    store: Store, clock: FakeClock, by: By = By.PARTNER, wanted: OpenFilter = AURORA, **more: Any
) -> list[Any]:
    """Lines of the liability as of now."""
    with store.read() as tx:
        return liability(tx, wanted, by, clock.now(), **more)


Open = tuple[str, str, str, int | None, int, datetime]
"""Partner, unit, standing, batch where it was sent, held, submitted."""


class Told:
    """What the tests know of each redemption, read from its own row after every step."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.store, self.clock, self.lives = store, clock, Lives(store, clock)
        self.batches: dict[int, list[int]] = {}
        self.at: list[dict[int, Open]] = [{}]

    def of(self, *states: State) -> list[int]:
        select = sa.select(REDEMPTION.c.redemption_id).where(REDEMPTION.c.state.in_(states))
        under_way = {one for ids in self.batches.values() for one in ids}
        with self.store.read() as tx:
            found = list(tx.scalars(select.order_by(REDEMPTION.c.redemption_id)))
        return [one for one in found if one not in under_way]

    def step(self, what: str, pick: int, quantity: int) -> None:
        """A step on one of those that may take it; nothing where there is none."""
        self.clock.advance(timedelta(days=quantity % 11))
        match what:
            case "submit":
                self.lives.submit(quantity, partner_id=1 + pick % 2, unit_id=1 + pick // 2 % 2)
            case "batch":
                self._batch(pick)
            case "deliver" if self.batches:
                self._deliver(sorted(self.batches)[pick % len(self.batches)])
            case "reject":
                self._move(Trigger.REJECT, pick, State.AWAITING_HANDBACK)
            case "confirm":
                self._move(Trigger.CONFIRM, pick, State.AWAITING_HANDBACK)
            case "retry":
                self._move(Trigger.RETRY, pick, State.REJECTED)
            case "fail":
                self._move(Trigger.FAIL, pick, State.REJECTED)
            case "cancel":
                self._move(Trigger.CANCEL, pick, State.SUBMITTED, State.RETRYING)
            case "return":
                self._move(Trigger.RETURN, pick, State.CONFIRMED)
        self._note()

    def _batch(self, pick: int) -> None:
        found = self.of(State.SUBMITTED, State.RETRYING)
        if found:
            chosen = found[pick % len(found) :][:1]
            self.batches[self.lives.batch(chosen)] = chosen

    def _deliver(self, batch_id: int) -> None:
        ids = self.batches.pop(batch_id)
        self.lives.step(Trigger.DISPATCH, ids)
        with self.store.write() as tx:
            done = sa.update(BATCH).where(BATCH.c.batch_id == batch_id)
            tx.execute(done.values(state=3, dispatched_at=self.clock.now()))

    def _move(self, trigger: Trigger, pick: int, *states: State) -> None:
        if found := self.of(*states):
            self.lives.step(trigger, [found[pick % len(found)]])

    def _note(self) -> None:
        """What is open now, under the newest position, and under those that were skipped."""
        with self.store.read() as tx:
            position = extent(tx).newest
            live = (
                sa.select(ATTEMPT.c.redemption_id, ATTEMPT.c.batch_id)
                .join(REDEMPTION, REDEMPTION.c.redemption_id == ATTEMPT.c.redemption_id)
                .where(REDEMPTION.c.attempt == ATTEMPT.c.attempt)
            )
            sent = {row.redemption_id: row.batch_id for row in tx.execute(live)}
            rows = tx.execute(sa.select(REDEMPTION).where(REDEMPTION.c.state.in_(OPEN_STATES)))
            standing = {
                row.redemption_id: (
                    ("skyways", "harbour")[row.partner_id - 1],
                    ("miles", "cents")[row.unit_id - 1],
                    _standing(State(row.state)),
                    sent[row.redemption_id] if row.state == State.AWAITING_HANDBACK else None,
                    row.held,
                    row.submitted_at,
                )
                for row in rows
            }
        del self.at[position:]
        self.at += [standing] * (position + 1 - len(self.at))


def _standing(state: State) -> str:
    return {State.AWAITING_HANDBACK: "sent", State.REJECTED: "undecided"}.get(state, "due")


def told(views: list[OpenView]) -> dict[int, Open]:
    """The same of what was found; the batch only of what was sent."""
    assert len({view.redemption_id for view in views}) == len(views)
    return {
        view.redemption_id: (
            view.partner,
            view.unit,
            str(view.standing),
            view.batch_id if view.standing is Standing.SENT else None,
            view.held,
            view.submitted_at,
        )
        for view in views
    }


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(STEPS), st.integers(0, 9), st.integers(1, 500)), max_size=25
    )
)
def test_what_was_open_at_any_position_is_found(
    open_store: OpenStore, steps: list[tuple[str, int, int]]
) -> None:
    with ExitStack() as stack:
        store = open_store(stack)
        stack.callback(store.close)
        clock = FakeClock()
        known = Told(store, clock)
        for step in [("submit", 0, 50), ("submit", 1, 70), *steps]:
            known.step(*step)
        assert told(every_open(store, size=2)) == known.at[-1]
        for position, standing in enumerate(known.at):
            wanted = OpenFilter("aurora", position=position)
            assert told(every_open(store, wanted, size=2)) == standing, position
            assert_sums(store, clock, wanted, standing)
        assert_sums(store, clock, AURORA, known.at[-1])


def assert_sums(
    store: Store, clock: FakeClock, wanted: OpenFilter, standing: dict[int, Open]
) -> None:
    """Every way to group adds up to what is open, and to what the ledger holds."""
    held: Counter[tuple[str, str]] = Counter()
    count: Counter[tuple[str, str]] = Counter()
    ages: Counter[tuple[str, int]] = Counter()
    with store.read() as tx:
        at = clock.now() if wanted.position is None else instant_at(tx, wanted.position)
    for partner, unit, _, _, quantity, submitted_at in standing.values():
        held[partner, unit] += quantity
        count[partner, unit] += 1
        assert at is not None
        days = (at - submitted_at) // DAY
        ages[unit, next((n for n, day in enumerate(BUCKETS) if days <= day), 4)] += quantity
    with store.read() as tx:
        balances = queries.page(tx, BalanceFilter("aurora", at_position=wanted.position))
        assert {(b.partner, b.unit): b.held for b in balances if b.held} == held
        open_ones = {(b.partner, b.unit): b.open_redemptions for b in balances}
        assert {key: n for key, n in open_ones.items() if n} == count
        for by in By:
            found = liability(tx, wanted, by, at or clock.now())
            summed: Counter[str] = Counter()
            aged: Counter[tuple[str, int]] = Counter()
            for line in found:
                summed[line.unit] += line.total.quantity
                for number, bucket in enumerate(line.buckets):
                    aged[line.unit, number] += bucket.quantity
            by_unit: Counter[str] = Counter()
            for (_, unit), quantity in held.items():
                by_unit[unit] += quantity
            assert summed == by_unit, by
            assert +aged == +ages, by


@pytest.fixture
def aged(store: Store, clock: FakeClock) -> Iterator[Lives]:
    """Redemptions of 100 days, 61, 60, 31, 30, 8, 7 and 0 whole days; the first two are sent."""
    lives = Lives(store, clock)
    ids = []
    for days, quantity in ((39, 1), (1, 2), (29, 4), (1, 8), (22, 16), (1, 32), (7, 64), (0, 128)):
        ids += lives.submit(quantity)
        clock.advance(days * DAY)
    lives.dispatch(ids[:2])
    yield lives


def test_buckets_hold_whole_days_up_to_their_last(
    store: Store, clock: FakeClock, aged: Lives
) -> None:
    (line,) = lines(store, clock)
    assert (line.partner, line.unit) == ("skyways", "miles")
    assert line.total == Tally(8, 255)
    assert [bucket.quantity for bucket in line.buckets] == [192, 48, 12, 2, 1]
    assert [bucket.count for bucket in line.buckets] == [2, 2, 2, 1, 1]


def test_a_moment_before_a_day_is_whole_it_does_not_count(
    store: Store, clock: FakeClock, aged: Lives
) -> None:
    clock.advance(DAY - timedelta(microseconds=1))
    (line,) = lines(store, clock)
    assert [bucket.quantity for bucket in line.buckets] == [192, 48, 12, 2, 1]
    clock.advance(timedelta(microseconds=1))
    (line,) = lines(store, clock)
    assert [bucket.quantity for bucket in line.buckets] == [128, 96, 24, 6, 1]


def test_buckets_may_be_given(store: Store, clock: FakeClock, aged: Lives) -> None:
    (line,) = lines(store, clock, days=(0, 99))
    assert [bucket.quantity for bucket in line.buckets] == [128, 126, 1]


@pytest.mark.parametrize("days", [[-1], [7, 7], [30, 7], list(range(21))])
def test_buckets_rise(days: list[int]) -> None:
    with pytest.raises(InvalidRequest):
        check_buckets(days)


def test_no_buckets_are_the_usual_ones() -> None:
    assert check_buckets([]) == BUCKETS
    assert check_buckets([1, 2]) == (1, 2)


def test_lines_go_by_batch_and_by_standing(store: Store, clock: FakeClock, aged: Lives) -> None:
    by_batch = lines(store, clock, By.BATCH)
    assert [(one.batch_id, one.total) for one in by_batch] == [
        (None, Tally(6, 252)),
        (1, Tally(2, 3)),
    ]
    by_standing = lines(store, clock, By.STANDING)
    assert [(str(one.standing), one.total.count) for one in by_standing] == [
        ("due", 6),
        ("sent", 2),
    ]


def test_members_come_largest_first_and_page_by_page(
    store: Store, clock: FakeClock, aged: Lives
) -> None:
    first = lines(store, clock, By.MEMBER, size=3)
    assert [one.total.quantity for one in first] == [128, 64, 32]
    place = first[-1].place(By.MEMBER)
    rest = lines(store, clock, By.MEMBER, after=place)
    assert [one.total.quantity for one in rest] == [16, 8, 4, 2, 1]
    (one,) = lines(store, clock, By.MEMBER, OpenFilter("aurora", member_ref=first[1].member_ref))
    assert one == first[1]


@pytest.mark.parametrize("by", [By.PARTNER, By.BATCH, By.STANDING])
def test_pages_of_lines_follow_one_another(
    store: Store, clock: FakeClock, aged: Lives, by: By
) -> None:
    aged.submit(5, partner_id=2)
    aged.submit(5, unit_id=2)
    whole = lines(store, clock, by)
    paged, place = [], []
    while found := lines(store, clock, by, after=place, size=1):
        paged += found
        place = found[-1].place(by)
    assert paged == whole


@pytest.mark.parametrize(
    ("narrowed", "held"),
    [
        ({"partner": "skyways"}, 255),
        ({"partner": "harbour"}, 0),
        ({"unit": "cents"}, 0),
        ({"batch_id": 1}, 3),
        ({"standing": Standing.SENT}, 3),
        ({"standing": Standing.DUE}, 252),
        ({"member_ref": "nobody"}, 0),
    ],
)
def test_filters_narrow_lines_and_lists_alike(
    store: Store, clock: FakeClock, aged: Lives, narrowed: dict[str, Any], held: int
) -> None:
    wanted = OpenFilter("aurora", **narrowed)
    assert sum(one.total.quantity for one in lines(store, clock, wanted=wanted)) == held
    assert sum(view.held for view in every_open(store, wanted)) == held


def test_a_bucket_can_be_followed_to_its_redemptions(
    store: Store, clock: FakeClock, aged: Lives
) -> None:
    now = clock.now()
    wanted = OpenFilter("aurora", submitted_after=now - 31 * DAY, submitted_until=now - 8 * DAY)
    assert sorted(view.held for view in every_open(store, wanted)) == [16, 32]


def test_another_programme_sees_nothing(store: Store, clock: FakeClock, aged: Lives) -> None:
    assert lines(store, clock, wanted=OpenFilter("borealis")) == []
    assert every_open(store, OpenFilter("borealis")) == []
