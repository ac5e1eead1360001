"""The demo's server: an ordinary one, whose clock goes on by some days when it is told to.

A line on its standard input is a number of days.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from handback.clock import SystemClock
from handback_server.runtime import Runtime
from handback_server.serving import run
from handback_server.workers import Work
from handback_server.works import works

# Nobody waits a minute for the sweep that finds what is overdue.
_PAUSE_S: Final = 0.2


class DaysAhead:
    """The machine's clock, and so many days."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The present instant there, aware, in UTC."""
        return self._clock.now() + self._ahead

    def go_on(self, days: int) -> None:
        """Let days pass."""
        self._ahead += timedelta(days=days)


def serve(environment: Mapping[str, str]) -> None:
    """Serve until SIGTERM. Raises InvalidSettings."""
    clock = DaysAhead()
    threading.Thread(target=_listen, args=(clock,), name="days", daemon=True).start()
    run(environment, clock, _impatient)


def _listen(clock: DaysAhead) -> None:
    for line in sys.stdin:
        clock.go_on(int(line))


def _impatient(runtime: Runtime) -> Sequence[Work]:
    return [replace(one, pause_s=min(one.pause_s, _PAUSE_S)) for one in works(runtime)]
