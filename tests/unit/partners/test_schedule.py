"""Times of day that come again, over weekends, holidays and the change of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handback.partners.calendar import Calendar
from handback.partners.schedule import DAY_MINUTES, Schedule

LONDON, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
ELEVEN, HALF_PAST_FOUR = 11 * 60, 16 * 60 + 30


def at(text: str) -> datetime:
    """An instant, in UTC where it names no other offset."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def twice_a_day(**changes: bool) -> Schedule:
    return Schedule(Calendar(LONDON), (ELEVEN, HALF_PAST_FOUR), **changes)


@pytest.mark.parametrize(
    ("now", "last", "coming"),
    [
        ("2026-03-03T10:59", "2026-03-02T16:30", "2026-03-03T11:00"),
        ("2026-03-03T11:00", "2026-03-03T11:00", "2026-03-03T11:00"),
        ("2026-03-03T11:00:00.000001", "2026-03-03T11:00", "2026-03-03T16:30"),
        ("2026-03-03T16:31", "2026-03-03T16:30", "2026-03-04T11:00"),
        ("2026-03-06T17:00", "2026-03-06T16:30", "2026-03-09T11:00"),
        ("2026-03-08T12:00", "2026-03-06T16:30", "2026-03-09T11:00"),
    ],
)
def test_times_on_business_days(now: str, last: str, coming: str) -> None:
    schedule = twice_a_day()
    assert schedule.last(at(now)) == at(last)
    assert schedule.next(at(now)) == at(coming)


def test_every_day_knows_no_rest() -> None:
    schedule = twice_a_day(every_day=True)
    assert schedule.next(at("2026-03-06T17:00")) == at("2026-03-07T11:00")
    assert schedule.last(at("2026-03-08T12:00")) == at("2026-03-08T11:00")


def test_holidays_are_passed_over() -> None:
    calendar = Calendar(LONDON, "GB", "ENG", frozenset({date(2026, 4, 7)}))
    schedule = Schedule(calendar, (ELEVEN,))
    # From Maundy Thursday over Good Friday, Easter Monday and a day off, into summer time.
    assert schedule.next(at("2026-04-02T10:30")) == at("2026-04-08T10:00")


def test_the_end_of_a_day_is_the_midnight_after_it() -> None:
    schedule = Schedule(Calendar(NEW_YORK), (DAY_MINUTES,))
    assert schedule.next(at("2026-03-06T12:00-05:00")) == at("2026-03-07T00:00-05:00")
    assert schedule.next(at("2026-03-07T00:00:01-05:00")) == at("2026-03-10T00:00-04:00")
    assert schedule.last(at("2026-03-09T12:00-04:00")) == at("2026-03-07T00:00-05:00")


def test_a_time_that_the_clocks_skip_comes_as_much_later() -> None:
    # In New York 02:30 did not exist on 8 March 2026.
    schedule = Schedule(Calendar(NEW_YORK), (2 * 60 + 30, 3 * 60), every_day=True)
    before = at("2026-03-08T01:00-05:00")
    assert schedule.next(before) == at("2026-03-08T03:00-04:00")
    later = at("2026-03-08T03:00:01-04:00")
    assert schedule.next(later) == at("2026-03-08T03:30-04:00")
    assert schedule.last(at("2026-03-08T03:29-04:00")) == at("2026-03-08T03:00-04:00")


def test_a_time_that_the_clocks_show_twice_is_the_first() -> None:
    schedule = Schedule(Calendar(NEW_YORK), (90,), every_day=True)
    first = at("2026-11-01T01:30-04:00")
    assert schedule.next(at("2026-11-01T00:30-04:00")) == first
    assert schedule.next(first + timedelta(hours=1)) == at("2026-11-02T01:30-05:00")
    assert schedule.last(first + timedelta(hours=1)) == first


FOUR_YEARS_S = 4 * 366 * 24 * 3_600
INSTANTS = st.integers(0, FOUR_YEARS_S).map(
    lambda seconds: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
SCHEDULES = st.builds(
    Schedule,
    st.sampled_from([LONDON, NEW_YORK, ZoneInfo("Australia/Lord_Howe")]).map(Calendar),
    st.lists(st.integers(0, DAY_MINUTES), min_size=1, max_size=4, unique=True).map(tuple),
    st.booleans(),
)


@given(SCHEDULES, st.lists(INSTANTS, min_size=1, max_size=6))
def test_whatever_was_asked_before_the_nearest_times_are_told(
    schedule: Schedule, instants: list[datetime]
) -> None:
    for instant in instants:
        coming, last = schedule.next(instant), schedule.last(instant)
        assert last <= instant <= coming
        fresh = Schedule(schedule.calendar, schedule.minutes, schedule.every_day)
        assert coming == fresh.next(instant)
        if last < instant < coming:
            between = instant + (coming - instant) / 2
            assert (schedule.last(between), schedule.next(between)) == (last, coming)
