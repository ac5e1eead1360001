"""A clock that stands still until it is told to move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Starts at noon UTC on Monday 2 March 2026; a `handback.clock.Clock`."""

    def __init__(self, start: datetime = datetime(2026, 3, 2, 12, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        """The instant it was last set to."""
        return self._now

    def set(self, instant: datetime) -> None:
        """Jump to an aware instant, forwards or backwards."""
        assert instant.tzinfo is not None
        self._now = instant.astimezone(UTC)

    def advance(self, by: timedelta | None = None, /, **duration: float) -> datetime:
        """Move on by a timedelta, or by its keywords (`days=5`); gives the new instant."""
        self._now += timedelta(**duration) if by is None else by
        return self._now
