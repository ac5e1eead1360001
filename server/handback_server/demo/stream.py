"""The status stream as the demo follows it: counted as it comes, and waited on."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from handback_server.demo.counts import EVENTS, Counts
from handback_server.demo.failure import DemoFailed

if TYPE_CHECKING:
    from handback_client import Client, Watch
    from handback_client.models import Event

# Events per second are those of the last so many seconds.
_WINDOW_S: Final = 2.0
# How often a wait looks beyond the stream: whether all processes live, and whom to tell.
_LOOK_S: Final = 0.2


class Tally:
    """What the stream has told so far. Counted in one thread, read in others."""

    def __init__(self) -> None:
        self.events: Counts = Counter()
        self.states: Counter[tuple[str, str]] = Counter()
        self.total = 0
        self.failure: Exception | None = None
        self._lately: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._moved = threading.Event()

    def add(self, events: Sequence[Event]) -> None:
        """Count events: by trigger, and redemptions by where they stand now."""
        for event in events:
            self.events[EVENTS, event.partner, str(event.trigger)] += 1
            self.states[event.partner, str(event.to_state)] += 1
            self.states[event.partner, str(event.from_state)] -= 1
        now = time.monotonic()
        self.total += len(events)
        self._lately.append((now, self.total))
        while len(self._lately) > 1 and now - self._lately[0][0] > _WINDOW_S:
            self._lately.popleft()
        self._moved.set()

    @property
    def rate(self) -> float:
        """Events per second, lately."""
        began, before = self._lately[0]
        return (self.total - before) / max(time.monotonic() - began, _WINDOW_S)

    def has(self, expected: Counts) -> bool:
        """Whether there are as many events as that, or more, of every kind."""
        return all(self.events[key] >= count for key, count in expected.items())

    def fail(self, failure: Exception) -> None:
        """The stream has ended by itself."""
        self.failure = failure
        self._moved.set()

    def wait(self, until: Callable[[], bool], limit_s: float) -> bool:
        """Wait until a condition holds, looking whenever the stream moves, and now and then.

        False where it does not hold within so many seconds. Raises DemoFailed where the stream
        ends.
        """
        end = time.monotonic() + limit_s
        while not until():
            if self.failure is not None:
                raise DemoFailed(f"the stream ended: {self.failure}") from self.failure
            if time.monotonic() > end:
                return False
            self._moved.wait(_LOOK_S)
            self._moved.clear()
        return True


@contextmanager
def watching(client: Client) -> Iterator[Tally]:
    """Every event of the programme, counted for as long as the block lasts."""
    tally = Tally()
    with client.watch() as watch:
        reader = threading.Thread(target=_read, args=(watch, tally), name="watch")
        reader.start()
        try:
            yield tally
        finally:
            watch.close()
            reader.join()


def _read(watch: Watch, tally: Tally) -> None:
    try:
        for batch in watch.batches():
            tally.add(batch.events)
    except Exception as failure:  # told to whoever waits
        tally.fail(failure)
