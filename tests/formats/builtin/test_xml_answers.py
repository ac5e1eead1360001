"""Answers as plain XML."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from formats.builtin.laws import (
    assert_cut_is_told,
    assert_sound,
    dressed,
    outcomes,
    outcomes_in_any_order,
)
from formats.builtin.round_trip import Row, assert_round_trip, written
from formats.partner_layouts import read
from handback.formats.builtin import builtin, golden
from handback.formats.findings import FindingCode

LAYOUT = builtin("xml").layout
WHOLE = (golden("xml") / "answers.xml").read_bytes()
TEXTS = st.text("AZaz019-_/.&<>\"'äßЖ ", min_size=1, max_size=12).filter(
    lambda text: text == text.strip()
)
ROWS: st.SearchStrategy[list[Row]] = st.lists(
    st.fixed_dictionaries(
        {
            "reference": TEXTS,
            "code": TEXTS,
            "quantity": st.none() | st.integers(-(10**12), 10**12),
            "unit": st.none() | st.just("miles"),
        }
    ),
    min_size=1,
    max_size=8,
)


@settings(deadline=None, max_examples=50)
@given(rows=ROWS)
def test_what_is_written_is_read_again(rows: list[Row]) -> None:
    assert_round_trip(LAYOUT, {"message_id": "M1"}, rows)


@settings(deadline=None, max_examples=25)
@given(rows=ROWS, seed=st.integers(0, 2**32))
def test_the_order_of_answers_means_nothing(rows: list[Row], seed: int) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))
    plain, other = (
        outcomes_in_any_order(assert_sound(LAYOUT, written(LAYOUT, {}, one)))
        for one in (rows, shuffled)
    )
    assert plain == other


def test_a_file_cut_anywhere_is_not_believed() -> None:
    assert_cut_is_told(LAYOUT, WHOLE.rstrip(), range(len(WHOLE.rstrip())))


def test_line_ends_a_byte_order_mark_and_blanks_mean_nothing() -> None:
    plain = outcomes(assert_sound(LAYOUT, WHOLE))
    for dress, other in dressed(WHOLE).items():
        if dress != "control z":  # which no XML may have
            assert outcomes(assert_sound(LAYOUT, other)) == plain, dress


def test_a_file_about_something_else_is_not_believed() -> None:
    assert read(LAYOUT, b"<html><body/></html>").codes == [FindingCode.EMPTY_FILE]
