"""Returned items among the transactions of a BAI2 report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.builtin.laws import (
    assert_cut_is_told,
    assert_dress_means_nothing,
    assert_sound,
    outcomes_in_any_order,
)
from formats.partner_layouts import read
from handback.formats.builtin import builtin, golden
from handback.formats.findings import FindingCode, Severity

RETURNS = builtin("bai2-returns")
WHOLE = golden("bai2-returns").joinpath("every-outcome.bai").read_bytes()

words = st.text("ABCDEF 0123456789-", min_size=1, max_size=12).map(str.strip).filter(bool)


@dataclass(frozen=True)
class Item:
    """A transaction; no text of it looks like the beginning of a record."""

    code: str
    amount: int
    funds: str
    own: str
    reference: str
    text: Sequence[str]

    @property
    def lines(self) -> list[str]:
        """The records: the first ends in a slash, those that go on may not."""
        parts = {"V": ",260302,0930", "S": ",1,2,3"}.get(self.funds, "")
        first = f"16,{self.code},{self.amount},{self.funds}{parts},{self.own},{self.reference},"
        return [f"{first}{self.text[0]}/", *(f"88,{more}" for more in self.text[1:])]


items = st.builds(
    Item,
    code=st.sampled_from([*sorted(RETURNS.codes), "165", "475"]),
    amount=st.integers(0, 10**15),
    funds=st.sampled_from(["", "0", "1", "2", "Z", "V", "S"]),
    own=words,
    reference=words,
    text=st.lists(words, min_size=1, max_size=3),
)
accounts = st.lists(st.lists(items, max_size=5), min_size=1, max_size=3)


def report(held: Sequence[Sequence[Item]]) -> bytes:
    """A report of one group, without the layout that reads it."""
    lines = ["01,EXBANK,EXAIR,260303,0600,001,80,1,2/", "02,EXAIR,EXBANK,1,260302,,USD,2/"]
    for number, some in enumerate(held):
        body = [line for one in some for line in one.lines]
        lines += [f"03,00012345{number},USD,010,500,,/", *body, f"49,0,{len(body) + 2}/"]
    lines += [f"98,0,{len(held)},{len(lines)}/", f"99,0,1,{len(lines) + 2}/"]
    return ("\n".join(lines) + "\n").encode()


@settings(deadline=None, max_examples=40)
@given(held=accounts, chunk_records=st.sampled_from([3, 50_000]))
def test_what_came_back_is_read_and_nothing_else(
    held: list[list[Item]], chunk_records: int
) -> None:
    reading = read(RETURNS.layout, report(held), chunk_records=chunk_records)
    assert reading.findings.is_empty(), reading.findings.rows()
    assert reading.details.select("code", "quantity", "partner_ref", "reference").rows() == [
        (one.code, one.amount, one.own, one.reference)
        for some in held
        for one in some
        if one.code in RETURNS.codes
    ]


@settings(deadline=None, max_examples=20)
@given(accounts)
def test_the_order_of_accounts_and_items_means_nothing(held: list[list[Item]]) -> None:
    turned = [some[::-1] for some in held[::-1]]
    plain, other = (
        outcomes_in_any_order(assert_sound(RETURNS.layout, report(one))) for one in (held, turned)
    )
    assert plain == other


def test_a_file_cut_anywhere_is_never_complete() -> None:
    whole = WHOLE.rstrip()
    assert_sound(RETURNS.layout, whole)
    assert_cut_is_told(RETURNS.layout, whole, range(0, len(whole), 7))
    assert_cut_is_told(RETURNS.layout, whole, range(len(whole) - 20, len(whole)))


def test_line_ends_and_blanks_mean_nothing() -> None:
    assert_dress_means_nothing(RETURNS.layout, WHOLE)


def test_the_slash_may_be_missing_where_a_line_ends() -> None:
    assert_sound(RETURNS.layout, WHOLE.replace(b"/\n", b"\n"))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"98,1153700,2", b"98,1153700,3", FindingCode.COUNT_MISMATCH),
        (b"99,1153700,1", b"99,1153700,2", FindingCode.COUNT_MISMATCH),
        (b"49,1150000,11", b"49,1150000,10", FindingCode.COUNT_MISMATCH),
        (b"98,1153700,2,19", b"98,1153700,2,18", FindingCode.COUNT_MISMATCH),
        (b"99,1153700,1,21", b"99,1153700,1,22", FindingCode.COUNT_MISMATCH),
        (
            b"98,1153700,2,19/\n99,1153700,1,21",
            b"99,1153700,1,20",
            FindingCode.GROUP_CONTROL_MISSING,
        ),
    ],
)
def test_controls_that_disagree_are_told(old: bytes, new: bytes, code: FindingCode) -> None:
    reading = read(RETURNS.layout, WHOLE.replace(old, new))
    assert reading.codes == [code]
    assert reading.facts.worst is Severity.QUARANTINE


def test_every_code_of_the_map_is_shown() -> None:
    assert set(read(RETURNS.layout, WHOLE).details["code"]) == set(RETURNS.codes)
