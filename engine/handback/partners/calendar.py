"""Business days and deadlines, by the partner's own calendar and clock on the wall."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days on which a partner works.

    Those are the working days of a country, or of a part of it, by its weekends and public
    holidays; without a country, Monday to Friday. `closed` are days of rest besides.
    """

    zone: ZoneInfo
    country: str | None = None
    subdivision: str | None = None
    closed: frozenset[date] = frozenset()

    def is_business_day(self, day: date) -> bool:
        """Whether the partner works that day."""
        if day in self.closed:
            return False
        if self.country is None:
            return day.weekday() < _SATURDAY
        return day not in _days_of_rest(self.country, self.subdivision, day.year)

    def business_days_after(self, day: date, count: int) -> date:
        """The business day that is `count` business days, at least one, after any day."""
        assert count >= 1, count
        while count:
            day += _DAY
            count -= self.is_business_day(day)
        return day

    def date_of(self, at: datetime) -> date:
        """The date on the partner's wall at an instant."""
        return at.astimezone(self.zone).date()

    def day_of(self, at: datetime) -> tuple[datetime, datetime]:
        """When the partner's day in which an instant lies begins, and when the next one does."""
        day = self.date_of(at)
        return midnight(day, self.zone), midnight(day + _DAY, self.zone)

    def deadline(self, start_at: datetime, window_days: int) -> datetime:
        """The instant at which the time to answer is over: the end of the window's last day.

        The day of `start_at` in the partner's zone does not count; then come `window_days` business
        days, each from midnight to midnight on the partner's wall, so that a day in which the
        clocks change has 23 or 25 hours.
        """
        last_on = self.business_days_after(self.date_of(start_at), window_days)
        return midnight(last_on + _DAY, self.zone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins on the wall of a zone; where the clocks skip midnight, when they do."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def is_known(country: str, subdivision: str | None = None) -> bool:
    """Whether the holidays of a country (ISO 3166), or of a part of it, are known."""
    try:
        _days_of_rest(country, subdivision, 2026)
    except NotImplementedError:
        return False
    return True


@lru_cache(maxsize=1024)
def _days_of_rest(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    """The weekends and public holidays of a year. Raises NotImplementedError for the unknown."""
    import holidays  # slow to import, and most agreements need none of it

    known = holidays.country_holidays(country, subdiv=subdivision, years=year)
    first, end = date(year, 1, 1), date(year + 1, 1, 1)
    days = (first + number * _DAY for number in range((end - first).days))
    return frozenset(day for day in days if not known.is_working_day(day))
