"""Statements: a member's, posting by posting, and a partner's, day by day; and what is behind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from fake_clock import FakeClock
from handback.journal.read import extent
from handback.ledger import postings
from handback.ledger.accounts import Tally
from handback.ledger.cuts import Stretch
from handback.ledger.postings import START, Posting, PostingFilter
from handback.ledger.statements import Day, Line, member_statement, partner_statement
from handback.lifecycle.table import Account, Trigger
from handback.store.session import Store
from handback.store.tables import Block
from lives import Lives

LONDON = ZoneInfo("Europe/London")
UTC_ZONE = ZoneInfo("UTC")


@pytest.fixture
def lives(store: Store, clock: FakeClock) -> Lives:
    """Four redemptions of skyways and one of harbour, over three days of March 2026.

    Positions: 1 submit, 2 dispatch, 3 confirm two, 4 reject one | 5 return one, 6 a part of the
    other | 7 fail what was rejected, 8 and 9 harbour's submit and cancel.
    """
    told = Lives(store, clock)
    first, second, third, _fourth = told.submit(100, 20, 7, 3)
    told.dispatch([first, second, third])
    told.step(Trigger.CONFIRM, [first, second])
    told.step(Trigger.REJECT, [third])
    clock.advance(days=1)
    told.step(Trigger.RETURN, [second])
    told.step(Trigger.RETURN_PART, [first], moved=30)
    clock.advance(days=1)
    told.step(Trigger.FAIL, [third])
    told.step(Trigger.CANCEL, told.submit(500, partner_id=2))
    return told


def everything(store: Store) -> Stretch:
    with store.read() as tx:
        return Stretch(0, extent(tx).newest)


def listed(store: Store, size: int = 100, **narrowed: object) -> list[Posting]:
    """All pages of postings."""
    values = {"programme": "aurora", "stretch": everything(store)} | narrowed
    wanted = PostingFilter(**values)  # type: ignore[arg-type]
    found: list[Posting] = []
    place = START
    while True:
        with store.read() as tx:
            page = postings.page(tx, wanted, place, size)
        found += page
        if len(page) < size:
            return found
        place = page[-1].place


def brief(found: Sequence[Posting]) -> list[str]:
    return [
        f"{one.position} {one.redemption_id} {one.debit}>{one.credit} {one.quantity}"
        for one in found
    ]


@pytest.mark.parametrize("size", [1, 2, 100])
def test_postings_come_in_the_journals_order(store: Store, lives: Lives, size: int) -> None:
    assert brief(listed(store, size)) == [
        "1 1 member>held 100",
        "1 2 member>held 20",
        "1 3 member>held 7",
        "1 4 member>held 3",
        "3 1 held>fulfilled 100",
        "3 2 held>fulfilled 20",
        "5 2 fulfilled>held 20",
        "6 1 fulfilled>member 30",
        "7 3 held>member 7",
        "8 5 member>held 500",
        "9 5 held>member 500",
    ]


@pytest.mark.parametrize(
    ("narrowed", "found"),
    [
        ({"partner": "harbour"}, [8, 9]),
        ({"unit": "cents"}, []),
        ({"accounts": [Account.FULFILLED]}, [3, 3, 5, 6]),
        ({"accounts": [Account.MEMBER], "partner": "skyways"}, [1, 1, 1, 1, 6, 7]),
        ({"member_ref": "member-2"}, [1, 3, 5]),
        ({"stretch": Stretch(3, 6)}, [5, 6]),
        ({"programme": "borealis"}, []),
    ],
)
def test_postings_are_narrowed(
    store: Store, lives: Lives, narrowed: dict[str, object], found: list[int]
) -> None:
    assert [one.position for one in listed(store, 2, **narrowed)] == found


def statement_lines(store: Store, member_ref: str, within: Stretch, size: int) -> list[Line]:
    """All pages of a statement; opening and closing are the same on each."""
    wanted = PostingFilter("aurora", within, member_ref=member_ref)
    found: list[Line] = []
    place, ends = START, set()
    while True:
        with store.read() as tx:
            page = member_statement(tx, wanted, place, size)
        ends.add((tuple(page.opening), tuple(page.closing)))
        assert len(ends) == 1
        found += page.lines
        if len(page.lines) < size:
            return found
        place = page.lines[-1].posting.place


@pytest.mark.parametrize("size", [1, 100])
def test_a_members_statement_runs_on(store: Store, lives: Lives, size: int) -> None:
    lines = statement_lines(store, "member-1", everything(store), size)
    stood = [(one.after.member, one.after.held, one.after.fulfilled) for one in lines]
    assert stood == [(-100, 100, 0), (-100, 0, 100), (-70, 0, 70)]


def test_a_statement_opens_and_closes_where_its_neighbours_do(store: Store, lives: Lives) -> None:
    with store.read() as tx:
        before, after = (
            member_statement(tx, PostingFilter("aurora", within, member_ref="member-1"), START, 100)
            for within in (Stretch(0, 3), Stretch(3, 9))
        )
    assert before.opening == []
    assert before.closing == after.opening == [before.lines[-1].after]
    assert [one.posting.position for one in after.lines] == [6]
    assert after.closing == [after.lines[-1].after]


def days(store: Store, zone: ZoneInfo = UTC_ZONE, within: Stretch | None = None) -> list[Day]:
    wanted = PostingFilter("aurora", within or everything(store), partner="skyways")
    with store.read() as tx:
        return partner_statement(tx, wanted, zone)


def test_a_partners_statement_goes_day_by_day(store: Store, lives: Lives) -> None:
    first, second = days(store)
    assert (first.on, first.confirmed, first.returned) == (
        date(2026, 3, 2),
        Tally(2, 120),
        Tally(0, 0),
    )
    assert (second.on, second.confirmed, second.returned) == (
        date(2026, 3, 3),
        Tally(0, 0),
        Tally(2, 50),
    )
    assert (first.net, second.net) == (Tally(2, 120), Tally(-2, -50))
    assert first.adjusted == first.written_off == Tally(0, 0)


def test_what_stands_behind_a_day_is_found_by_its_blocks(store: Store, lives: Lives) -> None:
    first, second = days(store)
    accounts = [Account.FULFILLED]
    behind = listed(store, partner="skyways", accounts=accounts, stretch=first.blocks)
    assert sum(one.quantity for one in behind) == first.confirmed.quantity
    behind = listed(store, partner="skyways", accounts=accounts, stretch=second.blocks)
    assert sum(one.quantity for one in behind) == second.returned.quantity


def test_variances_and_write_offs_stand_apart(store: Store, clock: FakeClock) -> None:
    told = Lives(store, clock)
    first, second = told.submit(100, 200)
    told.dispatch([first, second])
    told.step(Trigger.ADJUST, [first], moved=1)
    told.step(Trigger.CONFIRM, [first])
    told.step(Trigger.RELEASE, [second], moved=50)
    told.step(Trigger.CONFIRM, [second])
    (day,) = days(store)
    assert day.confirmed == Tally(2, 249)
    assert day.adjusted == Tally(1, 1)
    assert day.net == Tally(2, 249)


def test_days_are_those_of_the_zone(store: Store, clock: FakeClock) -> None:
    told = Lives(store, clock)
    (one,) = told.submit(10)
    told.dispatch([one])
    clock.set(datetime(2026, 3, 28, 23, 59, 59, 999_999, tzinfo=UTC))  # the day before DST begins
    told.step(Trigger.CONFIRM, [one])
    clock.set(datetime(2026, 3, 29, 23, 30, tzinfo=UTC))
    told.step(Trigger.RETURN_PART, [one], moved=1)
    assert [day.on.day for day in days(store)] == [28, 29]
    assert [day.on.day for day in days(store, LONDON)] == [28, 30]


def test_a_block_whose_clock_was_behind_counts_where_the_ledger_was(
    store: Store, clock: FakeClock
) -> None:
    told = Lives(store, clock)
    first, second = told.submit(10, 20)
    told.dispatch([first, second])
    clock.advance(days=1)
    told.step(Trigger.CONFIRM, [first])
    told.step(Trigger.CONFIRM, [second])
    with store.write() as tx:
        block = Block.__table__  # type: ignore[attr-defined]
        behind = sa.update(block).where(block.c.position == 4)
        tx.execute(behind.values(committed_at=clock.now() - timedelta(days=1)))
    (day,) = days(store)
    assert (day.on, day.confirmed) == (date(2026, 3, 3), Tally(2, 30))
    assert day.blocks == Stretch(2, 4)


def test_a_stretch_cuts_its_first_and_last_day(store: Store, lives: Lives) -> None:
    (day,) = days(store, within=Stretch(5, 7))
    assert (day.on, day.returned, day.blocks) == (date(2026, 3, 3), Tally(1, 30), Stretch(5, 6))
