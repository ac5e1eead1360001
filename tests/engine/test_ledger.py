"""Balances: what the postings add up to, now and at any position."""

from __future__ import annotations

import pytest

from fake_clock import FakeClock
from handback.errors import CursorAhead
from handback.ledger.accounts import Balance
from handback.ledger.queries import BalanceFilter, page
from handback.lifecycle.table import Trigger
from handback.store.session import Store
from lives import Lives

AURORA = BalanceFilter("aurora")


@pytest.fixture
def lives(store: Store, clock: FakeClock) -> Lives:
    """Positions 1 to 7: three submits, a dispatch, a rejection, a confirmation, a failure."""
    told = Lives(store, clock)
    first, second = told.submit(100, 20)
    told.submit(7, unit_id=2)
    told.submit(3, partner_id=2)
    told.dispatch([first, second])
    told.step(Trigger.REJECT, [second])
    told.step(Trigger.CONFIRM, [first])
    told.step(Trigger.FAIL, [second])
    return told


def balances(
    store: Store, wanted: BalanceFilter, after: tuple[str, str] = ("", ""), size: int = 100
) -> list[tuple[str, str, int, int, int]]:
    """A page of balances as (partner, unit, member, held, fulfilled)."""
    with store.read() as tx:
        found = page(tx, wanted, after, size)
    assert {balance.programme for balance in found} <= {"aurora"}
    return [(one.partner, one.unit, one.member, one.held, one.fulfilled) for one in found]


def test_balances_follow_partner_and_unit(store: Store, lives: Lives) -> None:
    assert balances(store, AURORA) == [
        ("harbour", "miles", -3, 3, 0),
        ("skyways", "cents", -7, 7, 0),
        ("skyways", "miles", -100, 0, 100),
    ]


def test_a_balance_is_plain_integers(store: Store, lives: Lives) -> None:
    with store.read() as tx:
        (balance,) = page(tx, BalanceFilter("aurora", partner="harbour"))
    assert balance == Balance(
        "aurora",
        "harbour",
        "miles",
        member=-3,
        held=3,
        fulfilled=0,
        variance=0,
        written_off=0,
        open_redemptions=1,
        confirmed_redemptions=0,
    )
    assert type(balance.held) is int


@pytest.mark.parametrize(
    ("position", "skyways_miles"),
    [
        (1, (-120, 120, 0)),
        (5, (-120, 120, 0)),
        (6, (-120, 20, 100)),
        (7, (-100, 0, 100)),
        (None, (-100, 0, 100)),
    ],
)
def test_a_balance_can_be_asked_for_at_any_position(
    store: Store, lives: Lives, position: int | None, skyways_miles: tuple[int, int, int]
) -> None:
    wanted = BalanceFilter("aurora", "skyways", "miles", at_position=position)
    assert balances(store, wanted) == [("skyways", "miles", *skyways_miles)]


def test_nothing_was_posted_before_the_first_position(store: Store, lives: Lives) -> None:
    assert balances(store, BalanceFilter("aurora", at_position=0)) == []


def test_a_position_after_the_newest_is_refused(store: Store, lives: Lives) -> None:
    with store.read() as tx, pytest.raises(CursorAhead) as refused:
        page(tx, BalanceFilter("aurora", at_position=8))
    assert refused.value.facts == {"cursor": "8", "position": "7"}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (BalanceFilter("aurora", partner="skyways"), ["skyways/cents", "skyways/miles"]),
        (BalanceFilter("aurora", unit="miles"), ["harbour/miles", "skyways/miles"]),
        (BalanceFilter("aurora", partner="harbour", unit="cents"), []),
        (BalanceFilter("borealis"), []),
    ],
)
def test_filters_narrow(
    store: Store, lives: Lives, wanted: BalanceFilter, found: list[str]
) -> None:
    assert [f"{partner}/{unit}" for partner, unit, *_ in balances(store, wanted)] == found


def test_pages_follow_one_another_without_a_gap(store: Store, lives: Lives) -> None:
    first = balances(store, AURORA, size=2)
    second = balances(store, AURORA, after=first[-1][:2], size=2)
    assert first + second == balances(store, AURORA)
    assert balances(store, AURORA, after=second[-1][:2]) == []
