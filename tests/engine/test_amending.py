"""Sending again what was rejected: what has to change, what may, and what is kept of what was."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from agreements import SKYWAYS, source_of
from fake_clock import FakeClock
from handback.errors import FieldsUnchanged, HandbackError, InvalidRequest, RetryExcluded
from handback.partners import registry
from handback.redemptions import queries
from handback.redemptions.draft import Outcome
from handback.redemptions.requests import Retry
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Due, FormerDetail, MemberDetail
from world import PROGRAMME, World

DETAIL, DUE, FORMER = table_of(MemberDetail), table_of(Due), table_of(FormerDetail)

UNKNOWN, OTHER_NAME, FAULT = "0101", "0102", "0301"


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> World:
    """Skyways, to which one redemption is sent."""
    world = World(store, clock, tmp_path)
    world.apply(SKYWAYS)
    return world


def rejected(world: World, code: str, more: str = "") -> int:
    """A redemption that was sent and rejected with a code, under an agreement that says more."""
    if more:
        registry.apply(world.store, world.clock, f"{source_of(SKYWAYS)}\n{more}", "tests")
    (redemption_id,) = world.submit(500)
    world.send()
    world.answer_all(lambda _: code)
    return redemption_id


def retry(world: World, redemption_id: int, key: str = "again", **given: object) -> object:
    """The answer to one retry."""
    (answer,) = world.run(Retry(PROGRAMME, key, redemption_id, **given))  # type: ignore[arg-type]
    return answer


def test_a_name_that_did_not_fit_never_goes_out_as_it_was(world: World) -> None:
    redemption_id = rejected(world, OTHER_NAME, '[policy.codes."0102"]\nchanged = ["surname"]\n')
    refusals = [
        retry(world, redemption_id, "1"),
        retry(world, redemption_id, "2", fields={"surname": "Example"}),
        retry(world, redemption_id, "3", fields={"surname": " Example  "}),
        retry(world, redemption_id, "4", member_ref="M777"),
        retry(world, redemption_id, "5", fields={"surname": "EXAMPLE"}),
    ]
    for refusal in refusals:
        assert isinstance(refusal, FieldsUnchanged)
        assert refusal.facts["fields"] == "surname"
    assert world.states([redemption_id]) == ["rejected"]
    answer = retry(world, redemption_id, "6", fields={"surname": "Hopper"})
    assert isinstance(answer, Outcome), answer
    assert str(answer.redemption.state) == "retrying"
    world.assert_laws()


def test_by_default_something_of_a_wrong_member_changes(world: World) -> None:
    redemption_id = rejected(world, UNKNOWN)
    refusal = retry(world, redemption_id, "1")
    assert isinstance(refusal, FieldsUnchanged)
    assert refusal.facts["fields"] == "member_ref, surname, given_name"
    answer = retry(world, redemption_id, "2", member_ref="M777")
    assert isinstance(answer, Outcome)
    assert answer.redemption.member_ref == "M777"


def test_of_a_members_number_letter_case_counts(world: World) -> None:
    redemption_id = rejected(world, UNKNOWN)
    same = retry(world, redemption_id, "1", member_ref=" M000001 ", fields={"surname": "EXAMPLE"})
    assert isinstance(same, FieldsUnchanged)
    assert isinstance(retry(world, redemption_id, "2", member_ref="m000001"), Outcome)


def test_another_spelling_goes_out_where_nothing_has_to_change(world: World) -> None:
    redemption_id = rejected(world, FAULT, '[policy.codes."0301"]\ndo = "review"\n')
    assert isinstance(retry(world, redemption_id, fields={"surname": "EXAMPLE"}), Outcome)
    with world.store.read() as tx:
        assert json.loads(tx.scalar(sa.select(DETAIL.c.fields)) or "") == {"surname": "EXAMPLE"}


def test_what_is_new_goes_out_and_what_was_is_kept(world: World) -> None:
    redemption_id = rejected(world, UNKNOWN)
    answer = retry(world, redemption_id, member_ref="M777", fields={"given_name": "Grace"})
    assert isinstance(answer, Outcome)
    second = world.sent(world.send()[-1])
    assert [one.member_ref for one in second] == ["M777"]
    assert world.get(redemption_id).member_ref == "M777"
    with world.store.read() as tx:
        fields = json.loads(tx.scalar(sa.select(DETAIL.c.fields)) or "")
        (former,) = tx.execute(sa.select(FORMER)).all()
        was = queries.as_of(tx, PROGRAMME, redemption_id, 1)
    assert fields == {"surname": "Example", "given_name": "Grace"}
    assert (former.member_ref, json.loads(former.fields)) == ("M000001", {"surname": "Example"})
    assert was.member_ref == "M000001"
    step = next(one for one in world.history(redemption_id) if str(one.trigger) == "retry")
    assert list(step.changed) == ["member_ref", "given_name"]
    assert former.version == step.version
    world.assert_laws()


def test_details_are_given_to_whom_had_none(world: World) -> None:
    optional = source_of(SKYWAYS).replace('surname = "required"', 'surname = "optional"')
    registry.apply(world.store, world.clock, optional, "tests")
    (redemption_id,) = world.submit(500, fields={})
    world.send()
    world.answer_all(lambda _: UNKNOWN)
    assert isinstance(retry(world, redemption_id, fields={"surname": "Hopper"}), Outcome)
    with world.store.read() as tx:
        assert json.loads(tx.scalar(sa.select(DETAIL.c.fields)) or "") == {"surname": "Hopper"}
        assert tx.scalar(sa.select(FORMER.c.fields)) is None


def test_what_the_file_cannot_carry_is_refused_and_changes_nothing(world: World) -> None:
    redemption_id = rejected(world, UNKNOWN)
    refusal = retry(world, redemption_id, fields={"colour": "blue"})
    assert isinstance(refusal, InvalidRequest)
    assert [one.field for one in refusal.violations] == ["fields.colour"]
    refusal = retry(world, redemption_id, "2", fields={"surname": ""})
    assert isinstance(refusal, InvalidRequest)
    assert world.get(redemption_id).version == 3
    with world.store.read() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(FORMER)) == 0


def test_a_repeated_retry_gets_its_first_answer(world: World) -> None:
    redemption_id = rejected(world, UNKNOWN)
    first = retry(world, redemption_id, member_ref="M777")
    again = retry(world, redemption_id, member_ref="M777")
    assert isinstance(first, Outcome)
    assert isinstance(again, Outcome)
    assert again.replayed
    assert again.redemption.member_ref == "M777"
    other = retry(world, redemption_id, member_ref="M778")
    assert isinstance(other, HandbackError)
    assert other.reason == "REQUEST_KEY_REUSED"


def test_never_means_not_by_hand_either(world: World) -> None:
    redemption_id = rejected(world, UNKNOWN, '[policy.fix_member]\ndo = "never"\n')
    assert isinstance(retry(world, redemption_id, member_ref="M777"), RetryExcluded)
    assert [str(one.kind) for one in world.breaks()] == ["review"]


def test_a_person_may_go_on_where_the_cap_is_exhausted(world: World) -> None:
    redemption_id = rejected(world, FAULT, '[policy.codes."0301"]\ncap = 2\nspacing_s = 0\n')
    assert world.states([redemption_id]) == ["retrying"]
    world.clock.advance(timedelta(hours=2))
    world.send()
    world.answer_all(lambda _: FAULT, sequence=2)
    assert world.states([redemption_id]) == ["rejected"]
    assert isinstance(retry(world, redemption_id), Outcome)


@pytest.mark.parametrize(("reference", "same"), [("same", 1), ("new", 0)])
def test_a_person_keeps_to_the_reference_that_is_agreed(
    world: World, reference: str, same: int
) -> None:
    more = f'[policy.codes."0101"]\nreference = "{reference}"\n'
    redemption_id = rejected(world, UNKNOWN, more)
    assert isinstance(retry(world, redemption_id, member_ref="M777"), Outcome)
    with world.store.read() as tx:
        due = sa.select(DUE.c.same_reference).where(DUE.c.redemption_id == redemption_id)
        assert tx.scalar(due) == same


def test_days_are_counted_from_the_delivery_of_the_first_attempt(world: World) -> None:
    more = '[policy.codes."0301"]\ncap = 9\nspacing_s = 0\nlatest_days = 2\n'
    registry.apply(world.store, world.clock, f"{source_of(SKYWAYS)}\n{more}", "tests")
    (redemption_id,) = world.submit(500)
    # What waits for its first batch has all the time that is agreed, whenever it was submitted.
    world.clock.advance(timedelta(days=30))
    world.send()
    world.clock.advance(timedelta(days=2))
    world.answer_all(lambda _: FAULT)
    assert world.states([redemption_id]) == ["retrying"]
    world.send()
    world.clock.advance(timedelta(microseconds=1))
    world.answer_all(lambda _: FAULT, sequence=2)
    assert world.states([redemption_id]) == ["rejected"]
    world.assert_laws()
