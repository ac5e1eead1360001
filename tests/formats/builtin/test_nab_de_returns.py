"""Direct entry returns: payments that came back, each with a code of one digit."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from formats.builtin.laws import (
    assert_cut_is_told,
    assert_dress_means_nothing,
    assert_sound,
    outcomes_in_any_order,
)
from formats.builtin.round_trip import Row, assert_round_trip
from formats.partner_layouts import read
from handback.formats.builtin import builtin, golden

RETURNS = builtin("nab-de-returns")
FACTS = {
    "reel": "01",
    "bank": "NAB",
    "user_name": "EXAMPLE PAYER",
    "user_number": "123456",
    "description": "EX RETURNS",
    "created_on": date(2026, 3, 2),
}
WHOLE = golden("nab-de-returns").joinpath("returns.txt").read_bytes()

words = st.text("ABCDEFGHIJ 0123456789", min_size=1, max_size=16).map(str.strip).filter(bool)
accounts = st.integers(1, 10**9 - 1).map(str)
branches = st.tuples(st.integers(0, 999), st.integers(0, 999)).map(
    lambda pair: "{:03}-{:03}".format(*pair)
)
files = st.lists(
    st.fixed_dictionaries(
        {
            "bsb": branches,
            "account": accounts,
            "code": st.sampled_from("123456789"),
            "transaction": st.sampled_from(["13", "50", "53", "57"]),
            "quantity": st.integers(0, 10**8),
            "title": words,
            "reference": words,
            "trace_bsb": branches,
            "trace_account": accounts,
            "remitter": words,
            "original_day": st.integers(1, 31).map("{:02}".format),
            "original_user": st.just("123456"),
        }
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=40)
@given(files)
def test_returns_are_read_as_they_were_written(rows: list[Row]) -> None:
    assert_round_trip(RETURNS.layout, FACTS, rows)


def test_a_file_cut_anywhere_is_never_complete() -> None:
    header, first, *_ = WHOLE.splitlines(keepends=True)
    total = f"7999-999{'':12}{10000:010}{10000:010}{0:010}{'':24}{1:06}{'':40}".encode()
    whole = header + first + total
    assert_sound(RETURNS.layout, whole)
    assert_cut_is_told(RETURNS.layout, whole, range(len(whole)))


def test_line_ends_and_blanks_mean_nothing() -> None:
    assert_dress_means_nothing(RETURNS.layout, WHOLE)


def test_the_order_of_rows_means_nothing() -> None:
    header, *rows, total = WHOLE.splitlines(keepends=True)
    turned = assert_sound(RETURNS.layout, b"".join([header, *reversed(rows), total]))
    plain = outcomes_in_any_order(read(RETURNS.layout, WHOLE))
    assert outcomes_in_any_order(turned) == plain


def test_every_code_of_the_golden_file_has_a_class() -> None:
    codes = set(read(RETURNS.layout, WHOLE).details["code"])
    assert codes == set(RETURNS.codes)
