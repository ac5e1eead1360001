"""ACH returns and notifications of change, as banks send them and as gateways pass them on."""

from __future__ import annotations

import random
import tomllib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.builtin.laws import (
    assert_cut_is_told,
    assert_dress_means_nothing,
    assert_sound,
    outcomes_in_any_order,
)
from formats.builtin.nacha_files import Addenda, Entry, batch, file_content, file_lines
from formats.partner_layouts import read
from handback.formats.builtin import builtin, golden
from handback.formats.findings import FindingCode, Severity

WHOLE, PARTIAL = builtin("nacha-returns"), builtin("nacha-returns-partial")
ROUTINGS = ["123456780", "987654320", "999999992"]
DIGITS = st.text("0123456789", min_size=15, max_size=15)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """A return, or a notification of change, which has no amount."""
    change = draw(st.booleans())
    codes = [code for code in WHOLE.codes if code.startswith("C" if change else "R")]
    addenda = Addenda(draw(st.sampled_from(codes)), draw(DIGITS), "798" if change else "799")
    before = () if change else draw(st.sampled_from([(), (replace(addenda, code="R07"),)]))
    return Entry(
        transaction_code=draw(st.sampled_from(["21", "26", "31", "36"])),
        routing=draw(st.sampled_from(ROUTINGS)),
        amount=0 if change else draw(st.integers(1, 10**10 - 1)),
        own_trace=draw(DIGITS),
        addenda=(*before, addenda),
        parties=draw(st.sampled_from([0, 7])),
    )


FILES = st.lists(st.lists(entries(), min_size=1, max_size=4), max_size=4)


@settings(deadline=None, max_examples=40)
@given(batches=FILES, chunk_records=st.sampled_from([5, 50_000]))
def test_what_a_bank_says_is_read(batches: list[list[Entry]], chunk_records: int) -> None:
    reading = read(WHOLE.layout, file_content(batches), chunk_records=chunk_records)
    assert reading.findings.is_empty(), reading.findings.rows()
    columns = ["reference", "code", "quantity", "partner_ref"]
    assert reading.details.select(columns).rows() == [
        (one.addenda[-1].trace, one.addenda[-1].code, one.amount or None, one.own_trace)
        for some in batches
        for one in some
    ]


@settings(deadline=None, max_examples=40)
@given(batches=FILES, seed=st.integers(0, 2**32))
def test_the_order_of_entries_and_batches_means_nothing(
    batches: list[list[Entry]], seed: int
) -> None:
    dice = random.Random(seed)
    shuffled = [dice.sample(some, len(some)) for some in dice.sample(batches, len(batches))]
    plain, other = (
        outcomes_in_any_order(assert_sound(WHOLE.layout, file_content(one)))
        for one in (batches, shuffled)
    )
    assert plain == other


@settings(deadline=None, max_examples=10)
@given(batches=FILES)
def test_how_lines_end_means_nothing(batches: list[list[Entry]]) -> None:
    assert_dress_means_nothing(WHOLE.layout, file_content(batches))
    assert_sound(WHOLE.layout, "".join(file_lines(batches)).encode())


@settings(deadline=None, max_examples=20)
@given(batches=FILES, data=st.data())
def test_a_cut_file_is_not_believed(batches: list[list[Entry]], data: st.DataObject) -> None:
    lines = file_lines(batches)
    content = "\n".join(line for line in lines if line != "9" * 94).encode()
    length = data.draw(st.integers(0, len(content) - 1))
    assert_cut_is_told(WHOLE.layout, content, [length])


def test_a_file_is_not_believed_wherever_its_end_is_cut() -> None:
    content = (golden("nacha-returns") / "every-outcome.ach").read_bytes()
    whole = len(content.rstrip(b"9\n"))  # nothing is lost with the lines that fill the file up
    assert_cut_is_told(WHOLE.layout, content, range(0, whole, 95))
    assert_cut_is_told(WHOLE.layout, content, range(whole - 94, whole))


def test_every_outcome_has_a_class_but_that_of_an_unlisted_code() -> None:
    content = (golden("nacha-returns") / "every-outcome.ach").read_bytes()
    codes = assert_sound(WHOLE.layout, content).details["code"].to_list()
    assert [code for code in codes if code not in WHOLE.codes] == ["R97"]
    assert {WHOLE.codes[code] for code in codes if code != "R97"} == set(WHOLE.codes.values())


def test_disputes_move_nothing_by_themselves() -> None:
    disputes = {f"R{number}" for number in (61, 62, *range(67, 78))}
    assert {WHOLE.codes[code] for code in disputes} == {"ops"}


def test_batches_alone_are_a_part_of_a_file() -> None:
    entry = Entry("21", ROUTINGS[0], 8, "9" * 15, [Addenda("R03", "1" * 15)])
    content = "\n".join(batch([entry])).encode()
    assert assert_sound(PARTIAL.layout, content).facts.records == 1
    assert read(WHOLE.layout, content).codes == [
        FindingCode.HEADER_MISSING,
        FindingCode.CONTROL_MISSING,
    ]


@pytest.mark.parametrize("wrong", ["000009", "      "])
def test_totals_of_a_part_are_compared_where_they_are_there(wrong: str) -> None:
    entry = Entry("21", ROUTINGS[0], 8, "9" * 15, [Addenda("R03", "1" * 15)])
    header, *body, control = batch([entry])
    content = "\n".join([header, *body, control[:4] + wrong + control[10:]]).encode()
    reading = read(PARTIAL.layout, content)
    assert FindingCode.COUNT_MISMATCH in reading.codes
    assert reading.facts.worst is Severity.QUARANTINE


def test_whole_files_and_parts_differ_only_in_what_has_to_be_there() -> None:
    whole, partial = records_of(WHOLE.source), records_of(PARTIAL.source)
    freed = {"header", "batch_control", "control"}
    assert {one["kind"] for one in whole if one.get("required")} - {
        one["kind"] for one in partial if one.get("required")
    } == freed
    bare = [
        {key: value for key, value in one.items() if key != "required" or one["kind"] not in freed}
        for one in whole
    ]
    assert bare == partial
    assert WHOLE.codes == PARTIAL.codes


def records_of(source: str) -> list[dict[str, Any]]:
    """The records of a layout as its text has them."""
    found: list[dict[str, Any]] = tomllib.loads(source)["records"]
    return found
