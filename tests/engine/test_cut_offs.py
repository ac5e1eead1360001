"""When what is due is gathered, how much fits a file and a day, and what is kept apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from engine.test_plans import overheard
from fake_clock import FakeClock
from handback.breaks.kinds import BreakKind
from handback.errors import LimitReached
from handback.exchange.streams import Fingerprint
from handback.payouts import gather, lanes, rounds
from handback.redemptions.draft import Outcome
from handback.redemptions.requests import Cancel, Submit
from handback.store.session import Store
from paying import NAME, Paying
from world import PROGRAMME

TWICE = 'cut_offs = ["11:00", "16:30"]'
# Monday 2 March 2026, in London as in UTC.
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
PRODUCT = {"[fields]": '[fields]\nproduct = "required"'}


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> Paying:
    return Paying(store, clock, tmp_path)


def monday(hour: int, minute: int = 0) -> datetime:
    return MONDAY + timedelta(hours=hour, minutes=minute)


class TestCutOffs:
    def test_what_is_due_by_a_cut_off_is_gathered_then_and_no_sooner(self, world: Paying) -> None:
        world.agree(TWICE)
        world.clock.set(monday(10))
        world.submit(1)
        assert world.rounds() == 0
        world.clock.set(monday(11))
        world.submit(2)
        world.clock.set(monday(11, 5))
        world.submit(3)
        assert world.rounds() == 1
        assert world.rounds() == 0
        world.clock.set(monday(16, 30))
        assert world.rounds() == 1
        assert world.quantities() == [[1, 2], [3]]
        assert [one.due_by for one in world.batches()] == [monday(11), monday(16, 30)]
        world.assert_laws()

    def test_a_cut_off_that_nobody_was_there_for_is_made_up_for(self, world: Paying) -> None:
        world.agree(TWICE)
        world.clock.set(monday(16))
        world.submit(1)
        # Nobody works on Saturday, and a server that comes back then gathers for Friday.
        world.clock.set(monday(24 * 5 + 9))
        world.submit(2)
        assert world.rounds() == 1
        (batch,) = world.batches()
        assert batch.due_by == monday(24 * 4 + 16, 30)
        assert batch.file_name == "SKY_20260306_000001.csv"
        world.clock.set(monday(24 * 7 + 11))
        assert world.rounds() == 1
        assert world.quantities() == [[1], [2]]

    def test_nobody_looks_through_what_came_after_it(
        self, world: Paying, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.agree(TWICE)
        world.clock.set(monday(11, 5))
        world.submit(1)
        with monkeypatch.context() as patch:
            patch.setattr(rounds, "gather", lambda *_, **__: pytest.fail("it was gathered"))
            assert world.rounds() == 0
        world.clock.set(monday(16, 30))
        assert world.rounds() == 1

    def test_an_operator_need_not_wait(self, world: Paying) -> None:
        world.agree(TWICE)
        world.clock.set(monday(12))
        world.submit(1)
        assert len(world.seal()) == 1

    def test_without_cut_offs_the_interval_counts(self, world: Paying) -> None:
        world.agree()
        world.submit(1)
        assert world.rounds() == 1
        world.submit(2)
        assert world.rounds() == 0
        world.clock.advance(seconds=2)
        assert world.rounds() == 1

    @pytest.mark.parametrize(
        ("terms", "now", "told"),
        [
            ((TWICE,), monday(10), monday(11)),
            ((TWICE,), monday(17), monday(24 + 11)),
            ((TWICE,), monday(24 * 5 + 10), monday(24 * 7 + 11)),
            ((TWICE, "every_day = true"), monday(24 * 5 + 10), monday(24 * 5 + 11)),
            ((), monday(10), None),
        ],
    )
    def test_a_submit_is_told_the_next_one(
        self, world: Paying, terms: tuple[str, ...], now: datetime, told: datetime | None
    ) -> None:
        world.agree(*terms)
        world.clock.set(now)
        fields = {"surname": "Example"}
        command = Submit(PROGRAMME, "skyways", "one", "M-1", 5, "miles", fields)
        (first,) = world.run(command)
        assert isinstance(first, Outcome)
        assert first.redemption.next_cut_off_at == told
        world.clock.advance(hours=30)
        (again,) = world.run(command)
        assert again == Outcome(first.redemption._replace(due_at=None), replayed=True)


class TestLimits:
    def test_a_file_holds_so_much_and_the_rest_goes_in_the_next(self, world: Paying) -> None:
        world.agree("max_quantity = 100")
        world.submit(60, 40, 70, 40, 100, 1)
        world.rounds()
        assert world.quantities() == [[60, 40], [70], [40], [100], [1]]
        world.assert_laws()

    def test_nothing_overtakes_what_waits_longer(self, world: Paying) -> None:
        world.agree("day_quantity = 100")
        world.submit(70, 40, 10)
        assert world.rounds() == 1
        assert world.quantities() == [[70]]
        world.clock.advance(days=1)
        assert world.rounds() == 1
        assert world.quantities() == [[70], [40, 10]]
        world.assert_laws()

    def test_a_day_takes_so_many_records(self, world: Paying) -> None:
        world.agree("max_records = 2", "day_records = 3")
        ids = world.submit(1, 2, 3, 4)
        assert world.rounds() == 2
        assert world.quantities() == [[1, 2], [3]]
        world.clock.advance(hours=1)
        assert world.rounds() == 0
        assert world.states(ids)[-1] == "submitted"
        with pytest.raises(LimitReached, match="skyways takes on 2026-03-02"):
            world.seal()
        world.clock.advance(days=1)
        assert world.rounds() == 1
        world.assert_laws()

    def test_one_file_a_day_is_one_whatever_is_due(self, world: Paying) -> None:
        world.agree(TWICE, "files_per_day = 1", edits={NAME: '"SKY_{date:%Y%m%d}.csv"'})
        world.clock.set(monday(10))
        world.submit(1)
        world.clock.set(monday(11))
        assert world.rounds() == 1
        world.submit(2)
        world.clock.set(monday(16, 30))
        assert world.rounds() == 0
        # At midnight a new day begins, but no cut-off of it has come.
        world.clock.set(monday(24, 1))
        assert world.rounds() == 0
        world.clock.set(monday(24 + 11))
        assert world.rounds() == 1
        assert [file.name for file in world.delivered()] == [
            "SKY_20260302.csv",
            "SKY_20260303.csv",
        ]
        world.assert_laws()

    def test_the_day_is_the_partners(self, world: Paying) -> None:
        zone = {'time_zone = "Europe/London"': 'time_zone = "Asia/Singapore"'}
        world.agree("files_per_day = 1", edits=zone)
        world.clock.set(monday(15, 59))
        world.submit(1)
        assert world.rounds() == 1
        world.clock.set(monday(15, 59) + timedelta(seconds=30))
        world.submit(2)
        assert world.rounds() == 0
        world.clock.set(monday(16))
        assert world.rounds() == 1

    def test_one_that_no_file_may_hold_is_a_break_and_holds_up_nobody(self, world: Paying) -> None:
        world.agree()
        ids = world.submit(50, 500, 60)
        world.agree("max_quantity = 100")
        assert world.rounds() == 2
        assert world.quantities() == [[50], [60]]
        (found,) = world.breaks()
        assert (found.kind, found.redemption_id) == (BreakKind.UNWRITABLE, ids[1])
        assert found.facts["why"] == "quantity: 500 is more than 100, the most of one"
        world.assert_laws()


class TestSplitting:
    def submit(self, world: Paying, *products: str) -> None:
        for number, product in enumerate(products, start=1):
            world.submit(number, fields={"surname": "Example", "product": product})

    def test_each_product_has_files_of_its_own(self, world: Paying) -> None:
        name = {NAME: '"{product}_{ordinal_of_day:02}_{date:%Y%m%d}.csv"'}
        world.agree('split_by = "product"', "max_records = 2", edits=name | PRODUCT)
        self.submit(world, "gold", "gift card", "gold", "gift card", "gold")
        assert world.rounds() == 3
        assert {
            file.name: [one.quantity for one in world.sent(file)] for file in world.delivered()
        } == {
            "gold_01_20260302.csv": [1, 3],
            "gold_02_20260302.csv": [5],
            "gift_card_03_20260302.csv": [2, 4],
        }
        assert [one.split_value for one in world.batches()] == ["gold", "gold", "gift card"]
        world.assert_laws()

    def test_where_a_day_takes_one_file_the_oldest_goes_first(self, world: Paying) -> None:
        world.agree('split_by = "product"', "files_per_day = 1", edits=PRODUCT)
        self.submit(world, "tin", "gold")
        world.clock.advance(seconds=5)
        self.submit(world, "tin", "gold")
        for _ in range(2):
            assert world.rounds() == 1
            world.clock.advance(days=1)
        assert world.quantities() == [[1, 1], [2, 2]]

    def test_what_was_submitted_without_the_field_goes_out_by_itself(self, world: Paying) -> None:
        world.agree()
        world.submit(7)
        world.agree('split_by = "product"', edits=PRODUCT)
        self.submit(world, "gold")
        assert world.rounds() == 2
        assert world.quantities() == [[7], [1]]
        world.assert_laws()

    def test_products_are_looked_up_once_however_many_there_are(
        self, world: Paying, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lanes, "_PAGE", 4)
        world.agree('split_by = "product"', "max_records = 1", edits=PRODUCT)
        self.submit(world, "gold", "tin", "gold", "gift card", "tin", "gold")
        with overheard(world.store) as asked:
            assert world.rounds() == 6
        looked_up = [one for one in asked if "json_extract" in one.statement]
        looked_up += [one for one in asked if "->>" in one.statement]
        assert len(looked_up) == 2
        assert world.quantities() == [[1], [3], [6], [2], [5], [4]]
        world.assert_laws()

    @pytest.mark.parametrize("limit", [(), ("max_quantity = 100",)])
    def test_what_is_cancelled_meanwhile_keeps_nobody_back(
        self, world: Paying, limit: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.agree('split_by = "product"', *limit, edits=PRODUCT)
        self.submit(world, "gold", "tin", "tin")
        going = world.submit(6, 7, fields={"surname": "Example", "product": "zinc"})
        self.submit(world, "zinc", "zinc")
        land, cancel = world.landing.land, [Cancel(PROGRAMME, f"c{one}", one) for one in going]

        def cancel_and_land(file: BinaryIO) -> Fingerprint:
            world.run(*cancel)
            cancel.clear()
            return land(file)

        monkeypatch.setattr(world.landing, "land", cancel_and_land)
        monkeypatch.setattr(gather, "_CHUNK", 1)
        assert world.rounds() == 3
        assert world.quantities() == [[1], [2, 3], [1, 2]]
        world.assert_laws()

    def test_a_product_that_is_no_name_of_a_file(self, world: Paying) -> None:
        name = {NAME: '"{product}_{sequence}.csv"'}
        world.agree('split_by = "product"', edits=name | PRODUCT)
        self.submit(world, "../../etc/x'; drop", "a%20b")
        assert world.rounds() == 2
        assert [file.name for file in world.delivered()] == [
            "______etc_x___drop_1.csv",
            "a_20b_2.csv",
        ]
