"""What became of a batch adds up, whatever a partner credits of it, on both stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from agreements import source_of
from deciding import Desk
from fake_clock import FakeClock
from handback.breaks.decisions import Decision
from handback.partners import registry
from handback.payouts.queries import BatchFilter, BatchReport, Share, page, reports
from handback.resolutions.deciding import Wanted
from handback.store.session import Store
from reported import reported
from world import PROGRAMME, Answer, Sent, World, skyways_file

OK, DEAD, RETURNED = "0000", "0201", "0601"
NOTHING = Share(0, 0)


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> World:
    return World(store, clock, tmp_path)


def sent_under(world: World, terms: str, *quantities: int) -> list[Sent]:
    """What was sent under terms on quantities."""
    source = source_of("skyways").replace("[payout]", f"[quantity]\n{terms}\n[payout]", 1)
    registry.apply(world.store, world.clock, source, "tests")
    world.submit(*quantities)
    (file,) = world.send()
    return world.sent(file)


def report_of(world: World, *answers: tuple[Sent, int, str], sequence: int = 1) -> BatchReport:
    """How the batch stands once a file has credited so much of what was sent."""
    told = [Answer(sent.reference, sent.member_ref, named, code) for sent, named, code in answers]
    world.answer(skyways_file(told, sequence), f"{sequence}.csv")
    return assert_adds_up(world)


def assert_adds_up(world: World) -> BatchReport:
    """The first batch: its parts are what was sent, in every report of it."""
    with world.store.read() as tx:
        (batch, *_) = page(tx, BatchFilter(PROGRAMME), 0, 1)
        (found,) = reports(tx, [batch.batch_id])
    parts = (found.confirmed, found.rejected, found.open)
    assert found.sent.count == sum(part.count for part in parts)
    assert found.sent.quantity == sum(part.quantity for part in parts) + found.remainder.quantity
    row = reported(world, "batches").rows[0]
    for name, part in zip(("confirmed", "rejected", "pending"), parts, strict=True):
        assert (row[name], row[f"{name}_quantity"]) == (part.count, part.quantity)
    assert row["remainder_quantity"] == found.remainder.quantity
    world.assert_laws()
    return found


def decide(world: World, desk: Desk, wanted: Wanted) -> None:
    """Close the one open break as two persons decide, or one where one may."""
    (found,) = world.breaks()
    if desk.resolve(found.break_id, wanted).proposed:
        desk.approve(found.break_id)


@pytest.mark.parametrize(
    ("partial", "confirmed", "pending", "remainder"),
    [
        ("review", Share(1, 200), Share(2, 150), NOTHING),
        ("release", Share(2, 260), Share(1, 50), Share(1, 40)),
        ("resubmit", Share(2, 260), Share(1, 50), Share(1, 40)),
    ],
)
def test_a_partial_credit_counts_with_what_was_credited(
    world: World, partial: str, confirmed: Share, pending: Share, remainder: Share
) -> None:
    part, whole, dead, _ = sent_under(world, f'partial = "{partial}"', 100, 200, 300, 50)
    found = report_of(world, (part, 60, OK), (whole, 200, OK), (dead, 300, DEAD))
    assert found.sent == Share(4, 650)
    assert (found.confirmed, found.rejected, found.open) == (confirmed, Share(1, 300), pending)
    assert found.remainder == remainder


def test_what_is_let_be_is_of_the_remainder(world: World) -> None:
    (sent,) = sent_under(world, "tolerance = { miles = 2 }", 100)
    found = report_of(world, (sent, 99, OK))
    assert (found.confirmed, found.remainder) == (Share(1, 99), Share(1, 1))


def test_of_a_credit_that_came_back_only_that_is_rejected(world: World) -> None:
    (sent,) = sent_under(world, 'partial = "release"', 100)
    report_of(world, (sent, 60, OK))
    found = report_of(world, (sent, 60, RETURNED), sequence=2)
    assert (found.rejected, found.remainder) == (Share(1, 60), Share(1, 40))


@pytest.mark.parametrize(
    "decision", [Decision.CONFIRM, Decision.ACCEPT_VARIANCE, Decision.WRITE_OFF]
)
def test_what_two_persons_book_otherwise_is_of_the_remainder(
    world: World, desk: Desk, decision: Decision
) -> None:
    (sent,) = sent_under(world, 'partial = "review"', 100)
    world.answer(skyways_file([Answer(sent.reference, sent.member_ref, 60, OK)]))
    decide(world, desk, Wanted(decision))
    batch = assert_adds_up(world)
    assert (batch.confirmed, batch.remainder) == (Share(1, 60), Share(1, 40))


@pytest.mark.parametrize("decision", [Decision.REINSTATE, Decision.WRITE_OFF])
def test_what_was_given_back_and_yet_credited_is_confirmed(
    world: World, desk: Desk, decision: Decision
) -> None:
    (sent,) = sent_under(world, 'partial = "review"', 100)
    world.answer(skyways_file([Answer(*sent, DEAD)], 1), "1.csv")
    world.answer(skyways_file([Answer(*sent, OK)], 2), "2.csv")
    decide(world, desk, Wanted(decision))
    batch = assert_adds_up(world)
    assert (batch.confirmed, batch.rejected, batch.remainder) == (Share(1, 100), NOTHING, NOTHING)


@pytest.mark.parametrize("decision", [Decision.REINSTATE, Decision.WRITE_OFF])
def test_of_what_was_given_back_only_what_was_credited_is_confirmed(
    world: World, desk: Desk, decision: Decision
) -> None:
    (sent,) = sent_under(world, 'partial = "review"', 100)
    world.answer(skyways_file([Answer(*sent, DEAD)], 1), "1.csv")
    report_of(world, (sent, 60, OK), sequence=2)
    decide(world, desk, Wanted(decision))
    batch = assert_adds_up(world)
    assert (batch.confirmed, batch.remainder) == (Share(1, 60), Share(1, 40))


def test_the_last_credit_counts_whatever_was_left_of_an_earlier_one(
    world: World, desk: Desk
) -> None:
    (sent,) = sent_under(world, 'partial = "release"', 100)
    report_of(world, (sent, 60, OK))
    report_of(world, (sent, 60, RETURNED), sequence=2)
    decide(world, desk, Wanted(Decision.FAIL))
    report_of(world, (sent, 100, OK), sequence=3)
    decide(world, desk, Wanted(Decision.REINSTATE, quantity=100))
    batch = assert_adds_up(world)
    assert (batch.confirmed, batch.remainder) == (Share(1, 100), NOTHING)
    found = report_of(world, (sent, 30, RETURNED), sequence=4)
    assert (found.confirmed, found.remainder) == (Share(1, 70), Share(1, 30))
