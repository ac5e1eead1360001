"""RedemptionService over the wire, on both stores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from handback_server._stubs.v1 import lifecycle_pb2, redemptions_pb2
from server.calls import (
    PARTNER,
    PROGRAMME,
    Callers,
    Refusal,
    explain,
    reason_of,
    refused,
    submission,
)

pytestmark = pytest.mark.usefixtures("partner")


async def test_a_submitted_redemption_is_found_again(callers: Callers) -> None:
    submitted = await callers.submit("one")
    assert submitted.state == lifecycle_pb2.REDEMPTION_STATE_SUBMITTED
    assert (submitted.quantity, submitted.held, submitted.version) == (500, 500, 1)
    request = redemptions_pb2.GetRedemptionRequest(
        programme=PROGRAMME, redemption_id=submitted.redemption_id
    )
    found = await callers.redemptions.GetRedemption(request)
    assert found.redemption == submitted


async def test_the_same_request_gets_the_same_answer(callers: Callers) -> None:
    request = redemptions_pb2.SubmitRedemptionRequest(
        programme=PROGRAMME, submission=submission("one")
    )
    first = await callers.redemptions.SubmitRedemption(request)
    again = await callers.redemptions.SubmitRedemption(request)
    assert (first.replayed, again.replayed) == (False, True)
    assert again.redemption.redemption_id == first.redemption.redemption_id


async def test_a_reused_request_key_is_refused(callers: Callers) -> None:
    await callers.submit("one")
    async with refused() as told:
        await callers.submit("one", quantity=501)
    assert (told.code, told.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "REQUEST_KEY_REUSED",
    )
    assert told.facts == {"request_key": "one"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"quantity": 0}, "quantity"),
        ({"quantity": -1}, "quantity"),
        ({"unit": "pebbles"}, "unit"),
        ({"member_ref": ""}, "member_ref"),
        ({"fields": {}}, "fields.surname"),
        ({"fields": {"surname": "L", "shoe_size": "43"}}, "fields.shoe_size"),
    ],
)
async def test_a_bad_submission_names_its_field(
    callers: Callers, changes: dict[str, object], field: str
) -> None:
    async with refused() as told:
        await callers.submit("one", **changes)
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert told.fields == [field]


async def test_an_unknown_partner_is_refused(callers: Callers) -> None:
    assert await reason_of(callers.submit("one", partner="nobody")) == "NOT_FOUND"


async def test_a_batch_gives_every_submission_its_own_outcome(callers: Callers) -> None:
    mixed = [submission("one"), submission("two", quantity=0), submission("one")]
    request = redemptions_pb2.SubmitRedemptionsRequest(programme=PROGRAMME, submissions=mixed)
    [response] = [one async for one in callers.redemptions.SubmitRedemptions(iter([request]))]
    first, bad, again = response.outcomes
    assert (first.replayed, again.replayed) == (False, True)
    assert first.redemption.redemption_id == again.redemption.redemption_id
    told = Refusal()
    explain(bad.error, told)
    assert (told.reason, told.fields) == ("INVALID_REQUEST", ["quantity"])


async def test_batches_are_answered_one_by_one_and_in_order(callers: Callers) -> None:
    submitted = await callers.submit_many(2_500)
    assert [one.member_ref for one in submitted] == [f"M-key-{n}" for n in range(2_500)]


async def test_a_batch_may_not_be_too_large_or_empty(callers: Callers) -> None:
    for count, reason in ((1_001, "LIMIT_REACHED"), (0, "INVALID_REQUEST")):
        many = [submission(f"key-{n}") for n in range(count)]
        request = redemptions_pb2.SubmitRedemptionsRequest(programme=PROGRAMME, submissions=many)
        async with refused() as told:
            async for _ in callers.redemptions.SubmitRedemptions(iter([request])):
                pass
        assert told.reason == reason


async def test_concurrent_callers_each_get_their_own_outcome(callers: Callers) -> None:
    submitted = await asyncio.gather(*(callers.submit(f"key-{n}") for n in range(100)))
    assert [one.member_ref for one in submitted] == [f"M-key-{n}" for n in range(100)]
    assert len({one.redemption_id for one in submitted}) == 100


async def test_cancel_gives_the_quantity_back_and_shows_in_the_history(callers: Callers) -> None:
    redemption_id = (await callers.submit("one")).redemption_id
    request = redemptions_pb2.CancelRedemptionRequest(
        programme=PROGRAMME, request_key="two", redemption_id=redemption_id, comment="by mistake"
    )
    metadata = (("handback-actor", "ada"),)
    cancelled = await callers.redemptions.CancelRedemption(request, metadata=metadata)
    assert cancelled.redemption.state == lifecycle_pb2.REDEMPTION_STATE_FAILED
    assert cancelled.redemption.held == 0
    history = redemptions_pb2.ListRedemptionEventsRequest(
        programme=PROGRAMME, redemption_id=redemption_id
    )
    steps = (await callers.redemptions.ListRedemptionEvents(history)).events
    assert [step.trigger for step in steps] == [
        lifecycle_pb2.TRIGGER_SUBMIT,
        lifecycle_pb2.TRIGGER_CANCEL,
    ]
    assert [step.actor for step in steps] == ["local", "ada"]
    assert steps[1].comment == "by mistake"


@pytest.mark.parametrize("rpc", ["RetryRedemption", "FailRedemption"])
async def test_an_illegal_step_names_the_state_and_what_is_allowed(
    callers: Callers, rpc: str
) -> None:
    redemption_id = (await callers.submit("one")).redemption_id
    request = redemptions_pb2.__dict__[f"{rpc}Request"](
        programme=PROGRAMME, request_key="two", redemption_id=redemption_id
    )
    async with refused() as told:
        await getattr(callers.redemptions, rpc)(request)
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ILLEGAL_TRANSITION")
    assert told.facts["state"] == "submitted"
    assert "cancel" in told.facts["allowed"]


async def test_an_id_of_another_kind_or_programme_is_refused(callers: Callers) -> None:
    redemption_id = (await callers.submit("one")).redemption_id
    for programme, text, reason in (
        (PROGRAMME, "bat_0000000000001", "INVALID_REQUEST"),
        (PROGRAMME, "", "INVALID_REQUEST"),
        ("", redemption_id, "INVALID_REQUEST"),
        ("another", redemption_id, "NOT_FOUND"),
        (PROGRAMME, "rdm_000000000zzzz", "NOT_FOUND"),
    ):
        request = redemptions_pb2.GetRedemptionRequest(programme=programme, redemption_id=text)
        assert await reason_of(callers.redemptions.GetRedemption(request)) == reason


async def test_pages_follow_one_another_without_gap_or_repeat(callers: Callers) -> None:
    submitted = await callers.submit_many(250)
    request = redemptions_pb2.ListRedemptionsRequest(programme=PROGRAMME, partner=PARTNER)
    request.page_size = 100
    found: list[str] = []
    sizes = []
    async for page in pages(callers, request):
        sizes.append(len(page.redemptions))
        found += [one.redemption_id for one in page.redemptions]
    assert sizes == [100, 100, 50]
    assert found == sorted(one.redemption_id for one in submitted)


async def pages(
    callers: Callers, request: redemptions_pb2.ListRedemptionsRequest
) -> AsyncIterator[redemptions_pb2.ListRedemptionsResponse]:
    """Every page of a list."""
    while True:
        page = await callers.redemptions.ListRedemptions(request)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


async def test_filters_narrow_a_list(callers: Callers) -> None:
    await callers.submit_many(3)
    states = [lifecycle_pb2.REDEMPTION_STATE_SUBMITTED]
    for wanted, count in (
        (redemptions_pb2.ListRedemptionsRequest(member_ref="M-key-1"), 1),
        (redemptions_pb2.ListRedemptionsRequest(states=states), 3),
        (redemptions_pb2.ListRedemptionsRequest(partner="skyways"), 3),
    ):
        wanted.programme = PROGRAMME
        assert len((await callers.redemptions.ListRedemptions(wanted)).redemptions) == count
    mistyped = redemptions_pb2.ListRedemptionsRequest(programme=PROGRAMME, partner="skyway")
    async with refused() as told:
        await callers.redemptions.ListRedemptions(mistyped)
    assert (told.reason, told.facts["id"]) == ("NOT_FOUND", "aurora/skyway")


async def test_a_page_token_fits_its_own_list_only(callers: Callers) -> None:
    await callers.submit_many(3)
    first = redemptions_pb2.ListRedemptionsRequest(programme=PROGRAMME, page_size=2)
    token = (await callers.redemptions.ListRedemptions(first)).next_page_token
    for changed in (
        redemptions_pb2.ListRedemptionsRequest(programme=PROGRAMME, member_ref="M-key-1"),
        redemptions_pb2.ListRedemptionsRequest(programme="another"),
    ):
        changed.page_token = token
        async with refused() as told:
            await callers.redemptions.ListRedemptions(changed)
        assert (told.reason, told.fields) == ("INVALID_REQUEST", ["page_token"])


@pytest.mark.parametrize("token", ["x", "AAAA", "¿", "e30="])
async def test_rubbish_is_no_page_token(callers: Callers, token: str) -> None:
    request = redemptions_pb2.ListRedemptionsRequest(programme=PROGRAMME, page_token=token)
    assert await reason_of(callers.redemptions.ListRedemptions(request)) == "INVALID_REQUEST"


async def test_a_state_that_does_not_exist_is_no_filter(callers: Callers) -> None:
    for state in (0, 99):
        request = redemptions_pb2.ListRedemptionsRequest(programme=PROGRAMME)
        request.states.append(state)  # type: ignore[arg-type]
        async with refused() as told:
            await callers.redemptions.ListRedemptions(request)
        assert (told.reason, told.fields) == ("INVALID_REQUEST", ["states"])


@pytest.mark.parametrize("actor", [" ", "x" * 201])
async def test_an_actor_without_a_proper_name_is_refused(callers: Callers, actor: str) -> None:
    request = redemptions_pb2.SubmitRedemptionRequest(
        programme=PROGRAMME, submission=submission("one")
    )
    async with refused() as told:
        await callers.redemptions.SubmitRedemption(request, metadata=(("handback-actor", actor),))
    assert (told.reason, told.fields) == ("INVALID_REQUEST", ["handback-actor"])
