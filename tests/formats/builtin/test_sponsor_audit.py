"""A sponsor's file of miles that comes back with its audit area filled in."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from formats.builtin.laws import (
    assert_cut_is_told,
    assert_dress_means_nothing,
    assert_sound,
    outcomes,
    outcomes_in_any_order,
)
from formats.builtin.sponsor_files import Reward, sponsor_file, sponsor_lines
from formats.partner_layouts import read
from handback.formats.builtin import builtin, golden
from handback.formats.findings import FindingCode, Severity
from handback.partners.codes import BY_TEXT, CodeMap, ReasonClass

FORMAT = builtin("sponsor-audit")
CODES = CodeMap({code: BY_TEXT[text] for code, text in FORMAT.codes.items()})
ACCOUNTS = st.integers(10**10, 10**11 - 1).map(str)


@st.composite
def rewards(draw: st.DrawFn) -> Reward:
    """A record with any outcome."""
    status = draw(st.sampled_from(["", "W", "M", "R", "E"]))
    return Reward(
        account=draw(ACCOUNTS),
        reference=draw(st.text("0123456789", min_size=20, max_size=20)),
        miles=draw(st.integers(-(10**9) + 1, 10**9 - 1)),
        status=status,
        flags="".join(sorted(draw(st.sets(st.sampled_from("13456"))))) if status == "E" else "",
        merged_into=draw(ACCOUNTS) if status in ("M", "R") else "",
        audited=bool(status) or draw(st.booleans()),
    )


def code_of(reward: Reward) -> str:
    """What the file says of a record, as we write it."""
    if not reward.status:
        return "A" if reward.audited else "N"
    return "+".join(f"{reward.status}/{flag}" for flag in reward.flags) or reward.status


FILES = st.lists(rewards(), max_size=6)


@settings(deadline=None, max_examples=50)
@given(rewards=FILES, chunk_records=st.sampled_from([2, 50_000]))
def test_what_a_programme_says_is_read(rewards: list[Reward], chunk_records: int) -> None:
    reading = read(FORMAT.layout, sponsor_file(rewards), chunk_records=chunk_records)
    assert reading.findings.is_empty(), reading.findings.rows()
    columns = ["reference", "code", "quantity", "member_ref"]
    assert reading.details.select(columns).rows() == [
        (one.reference, code_of(one), one.miles, one.merged_into or one.account) for one in rewards
    ]


@settings(deadline=None, max_examples=25)
@given(rewards=FILES, seed=st.integers(0, 2**32))
def test_the_order_of_records_means_nothing(rewards: list[Reward], seed: int) -> None:
    shuffled = random.Random(seed).sample(rewards, len(rewards))
    plain, other = (
        outcomes_in_any_order(assert_sound(FORMAT.layout, sponsor_file(one)))
        for one in (rewards, shuffled)
    )
    assert plain == other


@settings(deadline=None, max_examples=10)
@given(rewards=FILES)
def test_how_lines_end_means_nothing(rewards: list[Reward]) -> None:
    content = sponsor_file(rewards)
    plain = outcomes(assert_sound(FORMAT.layout, content))
    assert_dress_means_nothing(FORMAT.layout, content)
    runs_on = "".join(sponsor_lines(rewards)).encode()
    assert outcomes(assert_sound(FORMAT.layout, runs_on)) == plain


def test_a_file_that_lost_a_record_is_not_believed() -> None:
    content = (golden("sponsor-audit") / "every-outcome.txt").read_bytes()
    last_record = content.rstrip(b"\n").rfind(b"\n") + 1
    assert_cut_is_told(FORMAT.layout, content, range(0, last_record, 17))
    assert_cut_is_told(FORMAT.layout, content, range(last_record - 20, last_record + 1))


def test_of_a_last_record_only_its_flags_can_be_lost() -> None:
    content = sponsor_file([Reward("80000000001", "1", 700, "E", "15")])
    for length in range(len(content) - 251, len(content)):
        reading = read(FORMAT.layout, content[:length])
        believed = reading.facts.worst is None
        if believed:
            (code,) = reading.details["code"]
            assert CODES.find(code) in (ReasonClass.OPS, ReasonClass.FIX_MEMBER, ReasonClass.DEAD)


def test_an_echo_of_the_request_is_no_answer() -> None:
    sent = [Reward("80000000001", "1", 700, audited=False)]
    content = "\n".join(sponsor_lines(sent, audited=False)).encode()
    reading = read(FORMAT.layout, content)
    assert reading.facts.worst is Severity.QUARANTINE
    assert FindingCode.FIELD_MISSING in reading.codes


def test_of_several_flags_the_strictest_counts() -> None:
    closed_and_unknown = Reward("80000000001", "1", 700, "E", "15")
    codes = assert_sound(FORMAT.layout, sponsor_file([closed_and_unknown])).details
    assert CODES.classify(codes)["reason_class"].to_list() == [ReasonClass.DEAD]
