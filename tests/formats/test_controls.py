"""Control totals are exact, whatever the size of the numbers."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.partner_layouts import BATCHED, DELIMITED, layout_of, read
from handback.formats.controls import exact_sum
from handback.formats.findings import FindingCode

NUMBERS = st.integers(-(10**18) + 1, 10**18 - 1)


@settings(deadline=None)
@given(st.lists(st.none() | NUMBERS, max_size=40))
def test_sums_do_not_overflow(numbers: list[int | None]) -> None:
    column = pl.Series(numbers, dtype=pl.Int64)
    assert exact_sum(column) == sum(number or 0 for number in numbers)


def test_a_sum_beyond_64_bits_is_compared_by_its_lowest_digits() -> None:
    numbers = [999_999_999_999_999_999] * 30
    rows = "".join(f"D,A{row},0000,{number},\n" for row, number in enumerate(numbers))
    document = DELIMITED.replace('sum = "quantity"', 'sum = "quantity", digits = 10')
    content = f"H,7,20260105\n{rows}T,30,{sum(numbers) % 10**10}\n".encode()
    assert read(layout_of(document), content).findings.is_empty()


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(-(10**8), 10**10 - 1), min_size=1, max_size=5), max_size=4),
    st.booleans(),
)
def test_totals_of_batches_are_those_of_their_details(
    batches: list[list[int]], wrong: bool
) -> None:
    lines = []
    for number, quantities in enumerate(batches, start=1):
        lines.append(f"5{number:06}20260106")
        for ordinal, quantity in enumerate(quantities):
            lines += [f"600000001{quantity:010}{ordinal:06}", f"7R01REF-{ordinal}"]
        total = sum(quantities) + (wrong and number == len(batches))
        lines.append(f"8{2 * len(quantities):06}{len(quantities):010}{total:012}")
    count = sum(len(quantities) for quantities in batches)
    lines.append(f"9{len(batches):06}{count:010}")
    content = "".join(line.ljust(40) + "\n" for line in lines).encode()
    reading = read(layout_of(BATCHED), content, chunk_records=3)
    expected = [FindingCode.SUM_MISMATCH] if wrong and batches else []
    assert reading.codes == expected
    if expected:
        assert reading.findings["line"].to_list() == [len(lines) - 1]


def test_one_unreadable_value_excuses_its_own_batch_only() -> None:
    lines = [
        "500000120260106",
        "600000001000000000x000001",
        "7R01REF-1",
        "80000020000000001000000000100",
        "500000220260106",
        "6000000010000000100000001",
        "7R01REF-1",
        "80000020000000001000000000999",
        "90000020000000002",
    ]
    content = "".join(line.ljust(40) + "\n" for line in lines).encode()
    reading = read(layout_of(BATCHED), content)
    told = reading.findings.select("line", "field", "code").rows()
    assert told == [
        (2, "quantity", "bad_integer"),
        (4, "total", "sum_unverified"),
        (8, "total", "sum_mismatch"),
    ]


def test_headers_may_tell_totals_and_carry_fields_too() -> None:
    document = DELIMITED.replace(
        '{ name = "created_on", at = 3, type = "date", pattern = "YYYYMMDD" }',
        '{ name = "answered_on", at = 3, type = "date", carry = true },\n'
        '  { name = "n", at = 4, type = "integer", count = ["detail", "control"] }',
    )
    content = b"H,7,20260105,3\nD,A1,0000,1,\nD,A2,0000,2,\nT,2,3\n"
    reading = read(layout_of(document), content, chunk_records=1)
    assert reading.findings.is_empty()
    assert {str(day) for day in reading.details["answered_on"]} == {"2026-01-05"}
    short = read(layout_of(document), content.replace(b"D,A2,0000,2,\n", b""))
    assert short.codes.count(FindingCode.COUNT_MISMATCH) == 2
