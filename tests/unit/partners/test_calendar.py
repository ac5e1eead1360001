"""Business days and deadlines across weekends and changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handback.partners.calendar import business_days_after, deadline, is_business_day

LONDON = ZoneInfo("Europe/London")
ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/London",
        "America/Toronto",
        "Pacific/Auckland",
        "Asia/Kathmandu",
        "Africa/Cairo",
    ]
).map(ZoneInfo)
DAYS = st.dates(date(2000, 1, 1), date(2090, 1, 1))
INSTANTS = st.integers(946_684_800, 3_700_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))


def _counted_one_by_one(day: date, count: int) -> date:
    while count:
        day += timedelta(days=1)
        count -= is_business_day(day)
    return day


@given(DAYS, st.integers(1, 60))
def test_business_days_are_counted_as_by_hand(day: date, count: int) -> None:
    assert business_days_after(day, count) == _counted_one_by_one(day, count)


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        (date(2026, 3, 26), 1, date(2026, 3, 27)),  # Thursday to Friday
        (date(2026, 3, 27), 1, date(2026, 3, 30)),  # over the weekend
        (date(2026, 3, 28), 1, date(2026, 3, 30)),  # from a Saturday
        (date(2026, 3, 29), 5, date(2026, 4, 3)),  # from a Sunday, a whole week
        (date(2026, 3, 27), 10, date(2026, 4, 10)),
    ],
)
def test_weekends_do_not_count(day: date, count: int, expected: date) -> None:
    assert business_days_after(day, count) == expected


def test_the_window_ends_at_midnight_on_the_partners_wall() -> None:
    # Friday in winter time; the Monday after the change ends an hour earlier by UTC.
    sent_at = datetime(2026, 3, 27, 15, 0, tzinfo=UTC)
    assert deadline(sent_at, 1, LONDON) == datetime(2026, 3, 30, 23, 0, tzinfo=UTC)
    sent_at = datetime(2026, 10, 23, 15, 0, tzinfo=UTC)
    assert deadline(sent_at, 1, LONDON) == datetime(2026, 10, 27, 0, 0, tzinfo=UTC)


def test_the_day_is_the_partners_not_ours() -> None:
    # 23:30 UTC on Monday is Tuesday already in London's summer.
    monday_late = datetime(2026, 6, 1, 23, 30, tzinfo=UTC)
    assert deadline(monday_late, 1, LONDON) == datetime(2026, 6, 3, 23, 0, tzinfo=UTC)
    assert deadline(monday_late, 1, ZoneInfo("UTC")) == datetime(2026, 6, 3, 0, 0, tzinfo=UTC)


def test_a_day_without_midnight_begins_at_its_first_hour() -> None:
    # In Cairo the clocks went from 00:00 to 01:00 on Friday 24 April 2026.
    sent_at = datetime(2026, 4, 22, 9, 0, tzinfo=UTC)
    ends_at = deadline(sent_at, 1, ZoneInfo("Africa/Cairo"))
    assert ends_at == datetime(2026, 4, 23, 22, 0, tzinfo=UTC)


@given(INSTANTS, st.integers(1, 30), ZONES)
def test_a_deadline_is_an_aware_later_instant(
    start_at: datetime, window_days: int, zone: ZoneInfo
) -> None:
    ends_at = deadline(start_at, window_days, zone)
    assert ends_at.tzinfo is UTC
    # At least the window itself, at most the window with its weekends and the rest of a day.
    at_least = timedelta(days=window_days, hours=-2)
    at_most = timedelta(days=window_days + 2 * (window_days // 5 + 1) + 2, hours=2)
    assert at_least <= ends_at - start_at <= at_most


@given(INSTANTS, st.timedeltas(timedelta(0), timedelta(days=9)), st.integers(1, 30), ZONES)
def test_later_starts_and_longer_windows_never_end_earlier(
    start_at: datetime, later: timedelta, window_days: int, zone: ZoneInfo
) -> None:
    ends_at = deadline(start_at, window_days, zone)
    assert ends_at <= deadline(start_at + later, window_days, zone)
    assert ends_at < deadline(start_at, window_days + 1, zone)
