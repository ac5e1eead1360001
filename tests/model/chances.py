"""What chance draws from: terms, what a partner may say, how time passes."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from model.terms import CLASSES, Agreed

ANY = st.integers(0, 10**6)
AGREED = st.builds(
    Agreed,
    style=st.sampled_from(["full", "exceptions_only", "successes_only"]),
    silence_class=st.sampled_from(["ops", "temporary", "later", "dead"]),
    window_days=st.sampled_from([1, 5]),
    return_days=st.sampled_from([None, 10]),
    partial=st.sampled_from(["review", "release", "resubmit"]),
    tolerance=st.sampled_from([0, 2]),
    fee=st.sampled_from(["credited", "short"]),
    normalised=st.booleans(),
    returned=st.sampled_from(["review", "fail", "retry"]),
    fix_member=st.sampled_from(["review", "never"]),
)
# Which life and which of its attempts, the code, the quantity beside what was asked, the fee;
# whether it names another member, and whether it spells the reference in another way.
SAID = st.tuples(
    ANY,
    st.sampled_from([0, 0, 0, 1, 2]),
    st.sampled_from([*CLASSES, *["0000"] * 5, *["0601"] * 5]),
    st.sampled_from([0, 0, 0, 0, -40, -40, -1, 2, 30, -(10**9)]),
    st.sampled_from([0, 0, 0, 1, 40]),
    st.sampled_from([False] * 9 + [True]),
    st.sampled_from([False] * 4 + [True]),
)
Said = tuple[int, int, str, int, int, bool, bool]
JUMPS = [timedelta(seconds=2), timedelta(hours=5), timedelta(days=1), timedelta(days=8)]
