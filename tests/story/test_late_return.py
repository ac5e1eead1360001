"""The return after six weeks: long confirmed, its month closed, and then the money comes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest

from handback_client.models import Break, Redemption
from handback_client.models.ledger import Period, StatementDay
from handback_server.demo.layouts import Request
from story.stage import Stage

PAID, RETURNED = "A", "V"


@dataclass
class March:
    """Two payments of March, and what the books of March say of them."""

    stage: Stage
    redemption: Redemption
    paid: Request
    bill: StatementDay
    period: Period


@pytest.fixture
def march(stage: Stage) -> March:
    """Both were paid, and March is closed."""
    stage.agree("northbank")
    redemption, other = stage.submit("northbank", 25_000, 8_000)
    stage.work()
    paid, other_paid = stage.northbank.letters()
    stage.northbank.answer((paid, PAID), (other_paid, PAID))
    assert stage.states([redemption, other]) == ["confirmed", "confirmed"]

    # March is over, and closed. The bank's bill for March is what the ledger says it paid.
    stage.clock.set(datetime(2026, 4, 1, 8, tzinfo=UTC))
    period = stage.ada.ledger.close_period("2026-03")
    (bill,) = stage.ada.ledger.invoice("northbank", period="2026-03").days
    assert (bill.on, bill.net.count, bill.net.quantity) == (date(2026, 3, 2), 2, 33_000)
    assert list(stage.ada.ledger.liability(as_of="2026-03")) == []
    return March(stage, redemption, paid, bill, period)


def come_back(march: March) -> Break:
    """The payment comes back, more than once, and is given up: the break that was about it."""
    stage, redemption, paid = march.stage, march.redemption, march.paid

    # Six weeks after the payment it comes back: the account had been closed.
    stage.clock.set(datetime(2026, 4, 13, 12, tzinfo=UTC))
    stage.northbank.answer((paid, RETURNED), day="20260413")
    assert stage.states([redemption]) == ["rejected"]
    (found,) = stage.ada.breaks.list()
    assert (found.kind, found.redemption_id) == ("returned", redemption.redemption_id)

    # The same return in the next file, and under another name, is the same return.
    stage.northbank.answer((paid, RETURNED), day="20260414")
    assert stage.states([redemption]) == ["rejected"]
    assert stage.open_breaks() == ["returned"]

    # The value is held again, and goes back to the member once: when somebody says so.
    (balance,) = stage.ada.ledger.balances()
    assert (balance.member, balance.held, balance.fulfilled) == (-33_000, 25_000, 8_000)
    (outcome,) = stage.ada.breaks.resolve(
        "fail", [found.break_id], comment="the member wants the points"
    ).outcomes
    assert outcome.found is not None
    assert (outcome.found.resolution, stage.states([redemption])) == ("failed", ["failed"])
    stage.work()
    stage.northbank.answer((paid, RETURNED), day="20260415")
    (balance,) = stage.ada.ledger.balances()
    assert (balance.member, balance.held, balance.fulfilled) == (-8_000, 0, 8_000)
    return found


def test_the_return_after_six_weeks(march: March) -> None:
    stage, redemption = march.stage, march.redemption
    found = come_back(march)

    # March stays what it was; April has the return, and the bank owes us for it.
    april = stage.ada.ledger.close_period("2026-04")
    assert (april.after_position, stage.ada.ledger.close_period("2026-04").replayed) == (
        march.period.position,
        True,
    )
    (again,) = stage.ada.ledger.invoice("northbank", period="2026-03").days
    assert again == march.bill
    (later,) = stage.ada.ledger.invoice("northbank", period="2026-04").days
    assert (later.on, later.returned.quantity, later.net.quantity) == (
        date(2026, 4, 13),
        25_000,
        -25_000,
    )
    (frozen,) = stage.ada.ledger.balances(as_of="2026-03")
    assert (frozen.held, frozen.fulfilled) == (0, 33_000)

    # The member reads both months: given in March, had back in April, once.
    first = stage.ada.ledger.statement(redemption.member_ref, period="2026-03")
    second = stage.ada.ledger.statement(redemption.member_ref, period="2026-04")
    assert [str(line.posting.trigger) for line in first.lines] == ["submit", "confirm"]
    assert [str(line.posting.trigger) for line in second.lines] == ["return", "fail"]
    assert first.closing == second.opening
    assert [(one.member, one.held, one.fulfilled) for one in first.closing] == [
        (-25_000, 0, 25_000)
    ]
    assert [(one.member, one.held, one.fulfilled) for one in second.closing] == [(0, 0, 0)]
    returned = second.lines[0].posting
    assert (returned.file_id, returned.ordinal) == (found.file_id, found.ordinal)
    stage.assert_laws()
