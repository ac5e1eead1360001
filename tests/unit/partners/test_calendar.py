"""Business days and deadlines across weekends, holidays and changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handback.partners.calendar import Calendar, is_known

LONDON = ZoneInfo("Europe/London")
WEEKDAYS = Calendar(LONDON)
ENGLAND = Calendar(LONDON, "GB", "ENG")
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
PLACES = st.sampled_from([(None, None), ("GB", "SCT"), ("DE", "BY"), ("US", None), ("SA", None)])
INSTANTS = st.integers(946_684_800, 3_700_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))


@settings(deadline=None)  # the first look at a country takes its time
@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(1, 60), PLACES)
def test_just_so_many_business_days_lie_between(
    day: date, count: int, place: tuple[str | None, str | None]
) -> None:
    calendar = Calendar(LONDON, *place)
    last = calendar.business_days_after(day, count)
    between = (day + timedelta(days=n) for n in range(1, (last - day).days + 1))
    assert sum(map(calendar.is_business_day, between)) == count
    assert calendar.is_business_day(last)


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
    assert WEEKDAYS.business_days_after(day, count) == expected


@pytest.mark.parametrize(
    ("calendar", "day", "expected"),
    [
        # Good Friday 2026 is 3 April; Easter Monday is a holiday in England, not in Scotland.
        (ENGLAND, date(2026, 4, 2), date(2026, 4, 7)),
        (Calendar(LONDON, "GB", "SCT"), date(2026, 4, 2), date(2026, 4, 6)),
        # Boxing Day falls on a Saturday and is made up for on the Monday.
        (ENGLAND, date(2026, 12, 24), date(2026, 12, 29)),
        # The weekend itself is the country's: Friday and Saturday in Saudi Arabia.
        (Calendar(ZoneInfo("Asia/Riyadh"), "SA"), date(2026, 1, 8), date(2026, 1, 11)),
    ],
)
def test_public_holidays_do_not_count(calendar: Calendar, day: date, expected: date) -> None:
    assert calendar.business_days_after(day, 1) == expected


def test_days_on_which_the_partner_rests_besides_do_not_count() -> None:
    closed = Calendar(LONDON, closed=frozenset({date(2026, 3, 30)}))
    assert closed.business_days_after(date(2026, 3, 27), 1) == date(2026, 3, 31)


def test_countries_and_parts_of_them_are_known_or_not() -> None:
    assert is_known("GB") and is_known("GB", "ENG")
    assert not is_known("XX") and not is_known("GB", "BY")


def test_the_window_ends_at_midnight_on_the_partners_wall() -> None:
    # Friday in winter time; the Monday after the change ends an hour earlier by UTC.
    sent_at = datetime(2026, 3, 27, 15, 0, tzinfo=UTC)
    assert WEEKDAYS.deadline(sent_at, 1) == datetime(2026, 3, 30, 23, 0, tzinfo=UTC)
    sent_at = datetime(2026, 10, 23, 15, 0, tzinfo=UTC)
    assert WEEKDAYS.deadline(sent_at, 1) == datetime(2026, 10, 27, 0, 0, tzinfo=UTC)


def test_the_day_is_the_partners_not_ours() -> None:
    # 23:30 UTC on Monday is Tuesday already in London's summer.
    monday_late = datetime(2026, 6, 1, 23, 30, tzinfo=UTC)
    assert WEEKDAYS.deadline(monday_late, 1) == datetime(2026, 6, 3, 23, 0, tzinfo=UTC)
    assert Calendar(ZoneInfo("UTC")).deadline(monday_late, 1) == datetime(
        2026, 6, 3, 0, 0, tzinfo=UTC
    )


def test_a_day_without_midnight_begins_at_its_first_hour() -> None:
    # In Cairo the clocks went from 00:00 to 01:00 on Friday 24 April 2026.
    sent_at = datetime(2026, 4, 22, 9, 0, tzinfo=UTC)
    ends_at = Calendar(ZoneInfo("Africa/Cairo")).deadline(sent_at, 1)
    assert ends_at == datetime(2026, 4, 23, 22, 0, tzinfo=UTC)


@given(INSTANTS, st.integers(1, 30), ZONES)
def test_a_deadline_is_an_aware_later_instant(
    start_at: datetime, window_days: int, zone: ZoneInfo
) -> None:
    ends_at = Calendar(zone).deadline(start_at, window_days)
    assert ends_at.tzinfo is UTC
    # At least the window itself, at most the window with its weekends and the rest of a day.
    at_least = timedelta(days=window_days, hours=-2)
    at_most = timedelta(days=window_days + 2 * (window_days // 5 + 1) + 2, hours=2)
    assert at_least <= ends_at - start_at <= at_most


@given(INSTANTS, st.timedeltas(timedelta(0), timedelta(days=9)), st.integers(1, 30), ZONES)
def test_later_starts_and_longer_windows_never_end_earlier(
    start_at: datetime, later: timedelta, window_days: int, zone: ZoneInfo
) -> None:
    ends_at = Calendar(zone).deadline(start_at, window_days)
    assert ends_at <= Calendar(zone).deadline(start_at + later, window_days)
    assert ends_at < Calendar(zone).deadline(start_at, window_days + 1)
