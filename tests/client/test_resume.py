"""A watch that is cut off anywhere gives every event once, in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handback_client.errors import Refusal, error_of
from handback_client.models import CauseKind, Event, EventBatch, ReasonClass, State, Trigger
from handback_client.resume import Resume
from handback_client.retry import ALWAYS, RetryPolicy

LOST = error_of(Refusal("UNAVAILABLE"))


def event(position: int) -> Event:
    return Event(
        redemption_id=f"rdm_{position:013}",
        version=1,
        trigger=Trigger.SUBMIT,
        from_state=State.NONE,
        to_state=State.SUBMITTED,
        attempt=0,
        quantity=5,
        unit="miles",
        partner="skyways",
        reason_class=ReasonClass.NONE,
        reason_code="",
        file_id="",
        ordinal=0,
        block_id="blk_0000000000001",
        committed_at=None,
        cause=CauseKind.COMMAND,
        cause_id="",
        actor="test",
        trace_context="",
        position=position,
        cursor=str(position),
        comment="",
        changed=(),
    )


def batch(*positions: int, cursor: int | None = None, caught_up: bool = False) -> EventBatch:
    end = cursor if cursor is not None else positions[-1]
    return EventBatch(events=tuple(map(event, positions)), cursor=str(end), caught_up=caught_up)


def resume(after: str = "0", policy: RetryPolicy = ALWAYS) -> Resume:
    return Resume(after, policy, lambda: 0.5)


class Journal:
    """Positions 1 to n, of which a filter lets some pass, given out in batches of random sizes."""

    def __init__(self, positions: int, passing: set[int], sizes: list[int]) -> None:
        self.positions = positions
        self.passing = passing
        self._sizes = sizes

    def after(self, cursor: str) -> list[EventBatch]:
        batches, at = [], int(cursor)
        sizes = iter(self._sizes)
        while at < self.positions:
            end = min(self.positions, at + next(sizes, 3))
            found = [place for place in range(at + 1, end + 1) if place in self.passing]
            batches.append(batch(*found, cursor=end, caught_up=end == self.positions))
            at = end
        return batches


@given(
    positions=st.integers(0, 40),
    passing=st.sets(st.integers(1, 40)),
    sizes=st.lists(st.integers(1, 6), max_size=20),
    cuts=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 8)), max_size=30),
    in_batches=st.booleans(),
)
def test_no_event_is_lost_or_doubled_wherever_the_stream_breaks(
    positions: int,
    passing: set[int],
    sizes: list[int],
    cuts: list[tuple[int, int]],
    in_batches: bool,
) -> None:
    """Each cut: after so many responses the stream breaks, with so many events of it taken."""
    journal = Journal(positions, passing, sizes)
    watch, taken, marks = resume(), [], 0

    def take(at_most: int) -> None:
        nonlocal marks
        if in_batches:
            found = watch.take_batch()
            taken.extend(found.events)
            marks += found.caught_up
            return
        for _ in range(at_most):
            one = watch.take()
            if one is None:
                return
            taken.append(one)

    for responses, events in cuts:
        for answer in journal.after(watch.cursor)[:responses]:
            watch.received(answer)
            take(100)
        for answer in journal.after(watch.cursor)[:1]:
            watch.received(answer)
            take(events)
        assert watch.pause_after(LOST) is not None
    for answer in journal.after(watch.cursor):
        watch.received(answer)
        take(100)

    wanted = sorted(place for place in passing if place <= positions)
    assert [one.position for one in taken] == wanted
    assert marks <= 1


def test_the_cursor_moves_when_an_event_is_taken_and_not_before() -> None:
    watch = resume()
    watch.received(batch(3, 5, cursor=9))
    assert watch.cursor == "0"
    assert watch.take() == event(3)
    assert watch.cursor == "3"
    assert watch.take() == event(5)
    assert watch.cursor == "9"  # and with the last one also past what the filter left out
    assert watch.take() is None


def test_what_nobody_took_is_forgotten_when_the_stream_breaks() -> None:
    watch = resume()
    watch.received(batch(1, 2, cursor=4, caught_up=True))
    watch.take()
    watch.pause_after(LOST)
    assert watch.take() is None
    assert watch.cursor == "1"
    assert not watch.caught_up


def test_progress_alone_moves_the_cursor() -> None:
    watch = resume()
    watch.received(batch(cursor=7))
    assert watch.take() is None
    assert watch.cursor == "7"


def test_having_caught_up_is_said_once_and_holds_from_then_on() -> None:
    watch = resume()
    watch.received(batch(1, cursor=1))
    assert not watch.take_batch().caught_up
    watch.received(batch(cursor=1, caught_up=True))
    assert watch.take_batch() == batch(cursor=1, caught_up=True)
    watch.pause_after(LOST)
    watch.received(batch(2, cursor=2, caught_up=True))  # a new call says it again
    assert not watch.take_batch().caught_up
    assert watch.caught_up


def test_caught_up_holds_only_once_all_before_the_mark_is_taken() -> None:
    watch = resume()
    watch.received(batch(1, 2, cursor=2, caught_up=True))
    watch.take()
    assert not watch.caught_up
    watch.take()
    assert watch.caught_up


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal("OUT_OF_RANGE", reason="CURSOR_TOO_OLD", facts={"horizon": "41"}),
        Refusal("OUT_OF_RANGE", reason="CURSOR_AHEAD"),
        Refusal("INVALID_ARGUMENT", reason="INVALID_REQUEST"),
        Refusal("PERMISSION_DENIED", reason="NOT_ALLOWED"),
        Refusal("INTERNAL", reason="INTERNAL"),
    ],
)
def test_where_nothing_would_help_it_does_not_connect_again(refusal: Refusal) -> None:
    assert resume().pause_after(error_of(refusal)) is None


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal("UNAVAILABLE"),
        Refusal("UNAVAILABLE", reason="SHUTTING_DOWN"),
        Refusal("ABORTED", reason="CONSUMER_TOO_SLOW"),
        Refusal("RESOURCE_EXHAUSTED", reason="LIMIT_REACHED", retry_after_s=1.0),
    ],
)
def test_a_stream_that_was_cut_off_is_connected_again(refusal: Refusal) -> None:
    pause_s = resume().pause_after(error_of(refusal))
    assert pause_s == refusal.retry_after_s + 0.05


def test_pauses_grow_until_something_arrives() -> None:
    watch = resume()
    assert [watch.pause_after(LOST) for _ in range(3)] == [0.05, 0.1, 0.2]
    watch.received(batch(cursor=1))
    assert watch.pause_after(LOST) == 0.05


def test_it_gives_up_when_its_policy_does() -> None:
    watch = resume(policy=RetryPolicy(max_attempts=2, first_wait_s=0.0))
    assert watch.pause_after(LOST) == 0.0
    assert watch.pause_after(LOST) is None
