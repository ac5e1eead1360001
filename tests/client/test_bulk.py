"""Submissions in bulk are answered once each and in order, wherever the stream breaks."""

from __future__ import annotations

from collections import deque
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from handback_client.bulk import WINDOW, Batch, Bulk
from handback_client.errors import Refusal, error_of
from handback_client.models import Submission
from handback_client.retry import ALWAYS, RetryPolicy

LOST = error_of(Refusal("UNAVAILABLE"))


def bulk(policy: RetryPolicy = ALWAYS) -> Bulk:
    numbers = count(1)
    return Bulk(policy, lambda: 0.5, lambda: f"key-{next(numbers)}")


def one(request_key: str = "") -> Submission:
    return Submission(
        partner="skyways", member_ref="m", quantity=1, unit="miles", request_key=request_key
    )


@given(batches=st.integers(0, 12), cuts=st.lists(st.integers(0, 6), max_size=12))
def test_every_batch_is_answered_once_and_in_order(batches: int, cuts: list[int]) -> None:
    """Each cut: after so many answers the stream breaks and what is on its way is lost."""
    state, answered = bulk(), []
    waiting = deque(range(batches))
    wire: deque[Batch] = deque()
    breaks, left = deque(cuts), cuts[0] if cuts else -1
    while waiting or state.waiting:
        while waiting and not state.full:
            state.add([one(f"order-{waiting.popleft()}")])
        while (batch := state.send()) is not None:
            wire.append(batch)
        assert len(wire) <= WINDOW
        if breaks and left == 0:
            assert state.pause_after(LOST) is not None
            wire.clear()
            breaks.popleft()
            left = breaks[0] if breaks else -1
            continue
        left -= 1
        sent = wire.popleft()
        assert state.answered() == sent
        answered += [submission.request_key for submission in sent]
    assert answered == [f"order-{number}" for number in range(batches)]


def test_a_submission_without_a_key_gets_one_and_keeps_it_when_sent_again() -> None:
    state = bulk()
    state.add([one(), one("mine"), one()])
    first = state.send()
    assert first is not None
    assert [submission.request_key for submission in first] == ["key-1", "mine", "key-2"]
    state.pause_after(LOST)
    assert state.send() == first


def test_pauses_grow_until_something_is_answered() -> None:
    state = bulk()
    state.add([one()])
    state.add([one()])
    assert [state.pause_after(LOST) for _ in range(3)] == [0.05, 0.1, 0.2]
    state.send()
    state.answered()
    assert state.pause_after(LOST) == 0.05


def test_it_gives_up_where_nothing_would_help() -> None:
    state = bulk()
    state.add([one()])
    assert (
        state.pause_after(error_of(Refusal("INVALID_ARGUMENT", reason="INVALID_REQUEST"))) is None
    )
    assert bulk(RetryPolicy(max_attempts=1)).pause_after(LOST) is None
