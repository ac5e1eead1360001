"""The demo's plan: what it promises can come about, and adds up."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from handback.lifecycle.table import State, Trigger, rows_of
from handback.partners.reading import parse
from handback_server.demo.counts import (
    ATTEMPTS,
    BALANCES,
    EVENTS,
    RECORDS,
    REDEMPTIONS,
    differences,
    expected_counts,
    expected_events,
)
from handback_server.demo.plan import CASES, MIN_RECORDS, SKYWAYS, Case, Part, make_plan
from handback_server.demo.submissions import agreements

EVERY = [case for cases in CASES.values() for case in cases]


def total(counts: Counter[tuple[str, str, str]], counted: str, *which: str) -> int:
    """The sum of some counts over all partners."""
    return sum(
        count for key, count in counts.items() if key[0] == counted and key[2] in (which or key)
    )


def test_records_and_seed_decide_everything() -> None:
    assert make_plan(200, 7) == make_plan(200, 7)
    assert make_plan(200, 7) != make_plan(200, 8)


def test_the_smallest_run_has_every_case() -> None:
    planned = make_plan(MIN_RECORDS, 1).redemptions
    assert {(one.partner, one.case) for one in planned} == {
        (partner, case) for partner, cases in CASES.items() for case in cases
    }


def test_a_large_run_has_the_shares_that_stand_in_the_table() -> None:
    plan = make_plan(20_000, 1)
    cases = Counter(one.case for one in plan.of(SKYWAYS))
    assert len(plan.of(SKYWAYS)) == 10_000
    assert all(cases[case] == 10 * case.share for case in CASES[SKYWAYS] if case.share)


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.does)
def test_every_life_is_one_that_the_lifecycle_allows(case: Case) -> None:
    state = State.SUBMITTED
    for word in case.triggers(max(Part)):
        (row,) = rows_of(state, Trigger[word.upper()])
        state = row.target
    assert str(state) == case.end
    assert case.triggers(Part.FIRST_DAY).count("dispatch") == len(case.attempts)


@pytest.mark.parametrize("partner", CASES)
def test_every_code_but_one_stands_in_the_agreement(partner: str) -> None:
    codes = parse(agreements()[partner]).handback.codes
    used = {
        record.code
        for case in CASES[partner]
        for records in (*case.attempts, case.next_day)
        for record in records
    }
    assert {code for code in used if codes.find(code) is None} <= {"OVERBOOKED"}


def test_what_is_expected_adds_up() -> None:
    counts = expected_counts(make_plan(1_000, 3))
    assert total(counts, REDEMPTIONS) == total(counts, EVENTS, "submit") == 1_000
    fates = ("events", "repeats", "breaks", "rejects")
    assert total(counts, RECORDS, "records") == total(counts, RECORDS, *fates)
    answers = ("confirmed", "rejected", "open")
    assert total(counts, ATTEMPTS, "sent") == total(counts, ATTEMPTS, *answers)
    assert total(counts, ATTEMPTS, "sent") == total(counts, EVENTS, "dispatch")
    assert total(counts, BALANCES) == 0


def test_each_part_adds_to_the_one_before() -> None:
    plan = make_plan(MIN_RECORDS, 1)
    parts = [expected_events(plan, part) for part in Part]
    for before, after in pairwise(parts):
        assert all(after[key] >= count for key, count in before.items())
    assert total(parts[1], EVENTS, "return") == total(parts[0], EVENTS, "return") + 1


def test_every_count_that_differs_is_told() -> None:
    same, more, gone, new = (("files", "skyways", word) for word in ("same", "more", "gone", "new"))
    found = differences({same: 1, more: 2, gone: 3}, {same: 1, more: 5, new: -4})
    assert [(one.which, one.expected, one.found) for one in found] == [
        ("gone", 3, 0),
        ("more", 2, 5),
        ("new", 0, -4),
    ]
