"""Ages in whole days, and the buckets that open things are counted in by them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from handback.errors import InvalidRequest, Violation

# Last days of all buckets but the oldest: 0-7, 8-30, 31-60, 61-90, and what is older.
BUCKETS: Final = (7, 30, 60, 90)
MAX_BUCKETS: Final = 20
# Nothing came before; from here on any bucket can be counted back.
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)


def check_buckets(days: Sequence[int]) -> tuple[int, ...]:
    """Last days of buckets, the usual ones for none. Raises InvalidRequest unless they rise."""
    steps = zip((-1, *days), days, strict=False)
    if len(days) > MAX_BUCKETS or not all(before < day <= 36_500 for before, day in steps):
        expected = f"expected at most {MAX_BUCKETS} rising whole numbers of days"
        raise InvalidRequest([Violation("bucket_days", expected)])
    return tuple(days) or BUCKETS


def bucket_names(days: Sequence[int]) -> tuple[str, ...]:
    """What buckets with these last days are called, and the oldest: `0-7`, `8-30`, `31+`."""
    spans = zip((0, *(day + 1 for day in days)), days, strict=False)
    named = (str(last) if first == last else f"{first}-{last}" for first, last in spans)
    return (*named, f"{days[-1] + 1}+")


def youngest_end(at: datetime, days: int) -> datetime:
    """After which instant that has come which is up to so many whole days old at another."""
    return max(at, _EARLIEST) - (days + 1) * _DAY
