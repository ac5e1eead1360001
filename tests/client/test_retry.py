"""What is repeated, after what pause, and within what budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handback_client.errors import HandbackError, Refusal, error_of
from handback_client.retry import ALWAYS, Attempts, RetryPolicy

AWAY = error_of(Refusal("UNAVAILABLE", reason="STORE_UNAVAILABLE"))


class Seconds:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@given(
    failures=st.integers(1, 5_000),
    draw=st.floats(0, 1),
    first_s=st.floats(0.001, 10),
    longest_s=st.floats(0.001, 100),
)
def test_a_pause_is_never_longer_than_its_doubled_bound(
    failures: int, draw: float, first_s: float, longest_s: float
) -> None:
    policy = RetryPolicy(max_attempts=None, first_wait_s=first_s, longest_wait_s=longest_s)
    pause_s = policy.pause_after(AWAY, failures, lambda: draw)
    assert pause_s is not None
    assert 0 <= pause_s <= longest_s
    assert pause_s <= first_s * 2.0 ** min(failures - 1, 1_000)


def test_pauses_double_up_to_the_longest() -> None:
    policy = RetryPolicy(max_attempts=None, first_wait_s=0.1, longest_wait_s=0.5)
    pauses = [policy.pause_after(AWAY, failures, lambda: 1.0) for failures in range(1, 6)]
    assert pauses == [0.1, 0.2, 0.4, 0.5, 0.5]


def test_the_pause_the_server_asked_for_is_the_least() -> None:
    busy = error_of(Refusal("RESOURCE_EXHAUSTED", reason="LIMIT_REACHED", retry_after_s=7.5))
    assert RetryPolicy().pause_after(busy, 1, lambda: 0.0) == 7.5


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal("RESOURCE_EXHAUSTED", reason="LIMIT_REACHED"),
        Refusal("ABORTED", reason="VERSION_CONFLICT"),
        Refusal("INVALID_ARGUMENT", reason="INVALID_REQUEST"),
        Refusal("FAILED_PRECONDITION", reason="ILLEGAL_TRANSITION"),
        Refusal("DEADLINE_EXCEEDED"),
        Refusal("INTERNAL", reason="INTERNAL"),
        Refusal("UNKNOWN"),
    ],
)
def test_what_does_not_pass_by_itself_is_not_repeated(refusal: Refusal) -> None:
    assert ALWAYS.pause_after(error_of(refusal), 1, lambda: 0.0) is None


@pytest.mark.parametrize("status", ["INTERNAL", "CANCELLED"])
def test_an_end_without_a_reason_is_a_broken_connection(status: str) -> None:
    assert ALWAYS.pause_after(error_of(Refusal(status)), 1, lambda: 0.0) == 0.0


def test_attempts_are_counted_with_the_first() -> None:
    attempts = Attempts(RetryPolicy(max_attempts=3), 60.0, Seconds(), lambda: 0.0)
    assert [attempts.pause_after(AWAY) for _ in range(3)] == [0.0, 0.0, None]


def test_a_pause_that_would_outlive_the_deadline_is_not_made() -> None:
    clock = Seconds()
    attempts = Attempts(RetryPolicy(first_wait_s=4.0, longest_wait_s=4.0), 10.0, clock, lambda: 1.0)
    assert attempts.left_s() == 10.0
    clock.now += 5.0
    assert attempts.pause_after(AWAY) == 4.0
    clock.now += 4.0
    assert attempts.left_s() == 1.0
    assert attempts.pause_after(AWAY) is None
    clock.now += 4.0
    assert 0.0 < attempts.left_s() <= 0.001


@given(
    pauses=st.lists(st.floats(0, 1), max_size=50),
    deadline_s=st.floats(0, 20),
    work_s=st.floats(0, 3),
)
def test_all_tries_together_stay_within_the_deadline(
    pauses: list[float], deadline_s: float, work_s: float
) -> None:
    clock, draws = Seconds(), iter([*pauses, *[1.0] * 100])
    attempts = Attempts(RetryPolicy(max_attempts=40), deadline_s, clock, lambda: next(draws))
    began, pause_s = clock.now, 0.0
    while True:
        clock.now += min(work_s, attempts.left_s())
        found = attempts.pause_after(AWAY)
        if found is None:
            break
        pause_s = found
        clock.now += pause_s
    assert clock.now - began <= deadline_s + 40 * 0.001 + 1e-6


def test_every_error_says_whether_it_passes() -> None:
    assert isinstance(AWAY, HandbackError)
    assert RetryPolicy(max_attempts=1).pause_after(AWAY, 1, lambda: 0.0) is None
