"""Zengin results: an answer that differs from what it answers by its totals alone."""

from __future__ import annotations

from datetime import date

import pytest
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
from handback.formats.findings import Severity

RESULTS = builtin("zengin-results")
WHOLE = golden("zengin-results").joinpath("every-outcome.txt").read_bytes()
FACTS = {"consignor": "0000012345", "answered_on": date(2026, 3, 2)}

# Half-width katakana take one byte each; names come out in full width.
names = st.text("ｱｲｳｴｵｶｷｸ", min_size=1, max_size=15)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "bank": st.just("9999"),
            "branch": st.just("001"),
            "account": st.integers(0, 10**7 - 1).map("{:07}".format),
            "holder": names,
            "quantity": st.integers(0, 10**10 - 1),
            "reference": st.integers(1, 10**20 - 1).map(str),
            "code": st.sampled_from("0123489"),
        }
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=40)
@given(rows)
def test_results_are_read_as_they_were_written(details: list[Row]) -> None:
    reading = assert_round_trip(RESULTS.layout, FACTS, [{**row, "holder": "ﾚｲ"} for row in details])
    assert set(reading.details["answered_on"]) <= {date(2026, 3, 2)}


@settings(deadline=None, max_examples=20)
@given(rows.filter(bool))
def test_an_instruction_is_never_read_as_all_collected(details: list[Row]) -> None:
    """An echo of our own file has 0 for every record, and 0 collected."""
    *lines, trailer, end = written(
        RESULTS.layout, FACTS, [{**row, "holder": "ﾚｲ", "code": "0"} for row in details]
    ).splitlines(keepends=True)
    echo = b"".join([*lines, trailer[:19] + b"0" * 36 + trailer[55:], end])
    assert read(RESULTS.layout, echo).facts.worst is Severity.QUARANTINE


def test_a_file_cut_anywhere_is_never_complete() -> None:
    content = b"".join(WHOLE.splitlines(keepends=True)[:2])
    content += b"8" + f"{1:06}{1000:012}{1:06}{1000:012}{0:06}{0:012}".encode() + b" " * 65 + b"\n"
    content += b"9" + b" " * 119
    assert_sound(RESULTS.layout, content)
    assert_cut_is_told(RESULTS.layout, content, range(0, len(content), 3))
    assert_cut_is_told(RESULTS.layout, content, range(len(content) - 121, len(content)))


def test_line_ends_and_blanks_mean_nothing() -> None:
    plain = outcomes(assert_sound(RESULTS.layout, WHOLE))
    others = dressed(WHOLE) | {"no line ends": b"".join(WHOLE.splitlines())}
    del others["byte order mark"]  # no bytes of Shift_JIS
    for dress, other in others.items():
        assert outcomes(assert_sound(RESULTS.layout, other)) == plain, dress


def test_the_order_of_records_means_nothing() -> None:
    header, *details, trailer, end = WHOLE.splitlines(keepends=True)
    turned = assert_sound(RESULTS.layout, b"".join([header, *reversed(details), trailer, end]))
    assert outcomes_in_any_order(turned) == outcomes_in_any_order(read(RESULTS.layout, WHOLE))


@pytest.mark.parametrize(
    ("arrived_on", "answered_on"),
    [
        (date(2026, 3, 4), date(2026, 3, 3)),
        (date(2027, 3, 1), date(2027, 3, 3)),
        (date(2026, 12, 30), date(2027, 3, 3)),
    ],
)
def test_a_day_without_a_year_is_the_one_nearest_to_its_arrival(
    arrived_on: date, answered_on: date
) -> None:
    reading = read(RESULTS.layout, WHOLE, arrived_on=arrived_on)
    assert set(reading.details["answered_on"]) == {answered_on}


def test_one_code_of_the_golden_file_is_new_and_every_class_is_shown() -> None:
    codes = set(read(RESULTS.layout, WHOLE).details["code"])
    assert codes - set(RESULTS.codes) == {"5"}
    assert set(RESULTS.codes) <= codes
