"""What becomes of a redemption of which a partner takes off a fee, on both stores."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from agreements import source_of
from deciding import Desk
from fake_clock import FakeClock
from handback.breaks.decisions import Decision
from handback.breaks.kinds import BreakKind
from handback.errors import NotFound
from handback.ids import Prefix, attempt_key, public_id
from handback.intake import queries
from handback.intake.records import records
from handback.lifecycle.table import State, Trigger
from handback.partners import registry
from handback.payouts.gather import gather
from handback.reconcile.sweep import sweep_round
from handback.resolutions.deciding import Wanted
from handback.resolutions.resolve import Resolving
from handback.store.session import Store
from reported import assert_followed_down, reported
from world import PROGRAMME, Answer, Sent, World, counts, skyways_file

CODE = '{ name = "code", at = 5, type = "code", required = true },'
MATCH = '[["reference_key"], ["reference", "quantity", "member"]]'


class Fees(World):
    """Skyways, whose records name a fee in a cell more, and may leave out the quantity."""

    def agree(self, terms: str, match: str = MATCH) -> None:
        """Apply terms on quantities."""
        head, inbound = source_of("skyways").split("[formats.handback]")
        head = head.replace("[payout]", f"[quantity]\n{terms}\n[payout]", 1).replace(MATCH, match)
        inbound = inbound.replace(
            'at = 4, type = "integer", required = true', 'at = 4, type = "integer"'
        )
        inbound = inbound.replace(CODE, f'{CODE}\n  {{ name = "fee", at = 8, type = "integer" }},')
        registry.apply(self.store, self.clock, f"{head}[formats.handback]{inbound}", "tests")

    def says(
        self,
        sent: Sent,
        quantity: int | None,
        fee: int | None,
        sequence: int = 1,
        code: str = "0000",
    ) -> dict[str, int]:
        """The partner's file names this quantity and this fee; what its record became."""
        answer = Answer(sent.reference, sent.member_ref, quantity or 0, code)
        line = answer.line if quantity is not None else answer.line.replace(",0,", ",,", 1)
        told = "" if fee is None else str(fee)
        content = skyways_file([answer], sequence).decode().replace(answer.line, f"{line},{told}")
        file = self.answer(content.encode(), f"{sequence}.csv")
        became = counts(self.report(file.file_id))
        return {name: of[1] for name, of in became.items() if of[0] and name != "records"}

    def triggers(self, redemption_id: int) -> list[Trigger]:
        return [event.trigger for event in self.history(redemption_id)][2:]


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> Fees:
    return Fees(store, clock, tmp_path)


def test_a_fee_that_counts_as_credited_makes_the_quantity_whole(world: Fees) -> None:
    world.agree('fee = "credited"')
    one, sent = world.sent_one(1000)
    assert world.says(sent, 950, 50) == {"events": 1000}
    assert world.triggers(one) == [Trigger.CONFIRM]
    assert world.balance() == {"member": -1000, "fulfilled": 1000}
    assert world.says(sent, 950, 50, sequence=2) == {"repeats": 1000}
    assert world.breaks() == []
    world.assert_laws()


def test_a_fee_that_counts_as_short_leaves_a_part(world: Fees) -> None:
    world.agree('partial = "release"\nfee = "short"')
    one, sent = world.sent_one(1000)
    assert world.says(sent, 950, 50) == {"events": 950}
    assert world.triggers(one) == [Trigger.RELEASE, Trigger.CONFIRM]
    assert world.balance() == {"member": -950, "fulfilled": 950}
    assert world.says(sent, 950, 50, sequence=2) == {"repeats": 950}
    world.assert_laws()


@pytest.mark.parametrize(("quantity", "fee"), [(900, 50), (1000, 50), (950, None), (950, 0)])
def test_what_quantity_and_fee_do_not_explain_is_for_a_person(
    world: Fees, quantity: int, fee: int | None
) -> None:
    world.agree("")
    _, sent = world.sent_one(1000)
    named = quantity + (fee or 0)
    over = named > 1000
    assert world.says(sent, quantity, fee) == {"events" if over else "breaks": named}
    (found,) = world.breaks()
    assert found.kind is (BreakKind.OVER_CREDIT if over else BreakKind.QUANTITY_MISMATCH)
    assert found.facts["named_quantity"] == str(named)
    assert found.facts.get("named_fee") == (None if fee is None else str(fee))
    assert world.balance() == {"member": -1000, "fulfilled" if over else "held": 1000}
    world.assert_laws()


@pytest.mark.parametrize(("agreed", "again"), [("short", 900), ("credited", 850)])
def test_another_fee_opens_no_second_break_where_the_same_counts(
    world: Fees, agreed: str, again: int
) -> None:
    world.agree(f'fee = "{agreed}"')
    _, sent = world.sent_one(1000)
    counted = 900 if agreed == "short" else 950
    assert world.says(sent, 900, 50) == {"breaks": counted}
    assert world.says(sent, again, 100, sequence=2) == {"repeats": counted}
    (found,) = world.breaks()
    assert (found.kind, found.facts["named_fee"]) == (BreakKind.QUANTITY_MISMATCH, "50")
    world.assert_laws()


def test_fees_off_an_unknown_quantity_are_told_apart(world: Fees) -> None:
    world.agree("")
    _, sent = world.sent_one(1000)
    assert world.says(sent, None, 50) == {"breaks": 1000}
    assert world.says(sent, None, 50, sequence=2) == {"repeats": 1000}
    assert world.says(sent, None, 60, sequence=3) == {"breaks": 1000}
    world.assert_laws()


def test_without_a_fee_nothing_changes(world: Fees) -> None:
    world.agree("")
    one, sent = world.sent_one(1000)
    assert world.says(sent, 1000, None) == {"events": 1000}
    assert world.triggers(one) == [Trigger.CONFIRM]


@pytest.mark.parametrize("fee", ["credited", "short"])
def test_a_fee_off_an_unknown_quantity_is_for_a_person(world: Fees, fee: str) -> None:
    world.agree(f'fee = "{fee}"')
    one, sent = world.sent_one(1000)
    assert world.says(sent, None, 50) == {"breaks": 1000}
    assert [found.kind for found in world.breaks()] == [BreakKind.UNKNOWN_QUANTITY]
    assert world.says(sent, None, 0, sequence=2) == {"events": 1000}
    assert world.states([one]) == ["confirmed"]
    world.assert_laws()


def test_a_return_with_its_fee_is_whole_again(world: Fees) -> None:
    world.agree("")
    one, sent = world.sent_one(1000)
    world.says(sent, 950, 50)
    assert world.says(sent, 990, 10, sequence=2, code="0601") == {"events": 1000}
    assert world.get(one).state is State.REJECTED
    assert world.balance() == {"member": -1000, "held": 1000}
    world.assert_laws()


def test_a_rule_by_quantity_finds_what_was_asked_for(world: Fees) -> None:
    world.agree("", match='[["member", "quantity"]]')
    one, sent = world.sent_one(1000)
    assert world.says(sent._replace(reference="any"), 950, 50) == {"events": 1000}
    assert world.states([one]) == ["confirmed"]
    world.assert_laws()


def test_a_fee_is_kept_for_an_answer_that_came_too_early(world: Fees) -> None:
    world.agree("")
    (one,) = world.submit(1000)
    gather(world.store, world.landing, world.agreements, world.clock, PROGRAMME, "skyways")
    early = Sent(f"HB{attempt_key(one, 1):018}", world.get(one).member_ref, 1000)
    assert world.says(early, None, 50) == {"breaks": 1000}
    assert [found.kind for found in world.breaks()] == [BreakKind.EARLY_ANSWER]
    world.send()
    sweep_round(world.store, world.agreements, world.clock)
    assert [found.kind for found in world.breaks()] == [BreakKind.UNKNOWN_QUANTITY]
    world.assert_laws()


def test_a_fee_is_kept_for_a_record_that_a_person_links(world: Fees) -> None:
    world.agree("")
    one, sent = world.sent_one(1000)
    assert world.says(sent._replace(reference="stray"), 950, 50) == {"breaks": 1000}
    desk = Desk(world, Resolving(world.store, world.clock, world.agreements))
    (found,) = world.breaks()
    desk.propose(found.break_id, Wanted(Decision.LINK, redemption_id=one))
    desk.approve(found.break_id)
    assert world.states([one]) == ["confirmed"]
    assert world.breaks() == []
    world.assert_laws()


def test_the_records_of_a_file_tell_their_fees(world: Fees) -> None:
    world.agree("")
    _, sent = world.sent_one(1000)
    world.says(sent, 950, 50)
    found = pl.concat(records(world.desk, world.file(1)))
    assert found.select("quantity", "fee").rows() == [(1000, 50)]


def test_fees_are_summed_by_partner_unit_and_month(world: Fees) -> None:
    world.agree("")
    _, first = world.sent_one(1000)
    _, second = world.sent_one(500)
    world.says(first, 950, 50)
    world.says(first, 950, 50, sequence=2)
    world.says(second, 400, 7, sequence=3)
    world.clock.advance(timedelta(days=40))
    _, third = world.sent_one(200)
    world.says(third, 180, 20, sequence=4)
    world.says(third, 190, 10, sequence=5, code="0601")
    _, without = world.sent_one(300)
    world.says(without, 300, 0, sequence=6)
    found = reported(world, "fees")
    told = [
        (row["period"], row["unit"], row["became"], row["records"], row["fee"], row["quantity"])
        for row in found.rows
    ]
    march, april = date(2026, 3, 1), date(2026, 4, 1)
    assert told == [
        (march, "miles", "break", 1, 7, 407),
        (march, "miles", "confirm", 1, 50, 1000),
        (april, "miles", "confirm", 1, 20, 200),
        (april, "miles", "return", 1, 10, 200),
    ]
    assert found.total("fee") == 87
    assert assert_followed_down(world, "fees") == 12
    assert assert_followed_down(world, "fees", by="day", zone="Pacific/Auckland") == 12
    assert reported(world, "fees", from_="2026-05-01").rows == []
    assert reported(world, "fees", unit="points").rows == []


def test_files_that_name_no_fees_are_not_read_for_them(world: Fees) -> None:
    world.apply("skyways")
    _, sent = world.sent_one(1000)
    world.answer(skyways_file([Answer(*sent, "0000")]))
    with world.store.read() as tx:
        key = queries.get(tx, PROGRAMME, 1).landing_key
    world.landing.remove(key, before=datetime(9999, 1, 1, tzinfo=UTC))
    with pytest.raises(NotFound):
        reported(world, "records", file=public_id(Prefix.HANDBACK_FILE, 1))
    assert reported(world, "fees").rows == []
