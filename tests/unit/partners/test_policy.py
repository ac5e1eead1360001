"""What follows a rejection, and that the two forms of the rule agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handback.partners.codes import ReasonClass
from handback.partners.policy import (
    CHOICES,
    Action,
    Policies,
    Reference,
    RetryPolicy,
    Step,
    decide,
    default_policy,
    steps,
)

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
RETRY = RetryPolicy(Action.RETRY, cap=3, spacing_s=3600, latest_days=14)


def test_a_retry_is_due_after_its_spacing() -> None:
    assert decide(RETRY, 1, NOW - HOUR, NOW) == Step(Action.RETRY, NOW + HOUR)


@pytest.mark.parametrize(("attempt", "action"), [(2, Action.RETRY), (3, Action.REVIEW)])
def test_the_cap_counts_all_attempts(attempt: int, action: Action) -> None:
    assert decide(RETRY, attempt, NOW, NOW).action is action


def test_no_retry_is_due_after_the_latest_instant() -> None:
    last_chance = NOW - timedelta(days=14) + HOUR
    assert decide(RETRY, 1, last_chance, NOW).action is Action.RETRY
    assert decide(RETRY, 1, last_chance - timedelta(microseconds=1), NOW) == Step(Action.REVIEW)


def test_exhausted_retries_fail_only_where_agreed() -> None:
    agreed = RetryPolicy(Action.RETRY, cap=1, then=Action.FAIL)
    assert decide(agreed, 1, NOW, NOW) == Step(Action.FAIL)


def test_an_attempt_number_never_outgrows_the_reference() -> None:
    assert decide(RetryPolicy(Action.RETRY, cap=99), 99, NOW, NOW).action is Action.REVIEW


@pytest.mark.parametrize("action", [Action.REVIEW, Action.FAIL])
def test_other_policies_have_no_instant(action: Action) -> None:
    assert decide(RetryPolicy(action), 1, NOW, NOW) == Step(action)


def test_never_is_a_review_at_first() -> None:
    assert decide(RetryPolicy(Action.NEVER), 1, NOW, NOW) == Step(Action.REVIEW)


KNOWN = Policies(
    {ReasonClass.TEMPORARY: RETRY},
    {
        ("R1", ReasonClass.TEMPORARY): RetryPolicy(Action.RETRY, cap=9),
        ("R1/20", ReasonClass.TEMPORARY): RetryPolicy(Action.FAIL),
        ("R2", ReasonClass.TEMPORARY): RetryPolicy(Action.NEVER),
    },
)


@pytest.mark.parametrize(
    ("code", "do", "cap"),
    [
        (None, Action.RETRY, 3),
        ("XX", Action.RETRY, 3),
        ("R1", Action.RETRY, 9),
        ("R1/10", Action.RETRY, 9),
        ("R1/20", Action.FAIL, 3),
        ("XX+R1", Action.RETRY, 9),
        ("R1+R1/20", Action.FAIL, 3),
        ("R1/20+R1+R2/1", Action.NEVER, 3),
    ],
)
def test_a_code_may_have_a_policy_of_its_own(code: str | None, do: Action, cap: int) -> None:
    found = KNOWN.find(ReasonClass.TEMPORARY, code)
    assert (found.do, found.cap) == (do, cap)


def test_a_policy_counts_for_the_class_it_was_made_for() -> None:
    assert KNOWN.find(ReasonClass.OPS, "R1") == default_policy(ReasonClass.OPS)


def test_defaults_retry_what_is_temporary_and_fail_what_is_dead() -> None:
    retried = {member for member in ReasonClass if default_policy(member).do is Action.RETRY}
    failed = {member for member in ReasonClass if default_policy(member).do is Action.FAIL}
    assert retried == {ReasonClass.TEMPORARY, ReasonClass.LATER}
    assert failed == {ReasonClass.DEAD}


policies = st.builds(
    RetryPolicy,
    do=st.sampled_from(Action),
    cap=st.integers(1, 99),
    spacing_s=st.integers(0, 90 * 86_400),
    latest_days=st.integers(1, 3650),
    then=st.sampled_from([Action.REVIEW, Action.FAIL]),
    reference=st.sampled_from(Reference),
)
codes = st.sampled_from(["R1", "R1/20", "R2"])
cases = st.tuples(
    st.sampled_from(ReasonClass),
    st.integers(1, 99),
    st.timedeltas(timedelta(0), timedelta(400)),
    st.one_of(st.none(), st.lists(codes, min_size=1, max_size=3).map("+".join)),
)


@given(
    st.dictionaries(st.sampled_from(sorted(CHOICES)), policies),
    st.dictionaries(st.tuples(codes, st.sampled_from(sorted(CHOICES))), policies),
    st.lists(cases, max_size=20),
    st.timedeltas(timedelta(-10_000), timedelta(10_000)).map(lambda shift: NOW + shift),
)
def test_both_forms_agree(
    chosen: dict[ReasonClass, RetryPolicy],
    of_code: dict[tuple[str, ReasonClass], RetryPolicy],
    rejected: list[tuple[ReasonClass, int, timedelta, str | None]],
    now: datetime,
) -> None:
    frame = pl.DataFrame(
        {
            "reason_class": [int(reason_class) for reason_class, _, _, _ in rejected],
            "attempt": [attempt for _, attempt, _, _ in rejected],
            "first_sent_at": [now - age for _, _, age, _ in rejected],
            "reason_code": [code for _, _, _, code in rejected],
        },
        schema={
            "reason_class": pl.Int16,
            "attempt": pl.Int16,
            "first_sent_at": pl.Datetime("us", "UTC"),
            "reason_code": pl.String,
        },
    )
    known = Policies(chosen, of_code)
    found = steps(known, frame, now)
    assert found.schema["action"] == pl.Int16
    assert found.schema["due_at"] == pl.Datetime("us", "UTC")
    singly = [
        decide(known.find(member, code), attempt, now - age, now)
        for member, attempt, age, code in rejected
    ]
    assert [
        Step(Action(action), due_at) for action, due_at in found["action", "due_at"].iter_rows()
    ] == singly
    same = [known.find(member, code).reference is Reference.SAME for member, _, _, code in rejected]
    retried = found["action"] == int(Action.RETRY)
    assert found["same_reference"].is_not_null().to_list() == retried.to_list()
    assert found.filter(retried)["same_reference"].cast(bool).to_list() == [
        one for one, again in zip(same, retried, strict=True) if again
    ]
