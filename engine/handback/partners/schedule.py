"""Times of day that come again: a partner's cut-offs, and when files of it are expected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from handback.partners.calendar import Calendar

DAY_MINUTES: Final = 24 * 60
_DAY: Final = timedelta(days=1)


@dataclass(slots=True)
class Schedule:
    """Times on the partner's wall, on its business days or on every day.

    `minutes` count from midnight; 1440 is the end of the day. A time that the clocks skip comes as
    much later as they skip, and one that they show twice is the first of the two.
    """

    calendar: Calendar
    minutes: tuple[int, ...]
    every_day: bool = False
    # Between the two instants, both included, the second is what `next` answers: it is asked with
    # every submit. One assignment, so that threads need no lock.
    _coming: tuple[datetime, datetime] | None = field(
        default=None, init=False, repr=False, compare=False
    )

    def next(self, at: datetime) -> datetime:
        """The first of the times that is not before an instant."""
        known = self._coming
        if known is None or not known[0] <= at <= known[1]:
            known = self._coming = at, self._first_from(at)
        return known[1]

    def last(self, at: datetime) -> datetime:
        """The last of the times that is not after an instant."""
        day = self.calendar.date_of(at)
        while True:
            for instant in reversed(self._instants(day)):
                if instant <= at:
                    return instant
            day -= _DAY

    def _first_from(self, at: datetime) -> datetime:
        # The end of the day before is this day's midnight.
        day = self.calendar.date_of(at) - _DAY
        while True:
            for instant in self._instants(day):
                if instant >= at:
                    return instant
            day += _DAY

    def _instants(self, day: date) -> list[datetime]:
        """The times of one day, none where the partner rests, in their order."""
        if not (self.every_day or self.calendar.is_business_day(day)):
            return []
        return sorted(self._on_the_wall(day))

    def _on_the_wall(self, day: date) -> Iterator[datetime]:
        for minutes in self.minutes:
            days, rest = divmod(minutes, DAY_MINUTES)
            clock = time(rest // 60, rest % 60)
            wall = datetime.combine(day + days * _DAY, clock, self.calendar.zone)
            yield wall.astimezone(UTC)
