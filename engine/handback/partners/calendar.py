"""Business days and deadlines, by the partner's own clock on the wall."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


def is_business_day(day: date) -> bool:
    """Whether the partner works that day: Monday to Friday."""
    return day.weekday() < _SATURDAY


def business_days_after(day: date, count: int) -> date:
    """The business day that is `count` business days after `day`, itself any day.

    A day that is none is as late as the last business day before it: one business day after a
    Saturday is the Monday. `count` is at least 1.
    """
    assert count >= 1, count
    weeks, left = divmod(count, 5)
    # Saturday and Sunday count as their Friday, so whole weeks land on a business day.
    day -= max(0, day.weekday() - _SATURDAY + 1) * _DAY
    day += weeks * 7 * _DAY
    return day + (left + 2 * (day.weekday() + left >= _SATURDAY)) * _DAY


def deadline(start_at: datetime, window_days: int, zone: ZoneInfo) -> datetime:
    """The instant at which the time to answer is over: the end of the last day of the window.

    The day of `start_at` in the partner's zone does not count; then come `window_days` business
    days, each from midnight to midnight on the partner's wall, so that a day in which the clocks
    change has 23 or 25 hours.
    """
    last_on = business_days_after(start_at.astimezone(zone).date(), window_days)
    return datetime.combine(last_on + _DAY, time.min, zone).astimezone(UTC)
