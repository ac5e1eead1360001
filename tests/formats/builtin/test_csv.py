"""Answers as a table with names in its first line."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.builtin.laws import (
    assert_dress_means_nothing,
    assert_sound,
    outcomes,
    outcomes_in_any_order,
)
from formats.builtin.round_trip import Row, assert_round_trip, written
from formats.partner_layouts import read
from handback.formats.builtin import builtin
from handback.formats.findings import FindingCode, Severity

LAYOUT = builtin("csv").layout
TEXTS = st.text("aZ09 ,;|\"'-_/%ß表\n", min_size=1, max_size=12).map(str.strip).filter(bool)
ROWS: st.SearchStrategy[list[Row]] = st.lists(
    st.fixed_dictionaries(
        {
            "reference": TEXTS,
            "code": TEXTS,
            "quantity": st.none() | st.integers(-(10**12), 10**12),
        }
    ),
    min_size=1,
    max_size=8,
)


@settings(deadline=None, max_examples=40)
@given(rows=ROWS)
def test_what_is_written_is_read_again(rows: list[Row]) -> None:
    assert_round_trip(LAYOUT, {}, rows)


@settings(deadline=None, max_examples=15)
@given(rows=ROWS, seed=st.integers(0, 2**32))
def test_the_order_of_rows_means_nothing(rows: list[Row], seed: int) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))
    plain, other = (
        outcomes_in_any_order(assert_sound(LAYOUT, written(LAYOUT, {}, one)))
        for one in (rows, shuffled)
    )
    assert plain == other


def test_how_lines_end_means_nothing() -> None:
    content = b'Reference,Code,Quantity\nHB-1,"no, closed",\nHB-2,0000,15\n'
    assert_dress_means_nothing(LAYOUT, content)


@pytest.mark.parametrize(
    "names",
    ["Quantity,Code,Reference", "miles,STATUS,ref", "Points, Result Code ,\ufeffTransaction  ID"],
)
def test_names_are_found_however_they_are_written(names: str) -> None:
    plain = assert_sound(LAYOUT, b"Reference,Code,Quantity\nHB-1,0000,15\n")
    other = assert_sound(LAYOUT, f"{names}\n15,0000,HB-1\n".encode())
    assert outcomes(other) == outcomes(plain)


def test_two_columns_that_could_be_the_code_are_never_guessed_between() -> None:
    reading = read(LAYOUT, b"Reference,Status,Reason code,Quantity\nHB-1,done,0000,15\n")
    assert reading.codes == [FindingCode.COLUMN_REPEATED]
    assert reading.facts.worst is Severity.QUARANTINE


def test_a_cut_table_is_not_told_from_a_whole_one_but_its_last_row_may_be_rejected() -> None:
    content = b"Reference,Code,Quantity\nHB-1,0000,1500\nHB-2,0000,1500\n"
    assert read(LAYOUT, content[: content.rindex(b"HB-2")]).findings.is_empty()
    assert read(LAYOUT, content[: content.rindex(b"0000")]).codes == [FindingCode.CELL_COUNT]
