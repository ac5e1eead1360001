"""Files that are expected: missing ones are told of, late ones end it, a heartbeat will do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agreements import source_of
from fake_clock import FakeClock
from handback.breaks.kinds import BreakKind, Resolution
from handback.breaks.queries import BreakFilter, BreakView
from handback.breaks.queries import page as page_of_breaks
from handback.intake.watches import watch_round
from handback.partners import registry
from handback.store.session import Store
from world import PROGRAMME, Answer, World, skyways_file

WINDOW = "window_days = 5"


class Watched(World):
    """A world whose partner is expected to send files."""

    def agree(self, *lines: str, calendar: str = "", zone: str = "Europe/London") -> None:
        source = source_of("skyways").replace(WINDOW, "\n".join((WINDOW, *lines)), 1)
        source = source.replace("[payout]", f"{calendar}\n[payout]", 1)
        source = source.replace('folder = "inbound', 'empty = "heartbeat"\nfolder = "inbound', 1)
        source = source.replace('time_zone = "Europe/London"', f'time_zone = "{zone}"', 1)
        registry.apply(self.store, self.clock, source, "tests")

    def look(self, instant: datetime) -> list[BreakView]:
        """A round at an instant; the open breaks after it."""
        self.clock.set(instant)
        watch_round(self.store, self.agreements, self.clock)
        return self.breaks()

    def comes(self, instant: datetime, content: bytes | None = None) -> None:
        """A file of the partner at an instant, without records unless told otherwise."""
        self.clock.set(instant)
        self._keys += 1
        content = skyways_file([], self._keys) if content is None else content
        self.answer(content, f"answer-{self._keys}.csv")

    def all_breaks(self) -> list[BreakView]:
        with self.store.read() as tx:
            return page_of_breaks(tx, BreakFilter(PROGRAMME, include_closed=True), 0, 100)


def march(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> Watched:
    clock.set(march(2, 12))  # a Monday
    return Watched(store, clock, tmp_path)


SIX_DAILY = ('expect = ["18:00"]', "grace_s = 1800")


def test_a_file_that_does_not_come_is_one_break_until_one_does(world: Watched) -> None:
    world.agree(*SIX_DAILY)
    assert world.look(march(2, 18, 29)) == []
    (missing,) = world.look(march(2, 18, 30))
    assert (missing.kind, missing.partner) == (BreakKind.MISSING_FILE, "skyways")
    assert missing.opened_at == march(2, 18, 30)
    assert missing.facts["expected_by"] == march(2, 18).isoformat()
    assert missing.facts["last_file"] == "none ever"
    # Another one that does not come either is the same trouble.
    assert len(world.look(march(3, 19))) == 1
    world.comes(march(3, 20))
    assert world.look(march(3, 20, 1)) == []
    (closed,) = world.all_breaks()
    assert (closed.resolution, closed.closed_at) == (Resolution.SETTLED, march(3, 20))
    assert closed.comment is not None
    assert closed.comment.startswith("late: hbf_")
    world.assert_laws()


@pytest.mark.parametrize("at", [march(2, 12, 1), march(2, 18), march(2, 18, 30)])
def test_a_file_in_time_or_within_the_grace_is_no_break(world: Watched, at: datetime) -> None:
    world.agree(*SIX_DAILY)
    world.comes(at)
    assert world.look(march(2, 18, 31)) == []
    assert world.all_breaks() == []


def test_a_late_file_counts_for_what_it_was_late_for(world: Watched) -> None:
    world.agree(*SIX_DAILY)
    assert len(world.look(march(2, 19))) == 1
    world.comes(march(3, 9))
    assert world.look(march(3, 9, 1)) == []
    # Tuesday's own has not come.
    (missing,) = world.look(march(3, 18, 30))
    assert missing.facts["expected_by"] == march(3, 18).isoformat()
    world.comes(march(3, 19))
    world.look(march(3, 19, 1))
    world.comes(march(4, 17))
    assert world.look(march(4, 19)) == []
    assert len(world.all_breaks()) == 2


def test_a_late_file_and_the_next_in_time(world: Watched) -> None:
    world.agree(*SIX_DAILY)
    world.look(march(2, 19))
    world.comes(march(3, 9))
    world.look(march(3, 9, 1))
    world.comes(march(3, 17))
    assert world.look(march(3, 19)) == []


def test_nobody_looked_for_days(world: Watched) -> None:
    world.agree(*SIX_DAILY)
    world.comes(march(5, 19))
    # Thursday's came after its time, and a break says so though it is there by now.
    (missing,) = world.look(march(6, 9))
    assert missing.facts["expected_by"] == march(5, 18).isoformat()
    assert world.look(march(6, 9, 1)) == []
    assert len(world.all_breaks()) == 1


@pytest.mark.parametrize(
    ("lines", "missing_on"),
    [
        # Friday's file is there; nothing comes over the weekend.
        (('expect = "daily"', "grace_s = 0"), march(8)),
        (('expect = "business_days"', "grace_s = 0"), march(10)),
        (('expect = ["18:00"]', "grace_s = 0"), march(9, 18)),
        (('expect = ["18:00"]', "every_day = true", "grace_s = 0"), march(7, 18)),
    ],
)
def test_days_of_rest(world: Watched, lines: tuple[str, ...], missing_on: datetime) -> None:
    world.agree(*lines)
    world.comes(march(6, 17))
    assert world.look(missing_on - timedelta(seconds=1)) == []
    (missing,) = world.look(missing_on)
    assert missing.opened_at == missing_on


def test_holidays_and_the_change_of_the_clocks(world: Watched) -> None:
    england = '[calendar]\ncountry = "GB"\nsubdivision = "ENG"\n'
    world.agree('expect = ["09:00"]', "grace_s = 0", calendar=england)
    # From Thursday 2 April over Good Friday and Easter Monday to Tuesday the 7th; in summer time
    # nine o'clock is at eight.
    april = datetime(2026, 4, 2, tzinfo=UTC)
    world.comes(april + timedelta(hours=7))
    assert world.look(april + timedelta(days=5, hours=7, minutes=59)) == []
    assert len(world.look(april + timedelta(days=5, hours=8))) == 1


def test_a_day_of_23_hours_ends_at_its_midnight(world: Watched) -> None:
    world.agree('expect = "daily"', "grace_s = 0", zone="America/New_York")
    # New York is five hours behind until its clocks change on the 8th, then four.
    world.comes(march(8, 4))
    assert world.look(march(8, 5)) == []
    assert world.look(march(9, 3, 59)) == []
    assert len(world.look(march(9, 4))) == 1


def test_a_heartbeat_is_a_file_and_what_is_refused_is_none(world: Watched) -> None:
    world.agree(*SIX_DAILY)
    world.comes(march(2, 13), b"")
    assert world.look(march(2, 19)) == []
    content = skyways_file([Answer("HB000000000000999999", "M1", 5, "0000")], 7)
    world.comes(march(3, 13), content)
    (stray,) = world.look(march(3, 19))
    # The same bytes once more are a repeat.
    world.comes(march(4, 13), content)
    assert [one.kind for one in world.look(march(4, 19))] == [stray.kind, BreakKind.MISSING_FILE]


def test_what_waits_in_quarantine_has_come(world: Watched) -> None:
    world.agree(*SIX_DAILY)
    world.comes(march(2, 13), skyways_file([], 3).replace(b"T,0,0", b"T,9,0"))
    assert world.look(march(2, 19)) == []


def test_nothing_is_expected_of_before_it_was_agreed(world: Watched) -> None:
    world.agree()
    assert world.look(march(2, 19)) == []
    world.clock.set(march(2, 20))
    world.agree(*SIX_DAILY)
    assert world.look(march(2, 21)) == []
    assert len(world.look(march(3, 18, 30))) == 1


def test_an_agreement_that_is_applied_anew_hides_nothing(world: Watched) -> None:
    world.agree(*SIX_DAILY)
    world.clock.set(march(2, 18, 10))
    world.agree('expect = ["18:00"]', "grace_s = 1200")
    assert len(world.look(march(2, 18, 20))) == 1


def test_after_a_person_dismissed_it_the_next_one_is_told_of(world: Watched) -> None:
    world.agree(*SIX_DAILY)
    (missing,) = world.look(march(2, 19))
    from handback.breaks import resolve

    with world.store.write() as tx:
        dismissed = Resolution.DISMISSED
        resolve.close(tx, missing.break_id, dismissed, "olga", march(2, 20), "they rest")
    assert world.look(march(3, 9)) == []
    (again,) = world.look(march(3, 18, 30))
    assert again.facts["expected_by"] == march(3, 18).isoformat()
