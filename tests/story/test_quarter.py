"""A quarter's payout run: three partners, from the submission to the close of the quarter."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from handback_client.models import Balance, Tally
from story.stage import Stage

TUESDAY = datetime(2026, 3, 31, 9, tzinfo=UTC)
QUARTER, NEXT = "2026-Q1", "2026-Q2"


@pytest.fixture
def run(stage: Stage) -> Stage:
    """What stands on the last day of the quarter, when partners have answered what they will.

    Skyways credits two of three and has closed the account of one; northbank pays one and leaves
    one to us; staywell books one and says nothing of the other.
    """
    stage.clock.set(TUESDAY)
    for partner in ("skyways", "northbank", "staywell"):
        stage.agree(partner)
    stage.submit("skyways", 5_000, 7_000, 9_000)
    stage.submit("northbank", 10_000, 20_000)
    stage.submit("staywell", 2, 3)
    stage.work()
    flights, payments, nights = (
        desk.letters() for desk in (stage.skyways, stage.northbank, stage.staywell)
    )
    stage.skyways.answer(*zip(flights, ("0000", "0000", "0201"), strict=True), day="20260331")
    stage.northbank.answer(*zip(payments, ("A", "R/02"), strict=True), day="20260331")
    stage.staywell.answer((nights[0], "ACCEPTED"), day="20260331")
    return stage


def test_the_quarter_is_closed_and_its_reports_agree(run: Stage) -> None:
    states = Counter((one.partner, str(one.state)) for one in run.ada.list())
    assert states == {
        ("skyways", "confirmed"): 2,
        ("skyways", "failed"): 1,
        ("northbank", "confirmed"): 1,
        ("northbank", "rejected"): 1,
        ("staywell", "confirmed"): 1,
        ("staywell", "awaiting_handback"): 1,
    }
    assert run.open_breaks() == ["review"]

    # Batch by batch, what was sent is credited, rejected or still to come: nothing is missing.
    lines = {str(row["partner"]): row for row in run.report("batches")}
    shares = ("sent_quantity", "confirmed_quantity", "rejected_quantity", "pending_quantity")
    assert {partner: [row[one] for one in shares] for partner, row in lines.items()} == {
        "skyways": [21_000, 12_000, 9_000, 0],
        "northbank": [30_000, 10_000, 20_000, 0],
        "staywell": [5, 2, 0, 3],
    }
    for row in lines.values():
        own = run.ada.batches.report(str(row["batch_id"]))
        assert own.sent.quantity == row["sent_quantity"]
        assert own.confirmed.quantity == row["confirmed_quantity"]

    # The quarter ends. Each partner's bill is what the batches say that it credited.
    closed = run.ada.ledger.close_period(QUARTER)
    for partner, row in lines.items():
        (bill,) = run.ada.ledger.invoice(partner, period=QUARTER).days
        assert (bill.net.count, bill.net.quantity) == (row["confirmed"], row["confirmed_quantity"])

    # What is owed is explained, redemption by redemption: one undecided, one not answered.
    owed = {
        (one.unit, str(one.standing)): one.total
        for one in run.ada.ledger.liability(by="standing", as_of=QUARTER)
    }
    assert {key: (total.count, total.quantity) for key, total in owed.items()} == {
        ("cad_cents", "undecided"): (1, 20_000),
        ("nights", "sent"): (1, 3),
    }
    balances = {one.partner: one for one in run.ada.ledger.balances(as_of=QUARTER)}
    assert balances["skyways"].held == 0
    assert [balances[one].held for one in ("northbank", "staywell")] == [20_000, 3]
    for one in balances.values():
        assert one.member + one.held + one.fulfilled + one.variance + one.written_off == 0
    opened = {one.redemption_id for one in run.ada.ledger.open(as_of=QUARTER)}
    assert opened == {
        one.redemption_id for one in run.ada.list(states=["rejected", "awaiting_handback"])
    }
    assert [one.position for one in run.ada.ledger.periods()] == [closed.position]
    run.assert_laws()


def test_what_comes_after_the_close_is_the_next_quarters(run: Stage) -> None:
    run.ada.ledger.close_period(QUARTER)

    def first_quarter() -> tuple[list[Balance], list[Tally]]:
        ledger = run.ada.ledger
        owed = [one.total for one in ledger.liability(by="standing", as_of=QUARTER)]
        return list(ledger.balances(as_of=QUARTER)), owed

    before = first_quarter()
    assert sum(one.quantity for one in before[1]) == 20_003
    (silent,) = run.ada.list(states=["awaiting_handback"])
    (undecided,) = run.ada.breaks.list()

    # In April staywell books the last nights, and the bank's customer has the money back.
    run.clock.set(datetime(2026, 4, 7, 9, tzinfo=UTC))
    (late,) = (one for one in run.staywell.seen if one.number == int(silent.member_ref[1:]))
    run.staywell.answer((late, "ACCEPTED"), day="20260407")
    run.ada.breaks.resolve("fail", [undecided.break_id], comment="no other account")
    run.work()
    assert list(run.ada.ledger.liability()) == []
    assert run.open_breaks() == []

    # The first quarter says what it said; the second has one bill, and nothing is left open.
    assert first_quarter() == before
    run.ada.ledger.close_period(NEXT)
    assert list(run.ada.ledger.liability(as_of=NEXT)) == []
    (bill,) = run.ada.ledger.invoice("staywell", period=NEXT).days
    assert bill.net.quantity == 3
    assert run.ada.ledger.invoice("skyways", period=NEXT).days == ()
    moved = [
        (one.partner, str(one.trigger), one.quantity)
        for one in run.ada.ledger.postings(period=NEXT)
    ]
    assert sorted(moved) == [("northbank", "fail", 20_000), ("staywell", "confirm", 3)]
    run.assert_laws()
