"""Where a watch stands, and what it does when the stream breaks. Pure: no network, no clock.

The cursor moves only when the caller has taken an event (or a whole batch), so a stream that
breaks in between is resumed with nothing lost and nothing given twice: a new connection asks for
what follows the cursor, and what the old one had brought but nobody took is forgotten.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from handback_client.errors import HandbackError, stream_broken
from handback_client.models import Event, EventBatch
from handback_client.retry import RetryPolicy

# The server marks its progress on a quiet stream every 10 s; four of them missed are a dead line.
SILENCE_S = 40.0


class Resume:
    """The state of one watch, from its first connection to its last."""

    def __init__(self, after: str, policy: RetryPolicy, draw: Callable[[], float]) -> None:
        self._policy = policy
        self._draw = draw
        self._failures = 0
        self._cursor = after
        self._caught_up = False
        self._waiting: deque[Event] = deque()
        # What holds once everything that waits is taken.
        self._next_cursor = after
        self._next_caught_up = False

    @property
    def cursor(self) -> str:
        """Where the next connection, or the next watch, has to go on."""
        return self._cursor

    @property
    def caught_up(self) -> bool:
        """Whether the caller has everything that was committed before the watch began."""
        return self._caught_up

    def received(self, batch: EventBatch) -> None:
        """Keep what one response brought until the caller takes it."""
        self._failures = 0
        self._waiting.extend(batch.events)
        self._next_cursor = batch.cursor or self._next_cursor
        self._next_caught_up = self._next_caught_up or batch.caught_up

    def take(self) -> Event | None:
        """The next event, None where the next response has to be waited for."""
        event = self._waiting.popleft() if self._waiting else None
        if event is not None:
            self._cursor = event.cursor
        if not self._waiting:
            self._settle()
        return event

    def take_batch(self) -> EventBatch:
        """All that is here at once; exactly one batch says that the watch has caught up."""
        events = tuple(self._waiting)
        was_caught_up = self._caught_up
        self._waiting.clear()
        self._settle()
        newly = self._caught_up and not was_caught_up
        return EventBatch(events=events, cursor=self._cursor, caught_up=newly)

    def pause_after(self, error: HandbackError) -> float | None:
        """Seconds to wait before connecting anew after the cursor; None where nothing would help.

        A stream may also be cut off for its own sake (ABORTED), as when its reader was too slow.
        """
        self._waiting.clear()
        self._next_cursor = self._cursor
        self._next_caught_up = self._caught_up
        self._failures += 1
        passing = stream_broken(str(error)) if error.status == "ABORTED" else error
        return self._policy.pause_after(passing, self._failures, self._draw)

    def _settle(self) -> None:
        """All is taken: the cursor now also passes what the filter left out."""
        self._cursor = self._next_cursor
        self._caught_up = self._next_caught_up
