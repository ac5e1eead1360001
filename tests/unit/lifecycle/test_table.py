"""What the lifecycle table says, row by row, and how a refusal reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from handback.errors import IllegalTransition
from handback.lifecycle import machine, render
from handback.lifecycle.table import (
    TRANSITIONS,
    Account,
    Effect,
    Posting,
    State,
    Transition,
    Trigger,
    View,
    apply,
)

ROOT = Path(__file__).resolve().parents[3]

SUBMITTED = View(
    attempt=0, answered_attempt=0, quantity=5, held=5, fulfilled=0, moved=5, same_unit=1, waiting=1
)
AWAITING = replace(SUBMITTED, attempt=2, answered_attempt=2, waiting=0)
RETRYING = replace(SUBMITTED, attempt=2, answered_attempt=1)
CONFIRMED = replace(AWAITING, held=0, fulfilled=5)
REJECTED = replace(AWAITING, approved=1)
FAILED = replace(REJECTED, held=0)


def row_of(source: State, trigger: Trigger) -> Transition:
    (row,) = [row for row in TRANSITIONS if (row.source, row.trigger) == (source, trigger)]
    return row


@pytest.mark.parametrize(
    ("state", "triggers"),
    [
        (State.NONE, "submit"),
        (State.SUBMITTED, "dispatch cancel"),
        (
            State.AWAITING_HANDBACK,
            "acknowledge confirm reject expire release adjust write_off",
        ),
        (State.CONFIRMED, "return return_part"),
        (State.REJECTED, "confirm retry fail release adjust write_off"),
        (State.RETRYING, "dispatch confirm fail cancel release adjust write_off"),
        (State.FAILED, "reinstate write_off"),
    ],
)
def test_each_state_allows_what_was_agreed(state: State, triggers: str) -> None:
    assert " ".join(str(trigger) for trigger in machine.allowed(state)) == triggers


@pytest.mark.parametrize(
    ("state", "trigger", "view"),
    [
        (State.SUBMITTED, Trigger.DISPATCH, replace(SUBMITTED, answered_attempt=1, waiting=0)),
        (State.SUBMITTED, Trigger.CANCEL, SUBMITTED),
        (State.AWAITING_HANDBACK, Trigger.CONFIRM, AWAITING),
        (State.AWAITING_HANDBACK, Trigger.REJECT, replace(AWAITING, moved=0)),
        (State.RETRYING, Trigger.CONFIRM, RETRYING),
        (State.RETRYING, Trigger.FAIL, RETRYING),
        (State.CONFIRMED, Trigger.RETURN, CONFIRMED),
        (State.CONFIRMED, Trigger.RETURN_PART, replace(CONFIRMED, moved=4)),
        (State.FAILED, Trigger.REINSTATE, FAILED),
        (State.FAILED, Trigger.REINSTATE, replace(FAILED, moved=4)),
        (State.FAILED, Trigger.WRITE_OFF, FAILED),
        (State.REJECTED, Trigger.CONFIRM, REJECTED),
        (State.AWAITING_HANDBACK, Trigger.RELEASE, replace(AWAITING, moved=4)),
        (State.RETRYING, Trigger.ADJUST, replace(RETRYING, moved=1)),
        (State.REJECTED, Trigger.WRITE_OFF, replace(REJECTED, moved=4)),
    ],
)
def test_a_trigger_is_taken_where_its_conditions_hold(
    state: State, trigger: Trigger, view: View[int]
) -> None:
    assert machine.decide(view, state, trigger) is row_of(state, trigger)


@pytest.mark.parametrize(
    ("state", "trigger", "view", "unmet"),
    [
        (State.SUBMITTED, Trigger.DISPATCH, replace(SUBMITTED, answered_attempt=1), "in_batch"),
        (State.SUBMITTED, Trigger.DISPATCH, replace(SUBMITTED, waiting=0), "later_attempt"),
        (State.SUBMITTED, Trigger.CANCEL, replace(SUBMITTED, waiting=0), "waiting"),
        (
            State.AWAITING_HANDBACK,
            Trigger.CONFIRM,
            replace(AWAITING, answered_attempt=1),
            "live_attempt",
        ),
        (State.AWAITING_HANDBACK, Trigger.CONFIRM, replace(AWAITING, moved=4), "whole_held"),
        (State.AWAITING_HANDBACK, Trigger.CONFIRM, replace(AWAITING, same_unit=0), "same_unit"),
        (State.RETRYING, Trigger.CONFIRM, replace(RETRYING, waiting=0), "waiting"),
        (State.RETRYING, Trigger.CONFIRM, replace(RETRYING, answered_attempt=3), "known_attempt"),
        (State.CONFIRMED, Trigger.RETURN, replace(CONFIRMED, moved=4), "whole_fulfilled"),
        (State.CONFIRMED, Trigger.RETURN_PART, CONFIRMED, "part_of_fulfilled"),
        (State.FAILED, Trigger.REINSTATE, replace(FAILED, moved=6), "within_quantity"),
        (State.FAILED, Trigger.REINSTATE, replace(FAILED, approved=0), "approved"),
        (State.FAILED, Trigger.WRITE_OFF, replace(FAILED, approved=0), "approved"),
        (State.REJECTED, Trigger.CONFIRM, replace(REJECTED, approved=0), "approved"),
        (State.REJECTED, Trigger.CONFIRM, replace(REJECTED, moved=4), "whole_held"),
        (State.AWAITING_HANDBACK, Trigger.RELEASE, AWAITING, "part_of_held"),
        (State.AWAITING_HANDBACK, Trigger.ADJUST, replace(AWAITING, moved=0), "part_of_held"),
        (State.RETRYING, Trigger.RELEASE, replace(RETRYING, moved=4, waiting=0), "waiting"),
        (State.REJECTED, Trigger.WRITE_OFF, replace(REJECTED, moved=4, approved=0), "approved"),
        (State.CONFIRMED, Trigger.CONFIRM, CONFIRMED, ""),
    ],
)
def test_a_refusal_names_the_condition_that_failed(
    state: State, trigger: Trigger, view: View[int], unmet: str
) -> None:
    with pytest.raises(IllegalTransition) as refused:
        machine.decide(view, state, trigger)
    assert refused.value.facts["unmet"] == unmet


def test_a_refusal_names_the_redemption_its_state_and_what_else_is_allowed() -> None:
    with pytest.raises(IllegalTransition) as refused:
        machine.decide(RETRYING, State.RETRYING, Trigger.REJECT, redemption="rdm_1")
    assert refused.value.facts == {
        "redemption": "rdm_1",
        "state": "retrying",
        "trigger": "reject",
        "allowed": "dispatch, confirm, fail, cancel, release, adjust, write_off",
        "unmet": "",
    }


@pytest.mark.parametrize(
    ("source", "trigger", "after"),
    [
        (State.SUBMITTED, Trigger.DISPATCH, (7, 100, 20)),
        (State.AWAITING_HANDBACK, Trigger.CONFIRM, (3, 90, 30)),
        (State.AWAITING_HANDBACK, Trigger.REJECT, (3, 100, 20)),
        (State.REJECTED, Trigger.FAIL, (3, 90, 20)),
        (State.CONFIRMED, Trigger.RETURN, (3, 110, 10)),
        (State.CONFIRMED, Trigger.RETURN_PART, (3, 100, 10)),
        (State.FAILED, Trigger.REINSTATE, (3, 100, 30)),
        (State.FAILED, Trigger.WRITE_OFF, (3, 100, 30)),
        (State.REJECTED, Trigger.CONFIRM, (3, 90, 30)),
        (State.AWAITING_HANDBACK, Trigger.RELEASE, (3, 90, 20)),
        (State.RETRYING, Trigger.ADJUST, (3, 90, 20)),
        (State.REJECTED, Trigger.WRITE_OFF, (3, 90, 20)),
        (State.NONE, Trigger.SUBMIT, (3, 110, 20)),
    ],
)
def test_columns_follow_from_posting_and_trigger(
    source: State, trigger: Trigger, after: tuple[int, int, int]
) -> None:
    view = View(3, 7, quantity=0, held=100, fulfilled=20, moved=10, same_unit=1, waiting=0)
    assert apply(row_of(source, trigger).effect, view) == after


def test_a_posting_moves_between_two_accounts_and_creates_nothing() -> None:
    for row in TRANSITIONS:
        if row.posting is not None:
            assert sorted(row.posting.sign(account) for account in Account) == [-1, 0, 0, 0, 1]


def test_rows_without_a_posting_move_no_value() -> None:
    acknowledged = row_of(State.AWAITING_HANDBACK, Trigger.ACKNOWLEDGE)
    assert acknowledged.posting is None
    assert acknowledged.effect == Effect(attempt=0, held=0, fulfilled=0)
    assert row_of(State.REJECTED, Trigger.FAIL).posting == Posting(Account.HELD, Account.MEMBER)


def test_the_page_in_the_docs_is_fresh() -> None:
    assert (ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8") == render.page()


def test_render_writes_the_page_and_reports_a_stale_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lifecycle.md"
    assert render.main(["--check", str(path)]) == 1
    assert render.main([str(path)]) == 0
    assert render.main(["--check", str(path)]) == 0
    path.write_text("old")
    assert render.main(["--check", str(path)]) == 1
    assert "stale" in capsys.readouterr().err
