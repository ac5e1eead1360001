"""Commands on redemptions: outcomes one by one, effects all at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from agreements import SKYWAYS, apply_example
from fake_clock import FakeClock
from handback.errors import (
    HandbackError,
    IllegalTransition,
    InvalidRequest,
    NotFound,
    RequestKeyReused,
)
from handback.lifecycle.table import State, Trigger
from handback.partners.registry import Agreements
from handback.redemptions import queries
from handback.redemptions.commands import Caller, execute
from handback.redemptions.draft import Outcome
from handback.redemptions.queries import RedemptionFilter
from handback.redemptions.requests import Cancel, Command, Fail, Retry, Submit
from handback.store.session import Store

SUBMIT = Submit(
    programme="aurora",
    partner="skyways",
    request_key="order-1",
    member_ref="M1001",
    quantity=500,
    unit="miles",
    fields={"surname": "Example"},
)
CALLER = Caller("tests")


@pytest.fixture
def agreements(store: Store, clock: FakeClock) -> Agreements:
    """The terms of skyways, applied."""
    apply_example(store, clock, SKYWAYS)
    return Agreements()


def run(
    store: Store, clock: FakeClock, agreements: Agreements, *commands: Command
) -> list[Outcome | HandbackError]:
    """The answers to commands carried out together."""
    return execute(store, clock, agreements, CALLER, commands)


def submitted(store: Store, clock: FakeClock, agreements: Agreements, key: str = "k") -> int:
    """The id of a fresh redemption."""
    (answer,) = run(store, clock, agreements, replace(SUBMIT, request_key=key))
    assert isinstance(answer, Outcome)
    return answer.redemption.redemption_id


def test_a_submit_holds_its_quantity_and_waits_for_a_batch(
    store: Store, clock: FakeClock, agreements: Agreements
) -> None:
    (answer,) = run(store, clock, agreements, SUBMIT)
    assert isinstance(answer, Outcome)
    assert not answer.replayed
    view = answer.redemption
    assert (view.state, view.version, view.held, view.fulfilled) == (State.SUBMITTED, 1, 500, 0)
    with store.read() as tx:
        assert queries.get(tx, "aurora", view.redemption_id) == view
        (event,) = queries.history(tx, "aurora", view.redemption_id)
    assert (event.trigger, event.quantity, event.actor) == (Trigger.SUBMIT, 500, "tests")
    assert view.due_at == clock.now()


def test_the_same_request_gets_its_first_answer_again(
    store: Store, clock: FakeClock, agreements: Agreements
) -> None:
    (first,) = run(store, clock, agreements, SUBMIT)
    assert isinstance(first, Outcome)
    cancel = Cancel("aurora", "c", first.redemption.redemption_id)
    run(store, clock, agreements, cancel)
    clock.advance(timedelta(days=3))
    again, cancelled = run(store, clock, agreements, SUBMIT, cancel)
    assert isinstance(again, Outcome)
    assert isinstance(cancelled, Outcome)
    assert again.replayed
    assert again.redemption == first.redemption._replace(due_at=None)
    assert cancelled.replayed
    assert cancelled.redemption.state is State.FAILED
    with store.read() as tx:
        assert len(queries.page(tx, RedemptionFilter("aurora"), 0, 10)) == 1


def test_twins_in_one_group_are_one_redemption(
    store: Store, clock: FakeClock, agreements: Agreements
) -> None:
    first, second, other = run(
        store, clock, agreements, SUBMIT, SUBMIT, replace(SUBMIT, quantity=501)
    )
    assert isinstance(first, Outcome)
    assert isinstance(second, Outcome)
    assert second.replayed
    assert first.redemption == second.redemption
    assert isinstance(other, RequestKeyReused)


def test_a_bad_neighbour_spoils_nothing(
    store: Store, clock: FakeClock, agreements: Agreements
) -> None:
    answers = run(
        store,
        clock,
        agreements,
        replace(SUBMIT, request_key="a"),
        replace(SUBMIT, request_key="b", quantity=0),
        replace(SUBMIT, request_key="c", unit="pebbles"),
        replace(SUBMIT, request_key="d", partner="nobody"),
        replace(SUBMIT, request_key="e", fields={"shoe_size": "44"}),
        Retry("aurora", "f", 10**9),
        replace(SUBMIT, request_key="no\x00text"),
        replace(SUBMIT, request_key="g"),
    )
    kinds = [type(answer) for answer in answers]
    refused = [InvalidRequest, InvalidRequest, NotFound, InvalidRequest, NotFound]
    refused.append(InvalidRequest)
    assert kinds == [Outcome, *refused, Outcome]
    invalid = answers[4]
    assert isinstance(invalid, InvalidRequest)
    assert {one.field for one in invalid.violations} == {"fields.surname", "fields.shoe_size"}


@pytest.mark.parametrize("comment", ["changed\x00mind", "x" * 2_001])
def test_a_comment_that_cannot_be_kept_spoils_nothing(
    store: Store, clock: FakeClock, agreements: Agreements, comment: str
) -> None:
    redemption_id = submitted(store, clock, agreements)
    refused, neighbour = run(
        store,
        clock,
        agreements,
        Cancel("aurora", "c", redemption_id, comment),
        replace(SUBMIT, request_key="neighbour"),
    )
    assert isinstance(refused, InvalidRequest)
    assert [one.field for one in refused.violations] == ["comment"]
    assert isinstance(neighbour, Outcome)


def test_an_illegal_step_says_what_is_allowed(
    store: Store, clock: FakeClock, agreements: Agreements
) -> None:
    redemption_id = submitted(store, clock, agreements)
    (refusal,) = run(store, clock, agreements, Retry("aurora", "r", redemption_id))
    assert isinstance(refusal, IllegalTransition)
    assert refusal.facts["state"] == "submitted"
    assert "cancel" in refusal.facts["allowed"]
    assert isinstance(
        run(store, clock, agreements, Fail("aurora", "f", redemption_id))[0], IllegalTransition
    )


def test_a_cancel_gives_the_value_back_once(
    store: Store, clock: FakeClock, agreements: Agreements
) -> None:
    redemption_id = submitted(store, clock, agreements)
    first, second = run(
        store,
        clock,
        agreements,
        Cancel("aurora", "c1", redemption_id, "changed my mind"),
        Cancel("aurora", "c2", redemption_id),
    )
    assert isinstance(first, Outcome)
    assert (first.redemption.state, first.redemption.held) == (State.FAILED, 0)
    assert isinstance(second, IllegalTransition)
    with store.read() as tx:
        events = queries.history(tx, "aurora", redemption_id)
    assert [event.trigger for event in events] == [Trigger.SUBMIT, Trigger.CANCEL]
    assert events[-1].comment == "changed my mind"


def test_another_programme_sees_nothing(
    store: Store, clock: FakeClock, agreements: Agreements
) -> None:
    redemption_id = submitted(store, clock, agreements)
    with store.read() as tx, pytest.raises(NotFound):
        queries.get(tx, "borealis", redemption_id)
    (refusal,) = run(store, clock, agreements, Cancel("borealis", "c", redemption_id))
    assert isinstance(refusal, NotFound)


def test_pages_follow_one_another_without_gap_or_overlap(
    store: Store, clock: FakeClock, agreements: Agreements
) -> None:
    ids = [submitted(store, clock, agreements, f"k{n}") for n in range(7)]
    seen: list[int] = []
    with store.read() as tx:
        while page := queries.page(tx, RedemptionFilter("aurora"), seen[-1] if seen else 0, 3):
            seen += [view.redemption_id for view in page]
        none = queries.page(tx, RedemptionFilter("aurora", states=[State.FAILED]), 0, 10)
    assert seen == sorted(ids)
    assert none == []
