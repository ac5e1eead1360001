"""Answers to a bank's transfers: day, amount, reference, outcome."""

from __future__ import annotations

import random
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.builtin.laws import (
    assert_dress_means_nothing,
    assert_sound,
    outcomes_in_any_order,
)
from formats.builtin.round_trip import Row, assert_round_trip, written
from formats.partner_layouts import read
from handback.formats.builtin import builtin, golden

FORMAT = builtin("transferconnect")
TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
ROWS: st.SearchStrategy[list[Row]] = st.lists(
    st.fixed_dictionaries(
        {
            "answered_on": st.dates(date(2000, 1, 1), date(2060, 1, 1)),
            "quantity": st.integers(0, 10**12),
            "reference": TEXTS,
            "code": st.sampled_from([*FORMAT.codes, "0042"]),
        }
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=50)
@given(rows=ROWS)
def test_what_is_written_is_read_again(rows: list[Row]) -> None:
    if rows:
        assert_round_trip(FORMAT.layout, {}, rows)


@settings(deadline=None, max_examples=25)
@given(rows=ROWS.filter(bool), seed=st.integers(0, 2**32))
def test_the_order_of_rows_means_nothing(rows: list[Row], seed: int) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))
    plain, other = (
        outcomes_in_any_order(assert_sound(FORMAT.layout, written(FORMAT.layout, {}, one)))
        for one in (rows, shuffled)
    )
    assert plain == other


@settings(deadline=None, max_examples=10)
@given(rows=ROWS.filter(bool))
def test_how_lines_end_means_nothing(rows: list[Row]) -> None:
    assert_dress_means_nothing(FORMAT.layout, written(FORMAT.layout, {}, rows))


def test_no_row_becomes_a_success_by_being_cut() -> None:
    """No trailer tells a whole file, but what is left of a row goes to a person."""
    content = b"2026-01-05,1500,HB-EXAMPLE-0001,0003"
    for length in range(len(content)):
        codes = read(FORMAT.layout, content[:length]).details["code"]
        assert not set(codes) & set(FORMAT.codes), length


@pytest.mark.parametrize("names", [b"Transfer date,Amount,Reference number,Outcome code\n", b""])
def test_names_of_columns_may_come_first(names: bytes) -> None:
    rows = (golden("transferconnect") / "every-outcome.csv").read_bytes()
    codes = assert_sound(FORMAT.layout, names + rows).details["code"].to_list()
    assert codes == [*(code for code in FORMAT.codes if len(code) == 4), "0042"]
