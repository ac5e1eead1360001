"""Two reports of Bacs in one format: credits that came back (ARUCS), and credits that found
another account (AWACS)."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.builtin.bacs_files import Advised, Returned, arucs, awacs
from formats.builtin.laws import (
    assert_cut_is_told,
    assert_sound,
    outcomes,
    outcomes_in_any_order,
)
from formats.partner_layouts import read
from handback.formats.builtin import builtin, golden
from handback.partners.codes import BY_TEXT, CodeMap, ReasonClass

BACS = builtin("bacs-credits")
GOLDEN = golden("bacs-credits")
PAID, REPORTED = date(2026, 3, 2), date(2026, 3, 4)
BOTH = pytest.mark.parametrize(
    "content",
    [
        arucs([[Returned("EX1", "0", 6500, PAID)]], REPORTED),
        awacs([Advised("EX1", "3", REPORTED)]),
    ],
    ids=["arucs", "awacs"],
)

days = st.dates(date(2020, 1, 1), date(2030, 12, 31))
words = st.text("ABCDEFGHIJ <&>'\"0123456789é", min_size=1, max_size=18)
references = words.map(str.strip).filter(bool)
returned = st.builds(Returned, references, st.sampled_from("0235BC"), st.integers(1, 10**9), days)
advised = st.builds(Advised, references, st.sampled_from("03"), days)


@settings(deadline=None, max_examples=40)
@given(accounts=st.lists(st.lists(returned, max_size=4), max_size=3), day=days)
def test_what_came_back_is_read(accounts: list[list[Returned]], day: date) -> None:
    reading = assert_sound(BACS.layout, arucs(accounts, day))
    assert reading.details.select("reference", "code", "quantity", "answered_on").rows() == [
        (one.reference, f"ARUCS/{one.reason}", one.pence, day) for some in accounts for one in some
    ]


@settings(deadline=None, max_examples=40)
@given(st.lists(advised, max_size=8))
def test_what_found_another_account_is_read(advices: list[Advised]) -> None:
    reading = assert_sound(BACS.layout, awacs(advices))
    assert reading.details.select("reference", "code", "answered_on").rows() == [
        (one.reference, f"AWACS/{one.reason}", one.effective) for one in advices
    ]
    assert reading.details["quantity"].null_count() == len(advices)


@BOTH
def test_a_report_cut_anywhere_is_never_complete(content: bytes) -> None:
    assert_cut_is_told(BACS.layout, content, range(len(content.rstrip())))


@BOTH
def test_line_ends_and_blanks_mean_nothing(content: bytes) -> None:
    lines = content.splitlines()
    plain = outcomes(assert_sound(BACS.layout, content))
    for other in (
        b"\r\n".join(lines),
        b"".join(lines),
        b"\n\n".join(line + b"  " for line in lines) + b"\n",
    ):
        assert outcomes(assert_sound(BACS.layout, other)) == plain


@settings(deadline=None, max_examples=20)
@given(items=st.lists(returned, max_size=6), data=st.data())
def test_the_order_of_items_means_nothing(items: list[Returned], data: st.DataObject) -> None:
    turned = data.draw(st.permutations(items))
    plain, other = (read(BACS.layout, arucs([one], REPORTED)) for one in (items, turned))
    assert outcomes_in_any_order(plain) == outcomes_in_any_order(other)


def test_one_sign_means_what_its_report_says() -> None:
    codes = CodeMap({code: BY_TEXT[name] for code, name in BACS.codes.items()})
    came_back = GOLDEN.joinpath("arucs-returns.xml").read_bytes()
    arrived = GOLDEN.joinpath("awacs-advices.xml").read_bytes()
    details = [read(BACS.layout, one).details for one in (came_back, arrived)]
    returned, advised = (codes.classify(one)["reason_class"].to_list() for one in details)
    fix, dead = ReasonClass.FIX_MEMBER, ReasonClass.DEAD
    assert returned == [fix, dead, fix, fix, dead, dead]
    assert advised == [ReasonClass.OK_CHANGED] * 2
    assert codes.find("ARUCS/Z") is codes.find("AWACS/2") is None
