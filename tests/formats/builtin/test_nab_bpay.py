"""Results of BPAY batches: the rows of the batch, each with its result behind it."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from formats.builtin.laws import (
    assert_cut_is_told,
    assert_dress_means_nothing,
    assert_sound,
    outcomes,
    outcomes_in_any_order,
)
from formats.builtin.round_trip import Row, assert_round_trip
from formats.partner_layouts import read
from handback.formats.builtin import builtin, golden
from handback.formats.findings import FindingCode, Severity

RESULTS = builtin("nab-bpay-results").layout
FACTS = {
    "customer_id": "EXAMPLE000000001",
    "customer_name": "EXAMPLE PAYER",
    "created_on": date(2026, 3, 2),
}

words = st.text("ABCDEFGHIJ 0123456789", min_size=1, max_size=10).map(str.strip).filter(bool)
answers = st.lists(
    st.fixed_dictionaries(
        {
            "biller": st.integers(1, 10**10 - 1).map(str),
            "bsb": st.integers(0, 10**6 - 1).map("{:06}".format),
            "account": st.integers(1, 10**9 - 1).map(str),
            "member_ref": st.integers(1, 10**20 - 1).map(str),
            "quantity": st.integers(0, 10**9),
            "reference": words,
            "code": st.sampled_from(["0000", "1001", "2001", "9999"]),
            "reason": words,
            "partner_ref": st.none() | words,
        }
    ),
    max_size=8,
)
FOLDER = golden("nab-bpay-results")
WHOLE = FOLDER.joinpath("results.bpb").read_bytes()
SHORT = FOLDER.joinpath("none-accepted.bpb").read_bytes()


@settings(deadline=None, max_examples=40)
@given(answers)
def test_results_are_read_as_they_were_written(rows: list[Row]) -> None:
    facts = assert_round_trip(RESULTS, FACTS, rows).facts
    accepted = [row["quantity"] for row in rows if row["code"] == "0000"]
    assert facts.control["accepted"] == len(accepted)
    assert facts.control["accepted_value"] == sum(accepted)  # type: ignore[arg-type]


def test_a_file_cut_anywhere_is_never_complete() -> None:
    assert_cut_is_told(RESULTS, SHORT, range(len(SHORT.rstrip())))


def test_line_ends_and_blanks_mean_nothing() -> None:
    assert_dress_means_nothing(RESULTS, WHOLE)


def test_the_order_of_rows_means_nothing() -> None:
    header, *rows, trailer = WHOLE.splitlines(keepends=True)
    turned = assert_sound(RESULTS, b"".join([header, *reversed(rows), trailer]))
    assert outcomes_in_any_order(turned) == outcomes_in_any_order(read(RESULTS, WHOLE))
    assert outcomes(turned) != outcomes(read(RESULTS, WHOLE))


def test_an_echo_of_the_batch_is_no_answer() -> None:
    """Request and answer share their columns, and 0000 would be a success."""
    echo = read(RESULTS, FOLDER.joinpath("echo-of-the-batch.bpb").read_bytes())
    assert echo.facts.worst is Severity.QUARANTINE
    assert echo.details.is_empty() and echo.facts.rejected == 4
    assert FindingCode.FIELD_MISSING in echo.codes


def test_a_declined_row_that_the_trailer_counts_as_accepted_is_told() -> None:
    changed = WHOLE.replace(b"1001DECLINED", b"0000DECLINED")
    assert read(RESULTS, changed).facts.worst is Severity.QUARANTINE
