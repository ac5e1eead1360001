"""Submissions on their way in bulk: sent ahead of their answers, and sent again where the stream
broke. Pure: no network, no clock.

A batch is kept until it is answered. When the stream breaks, what was not answered is sent again
in the same order under the same request keys, so each submission still takes effect once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

from handback_client.errors import HandbackError
from handback_client.models import Submission
from handback_client.retry import RetryPolicy

# What the server takes in one message at most.
BATCH_SIZE = 1_000
# Batches that may be under way without an answer. Two keep the server busy while an answer
# travels, two more cover a pause of the caller. Memory: 4 · 1,000 submissions.
WINDOW = 4

# A batch is committed in milliseconds; a minute without its answer is a dead line.
SILENCE_S = 60.0

Batch = tuple[Submission, ...]


class Bulk:
    """The state of one bulk submission, from its first batch to its last answer."""

    def __init__(
        self,
        policy: RetryPolicy,
        draw: Callable[[], float],
        new_request_key: Callable[[], str],
    ) -> None:
        self._policy = policy
        self._draw = draw
        self._new_request_key = new_request_key
        self._failures = 0
        self._unsent: deque[Batch] = deque()
        self._unanswered: deque[Batch] = deque()

    def add(self, submissions: Iterable[Submission]) -> None:
        """Take one batch in; a submission without a request key gets one."""
        assert not self.full, "an answer has to come first"
        self._unsent.append(
            tuple(
                one if one.request_key else replace(one, request_key=self._new_request_key())
                for one in submissions
            )
        )

    @property
    def full(self) -> bool:
        """Whether an answer has to come before another batch is taken in."""
        return len(self._unsent) + len(self._unanswered) >= WINDOW

    @property
    def waiting(self) -> bool:
        """Whether a batch is sent, or to be sent, whose answer has not come."""
        return bool(self._unsent or self._unanswered)

    def send(self) -> Batch | None:
        """The next batch to be sent, None where all are."""
        if not self._unsent:
            return None
        batch = self._unsent.popleft()
        self._unanswered.append(batch)
        return batch

    def answered(self) -> Batch:
        """The batch that the answer which has just come belongs to."""
        self._failures = 0
        return self._unanswered.popleft()

    def pause_after(self, error: HandbackError) -> float | None:
        """Seconds to wait before sending anew all that is unanswered; None to give up."""
        self._unsent.extendleft(reversed(self._unanswered))
        self._unanswered.clear()
        self._failures += 1
        return self._policy.pause_after(error, self._failures, self._draw)
