"""Options that name a moment of the journal, or a stretch of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import wraps
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Position = click.IntRange(min=0)


def when(*, day_ends: bool) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    """Reads an instant, or a day in UTC, which stands for its first or its last microsecond."""

    def read(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> Any:
        if text is None:
            return None
        try:
            if len(text) == len("2026-03-31"):
                begins = datetime.combine(date.fromisoformat(text), time(), UTC)
                last = begins + timedelta(days=1) - timedelta(microseconds=1)
                return last if day_ends else begins - timedelta(microseconds=1)
            at = datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            expected = "expected a day such as 2026-03-31 or an instant such as 2026-03-31T12:00Z"
            raise click.BadParameter(expected) from None
        return at if at.tzinfo else at.replace(tzinfo=UTC)

    return read


def as_of_options(command: _Command) -> Any:
    """`--at-position`, `--at` and `--period`, handed to the command as `as_of`."""

    @click.option(
        "--at-position",
        type=_Position,
        metavar="N",
        help="As it stood after this position of the journal; now unless given.",
    )
    @click.option(
        "--at",
        callback=when(day_ends=True),
        metavar="WHEN",
        help="As it stood at this instant, or at the end of this day in UTC.",
    )
    @click.option("--period", metavar="NAME", help="As it stood when this period ended.")
    @wraps(command)
    def asked(
        *args: Any, at_position: int | None, at: datetime | None, period: str | None, **rest: Any
    ) -> Any:
        moments = [one for one in (at_position, at, period) if one is not None]
        if len(moments) > 1:
            raise click.UsageError("--at-position, --at and --period exclude one another")
        return command(*args, as_of=moments[0] if moments else None, **rest)

    return asked


def stretch_options(command: _Command) -> Any:
    """`--from`, `--to`, their positions and `--period`, as `since`, `until` and `period`."""

    @click.option(
        "--from",
        "from_at",
        callback=when(day_ends=False),
        metavar="WHEN",
        help="What was committed after this instant, or from this day in UTC on.",
    )
    @click.option(
        "--to",
        "to_at",
        callback=when(day_ends=True),
        metavar="WHEN",
        help="What was committed up to this instant, or to the end of this day in UTC.",
    )
    @click.option("--after-position", type=_Position, metavar="N", help="What stands after it.")
    @click.option("--until-position", type=_Position, metavar="N", help="What stands up to it.")
    @click.option("--period", default="", metavar="NAME", help="What belongs to this period.")
    @wraps(command)
    def asked(
        *args: Any,
        from_at: datetime | None,
        to_at: datetime | None,
        after_position: int | None,
        until_position: int | None,
        period: str,
        **rest: Any,
    ) -> Any:
        for one, other in ((from_at, after_position), (to_at, until_position)):
            if one is not None and other is not None:
                raise click.UsageError("name an end by its instant or by its position, not by both")
        since = from_at if after_position is None else after_position
        until = to_at if until_position is None else until_position
        if period and not (since is None and until is None):
            raise click.UsageError("--period stands for both ends")
        return command(*args, since=since, until=until, period=period, **rest)

    return asked
