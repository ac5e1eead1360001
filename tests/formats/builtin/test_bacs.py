"""Two reports of Bacs: credits that came back (ARUCS), and credits that found another account
(AWACS)."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.builtin.laws import (
    assert_cut_is_told,
    assert_sound,
    outcomes,
    outcomes_in_any_order,
)
from formats.builtin.round_trip import Row, assert_round_trip
from formats.partner_layouts import read
from handback.formats.builtin import builtin, golden
from handback.partners.codes import BY_TEXT, CodeMap, ReasonClass

ARUCS, AWACS = builtin("bacs-arucs"), builtin("bacs-awacs")
RETURNS = golden("bacs-arucs").joinpath("returns.xml").read_bytes()
ADVICES = golden("bacs-awacs").joinpath("advices.xml").read_bytes()
BOTH = pytest.mark.parametrize(
    ("name", "content"), [("bacs-arucs", RETURNS), ("bacs-awacs", ADVICES)]
)

days = st.dates(date(2020, 1, 1), date(2030, 12, 31))
words = st.text("ABCDEFGHIJ <&>'\"0123456789", min_size=1, max_size=18).map(str.strip).filter(bool)
returned = st.fixed_dictionaries(
    {
        "reference": words,
        "transaction": st.just("99"),
        "code": st.sampled_from(sorted(ARUCS.codes)),
        "reason": words,
        "paid_on": days,
        "quantity": st.integers(1, 10**9),
        "currency": st.just("GBP"),
    }
)
advised = st.fixed_dictionaries(
    {
        "user_number": st.just("000000"),
        "record_type": st.just("A"),
        "reference": words,
        "code": st.sampled_from(sorted(AWACS.codes)),
        "answered_on": days,
    }
)


@settings(deadline=None, max_examples=40)
@given(rows=st.lists(returned, max_size=8), day=days)
def test_returns_are_read_as_they_were_written(rows: list[Row], day: date) -> None:
    facts = {"advice": "001", "answered_on": day, "account": "90000017"}
    reading = assert_round_trip(ARUCS.layout, facts, rows)
    assert set(reading.details["answered_on"]) <= {day}


@settings(deadline=None, max_examples=40)
@given(st.lists(advised, max_size=8))
def test_advices_are_read_as_they_were_written(rows: list[Row]) -> None:
    assert_round_trip(AWACS.layout, {}, rows)


@pytest.mark.parametrize(
    ("name", "file"), [("bacs-arucs", "new-reason.xml"), ("bacs-awacs", "new-reason.xml")]
)
def test_a_file_cut_anywhere_is_never_complete(name: str, file: str) -> None:
    content = golden(name).joinpath(file).read_bytes()
    assert_cut_is_told(builtin(name).layout, content, range(len(content.rstrip())))


@BOTH
def test_line_ends_and_blanks_mean_nothing(name: str, content: bytes) -> None:
    layout, lines = builtin(name).layout, content.splitlines()
    plain = outcomes(assert_sound(layout, content))
    for other in (
        b"\r\n".join(lines),
        b"".join(line.strip() for line in lines),
        b"\n\n".join(line + b"  " for line in lines) + b"\n",
    ):
        assert outcomes(assert_sound(layout, other)) == plain


def test_the_order_of_items_means_nothing() -> None:
    lines = RETURNS.splitlines(keepends=True)
    first = lines.index(next(line for line in lines if b"<ReturnedCreditItem" in line))
    lines[first], lines[first + 2] = lines[first + 2], lines[first]
    turned = assert_sound(ARUCS.layout, b"".join(lines))
    assert outcomes_in_any_order(turned) == outcomes_in_any_order(read(ARUCS.layout, RETURNS))


def test_the_reason_is_what_stands_before_the_day() -> None:
    reading = read(ARUCS.layout, RETURNS)
    assert set(reading.details["code"]) == set(ARUCS.codes)
    codes = CodeMap({code: BY_TEXT[name] for code, name in ARUCS.codes.items()})
    classes = codes.classify(reading.details)["reason_class"].to_list()
    fix, dead = ReasonClass.FIX_MEMBER, ReasonClass.DEAD
    assert classes == [fix, dead, fix, fix, dead, dead]


def test_a_credit_that_found_another_account_is_a_success() -> None:
    assert set(AWACS.codes.values()) == {str(ReasonClass.OK_CHANGED)}
    assert set(read(AWACS.layout, ADVICES).details["code"]) == set(AWACS.codes)
