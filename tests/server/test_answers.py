"""Answers to submits: the message that is written from a pattern is the message written in full."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from handback.lifecycle.table import State
from handback.redemptions.queries import RedemptionView
from handback_server import convert
from handback_server._stubs.v1 import lifecycle_pb2

AT = datetime(2026, 3, 2, 12, 0, 0, 1, tzinfo=UTC)
_TEXT = st.text(max_size=8)
_NUMBER = st.integers(0, 2**62)
_FEW = st.integers(0, 2)
_INSTANT = st.none() | st.sampled_from([AT, AT + timedelta(days=1)])
# Few values of each, so that patterns are met again.
_VIEWS = st.builds(
    RedemptionView,
    redemption_id=_NUMBER,
    programme=st.sampled_from(["aurora", "borealis"]),
    partner=st.sampled_from(["skyways", ""]),
    member_ref=_TEXT,
    unit=st.sampled_from(["miles", "points"]),
    quantity=_NUMBER,
    state=st.sampled_from(State),
    attempt=_FEW,
    version=_FEW,
    held=_NUMBER,
    fulfilled=_FEW,
    submitted_at=st.sampled_from([AT, AT + timedelta(microseconds=1)]),
    due_at=_INSTANT,
    next_cut_off_at=_INSTANT,
)


@given(st.lists(_VIEWS, min_size=1, max_size=20))
def test_a_redemption_from_a_pattern_is_the_one_in_full(views: list[RedemptionView]) -> None:
    for view in views:
        message = lifecycle_pb2.Redemption()
        convert.put_redemption(message, view)
        assert message == convert.redemption(view)
