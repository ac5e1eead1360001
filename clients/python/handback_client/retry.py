"""Which failed calls are repeated, and after what pause. Pure: the clock and the dice are given.

Every call of this package may be repeated: it reads, it carries a request key, or it finds nothing
left to do the second time. It is repeated where the failure is one that passes by itself: the
server was away, or it asked for a pause. A version conflict is not among them: whoever decided has
to read and decide again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from handback_client.errors import HandbackError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and how patiently, a call is repeated.

    The pause before the nth repetition is drawn from 0 to `first_wait_s` · 2ⁿ⁻¹, at most
    `longest_wait_s` (full jitter), so that callers who failed together do not return together;
    what the server asked for is added. `max_attempts` counts the first try, and counts anew once
    a stream has brought something; 1 repeats nothing, None never gives up.
    """

    max_attempts: int | None = 10
    first_wait_s: float = 0.1
    longest_wait_s: float = 5.0

    def pause_after(
        self, error: HandbackError, failures: int, draw: Callable[[], float]
    ) -> float | None:
        """Seconds to wait after so many failures in a row (at least 1); None to give up.

        `draw` gives a number from 0 to 1.
        """
        if not passes_by_itself(error):
            return None
        if self.max_attempts is not None and failures >= self.max_attempts:
            return None
        doublings = min(failures - 1, 64)  # beyond, the product would leave the floats
        longest_s = min(self.longest_wait_s, self.first_wait_s * 2.0**doublings)
        return error.retry_after_s + draw() * longest_s


_MOMENT_S = 0.001
USUAL = RetryPolicy()
ALWAYS = RetryPolicy(max_attempts=None)


def passes_by_itself(error: HandbackError) -> bool:
    """Whether the same call may succeed later without anybody changing anything.

    INTERNAL and CANCELLED without a reason are not what our server answers, for it always gives
    one, but what is left of a call whose connection broke in the middle: grpc.aio puts INTERNAL in
    place of the real status while it still writes, a server that stops at once leaves CANCELLED.
    """
    match error.status:
        case "UNAVAILABLE":
            return True
        case "RESOURCE_EXHAUSTED":
            return error.retry_after_s > 0
        case "INTERNAL" | "CANCELLED":
            return not error.refusal.reason
    return False


class Attempts:
    """The tries of one call: how long the next may take, and whether there is a next."""

    def __init__(
        self,
        policy: RetryPolicy,
        deadline_s: float,
        clock: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._draw = draw
        self._ends_at = clock() + deadline_s
        self._failures = 0

    def left_s(self) -> float:
        """Seconds left of the deadline, a moment when it has passed: to gRPC 0 is no deadline."""
        return max(_MOMENT_S, self._ends_at - self._clock())

    def pause_after(self, error: HandbackError) -> float | None:
        """Seconds to wait before the next try; None where there shall be none.

        Never shorter than the server asked for, and never so long that the deadline would pass.
        """
        self._failures += 1
        pause_s = self._policy.pause_after(error, self._failures, self._draw)
        return None if pause_s is None or pause_s >= self.left_s() else pause_s
