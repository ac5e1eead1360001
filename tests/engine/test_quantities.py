"""What becomes of a redemption of which a partner credits another quantity, on both stores."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from agreements import source_of
from fake_clock import FakeClock
from handback.breaks.kinds import BreakKind
from handback.lifecycle.table import State, Trigger
from handback.partners import registry
from handback.reconcile import remainder
from handback.reconcile.decide import REMAINDERS
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import MemberDetail, Remainder
from world import Answer, Sent, World, counts, skyways_file

REMAINDER, DETAIL = table_of(Remainder), table_of(MemberDetail)


class Quantities(World):
    """Skyways, with terms on quantities, and one redemption that was sent."""

    def agree(self, partial: str, tolerance: int = 0) -> None:
        """Apply the terms."""
        terms = f'[quantity]\npartial = "{partial}"\n'
        if tolerance:
            terms += f"[quantity.tolerance]\nmiles = {tolerance}\n"
        source = source_of("skyways").replace("[payout]", f"{terms}\n[payout]", 1)
        registry.apply(self.store, self.clock, source, "tests")

    def credits(self, sent: Sent, quantity: int, sequence: int = 1, code: str = "0000") -> None:
        """The partner's file says that so much was credited."""
        answer = Answer(sent.reference, sent.member_ref, quantity, code)
        self.answer(skyways_file([answer], sequence), f"{sequence}.csv")

    def triggers(self, redemption_id: int) -> list[Trigger]:
        return [event.trigger for event in self.history(redemption_id)][2:]


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> Quantities:
    return Quantities(store, clock, tmp_path)


def test_a_part_waits_for_a_person_by_default(world: Quantities) -> None:
    world.apply("skyways")
    one, sent = world.sent_one(100)
    world.credits(sent, 60)
    assert world.states([one]) == ["awaiting_handback"]
    assert [found.kind for found in world.breaks()] == [BreakKind.QUANTITY_MISMATCH]
    world.assert_laws()


def test_the_remainder_goes_back_to_the_member(world: Quantities) -> None:
    world.agree("release")
    one, sent = world.sent_one(100)
    world.credits(sent, 60)
    view = world.get(one)
    assert (view.state, view.held, view.fulfilled) == (State.CONFIRMED, 0, 60)
    assert world.triggers(one) == [Trigger.RELEASE, Trigger.CONFIRM]
    assert world.balance() == {"member": -60, "fulfilled": 60}
    world.credits(sent, 60, sequence=2)
    assert world.triggers(one) == [Trigger.RELEASE, Trigger.CONFIRM]
    assert world.breaks() == []
    world.assert_laws()


def test_the_remainder_goes_out_again_as_a_redemption_of_its_own(world: Quantities) -> None:
    world.agree("resubmit")
    one, sent = world.sent_one(100)
    world.credits(sent, 60)
    with world.store.read() as tx:
        (link,) = tx.execute(sa.select(REMAINDER)).all()
        fields = dict(tx.execute(sa.select(DETAIL.c.redemption_id, DETAIL.c.fields)).all())
    assert (link.origin_id, link.attempt) == (one, 1)
    other = world.get(link.redemption_id)
    assert (other.state, other.quantity, other.held) == (State.SUBMITTED, 40, 40)
    assert other.member_ref == world.get(one).member_ref
    assert fields[other.redemption_id] == fields[one]
    assert world.balance() == {"member": -100, "held": 40, "fulfilled": 60}
    world.assert_laws()
    world.send()
    world.credits(world.sent(world.delivered()[-1])[-1], 40, sequence=2)
    assert world.states([one, other.redemption_id]) == ["confirmed", "confirmed"]
    assert world.balance() == {"member": -100, "fulfilled": 100}
    world.assert_laws()


@pytest.mark.parametrize("partial", ["review", "release", "resubmit"])
def test_a_little_less_is_let_be(world: Quantities, partial: str) -> None:
    world.agree(partial, tolerance=2)
    one, sent = world.sent_one(100)
    world.credits(sent, 98)
    assert world.triggers(one) == [Trigger.ADJUST, Trigger.CONFIRM]
    assert world.balance() == {"member": -100, "fulfilled": 98, "variance": 2}
    assert world.breaks() == []
    world.assert_laws()


def test_a_little_more_confirms_what_was_asked_for(world: Quantities) -> None:
    world.agree("review", tolerance=2)
    one, sent = world.sent_one(100)
    world.credits(sent, 102)
    assert world.balance() == {"member": -100, "fulfilled": 100}
    assert world.breaks() == []
    world.credits(sent, 102, sequence=2)
    assert world.triggers(one) == [Trigger.CONFIRM]
    world.assert_laws()


def test_much_more_confirms_what_was_asked_for_and_opens_a_break_once(world: Quantities) -> None:
    world.agree("release", tolerance=2)
    one, sent = world.sent_one(100)
    world.credits(sent, 140)
    assert world.states([one]) == ["confirmed"]
    assert world.balance() == {"member": -100, "fulfilled": 100}
    (found,) = world.breaks()
    assert (found.kind, found.quantity) == (BreakKind.OVER_CREDIT, 140)
    world.credits(sent, 140, sequence=2)
    assert len(world.breaks()) == 1
    world.assert_laws()


def test_a_part_of_a_late_confirmation_takes_the_retry_back(world: Quantities) -> None:
    world.agree("release")
    one, sent = world.sent_one(100)
    world.credits(sent, 100, code="0301")
    assert world.states([one]) == ["retrying"]
    world.credits(sent, 60, sequence=2)
    assert world.states([one]) == ["confirmed"]
    world.clock.advance(timedelta(days=1))
    assert len(world.send()) == 1
    world.assert_laws()


def test_a_confirmation_of_nothing_is_none(world: Quantities) -> None:
    world.agree("release", tolerance=200)
    one, sent = world.sent_one(100)
    world.credits(sent, 0)
    assert world.states([one]) == ["awaiting_handback"]
    assert [found.kind for found in world.breaks()] == [BreakKind.QUANTITY_MISMATCH]


def test_parts_in_one_file_are_counted_once(world: Quantities) -> None:
    world.agree("resubmit")
    ids = world.submit(100, 50)
    world.send()
    first, second = world.sent(world.delivered()[-1])
    answers = [
        Answer(first.reference, first.member_ref, 60, "0000"),
        Answer(second.reference, second.member_ref, 50, "0000"),
    ]
    file = world.answer(skyways_file(answers))
    assert counts(world.report(file.file_id))["events"] == (2, 110)
    assert world.states(ids) == ["confirmed", "confirmed"]
    world.assert_laws()


def test_a_whole_chunk_of_remainders_goes_out_again(world: Quantities) -> None:
    world.agree("resubmit")
    origins = world.submit(*[100] * 1_100)
    left = pl.DataFrame({"redemption_id": origins}).with_columns(
        attempt=1, quantity=10, programme_id=1, partner_id=1, unit_id=1, member_ref=pl.lit("M")
    )
    with world.store.write() as tx:
        if world.store.dialect.serial_commits:
            # As many as any SQLite takes would make the test slow.
            driver = tx.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 1_000)
        linked = remainder.submit(world.store, tx, left.cast(REMAINDERS), world.clock.now())
        remainder.link(world.store, tx, linked)
        born = linked.births["redemption_id"].to_list()
        known = tx.execute(sa.select(DETAIL).where(DETAIL.c.redemption_id >= born[0])).all()
    assert {row.redemption_id for row in known} == set(born)
    assert {row.fields for row in known} == {'{"surname":"Example"}'}
