"""Submitting in bulk, of both clients, over a stream that breaks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest

from client.conftest import MakeClient
from client.scripted_server import Refuse, ScriptedServer, refuse
from handback_client import AsyncClient, Submission, errors
from handback_client._stubs.v1 import lifecycle_pb2, redemptions_pb2

DRAINS = Refuse(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
UNKNOWN_UNIT = Refuse(grpc.StatusCode.NOT_FOUND, "NOT_FOUND", {"kind": "unit", "id": "stones"})


class Desk:
    """Takes submissions in; breaks the stream after so many batches, each time it is told to."""

    def __init__(self, *breaks: int, failure: Refuse | None = DRAINS) -> None:
        self.keys: list[str] = []
        self.sizes: list[int] = []
        self._breaks = iter(breaks)
        self._failure = failure

    def __call__(
        self, requests: Iterator[Any], context: grpc.ServicerContext
    ) -> Iterator[redemptions_pb2.SubmitRedemptionsResponse]:
        left = next(self._breaks, -1)
        for request in requests:
            assert request.programme == "aurora"
            if left == 0:
                if self._failure is not None:
                    refuse(context, self._failure)
                return
            left -= 1
            self.sizes.append(len(request.submissions))
            yield redemptions_pb2.SubmitRedemptionsResponse(
                outcomes=[self._outcome(one) for one in request.submissions]
            )

    def _outcome(self, one: redemptions_pb2.Submission) -> redemptions_pb2.SubmitOutcome:
        if one.unit == "stones":
            return redemptions_pb2.SubmitOutcome(error=UNKNOWN_UNIT.status())
        replayed = one.request_key in self.keys
        self.keys.append(one.request_key)
        taken = lifecycle_pb2.Redemption(redemption_id=f"rdm_{one.request_key}")
        return redemptions_pb2.SubmitOutcome(redemption=taken, replayed=replayed)


def submissions(count: int) -> Iterator[Submission]:
    for number in range(count):
        yield Submission(
            request_key=f"order-{number}",
            partner="skyways",
            member_ref="m",
            quantity=1,
            unit="miles",
        )


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(0, []), (1, [1]), (1_000, [1_000]), (5_500, [1_000] * 5 + [500])],
)
async def test_outcomes_come_in_order_batch_by_batch(
    count: int, sizes: list[int], client: Any, server: ScriptedServer
) -> None:
    desk = Desk()
    server.on("SubmitRedemptions", desk)
    found = [one async for one in client.submit_many(submissions(count))]
    assert [one.submission.request_key for one in found] == [f"order-{n}" for n in range(count)]
    assert [one.redemption.redemption_id for one in found] == [
        f"rdm_order-{n}" for n in range(count)
    ]
    assert desk.sizes == sizes
    assert len(server.calls["SubmitRedemptions"]) == (1 if count else 0)


async def test_a_refused_submission_never_fails_its_neighbours(
    client: Any, server: ScriptedServer
) -> None:
    server.on("SubmitRedemptions", Desk())
    good, bad = (
        Submission(partner="p", member_ref="m", quantity=1, unit=unit)
        for unit in ("miles", "stones")
    )
    first, second, third = [one async for one in client.submit_many([good, bad, good])]
    assert first.redemption is not None
    assert third.redemption is not None
    assert isinstance(second.error, errors.NotFound)
    assert second.redemption is None
    assert second.error.facts == {"kind": "unit", "id": "stones"}
    keys = {one.submission.request_key for one in (first, second, third)}
    assert len(keys) == 3
    assert all(len(key) == 32 for key in keys)


@pytest.mark.parametrize("failure", [DRAINS, None])
async def test_what_was_not_answered_is_sent_again_when_the_stream_breaks(
    failure: Refuse | None, client: Any, server: ScriptedServer
) -> None:
    desk = Desk(2, 0, 1, failure=failure)
    server.on("SubmitRedemptions", desk, desk, desk, desk)
    found = [one async for one in client.submit_many(submissions(6_200))]
    assert [one.submission.request_key for one in found] == [f"order-{n}" for n in range(6_200)]
    assert sorted(set(desk.keys)) == sorted(f"order-{n}" for n in range(6_200))
    assert len(server.calls["SubmitRedemptions"]) == 4


async def test_what_would_not_help_to_repeat_ends_it(client: Any, server: ScriptedServer) -> None:
    limit = Refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_REACHED", {"limit": "batch size"})
    server.on("SubmitRedemptions", Desk(1, failure=limit))
    taken = []
    with pytest.raises(errors.LimitReached):
        async for one in client.submit_many(submissions(2_000)):
            taken.append(one)
    assert len(taken) == 1_000


async def test_a_batch_whose_answer_never_comes_is_sent_again(
    client: Any, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        yield from (request for request in requests if False)

    monkeypatch.setattr("handback_client.aio.submitting.SILENCE_S", 0.1)
    monkeypatch.setattr("handback_client.sync.submitting.SILENCE_S", 0.1)
    desk = Desk()
    server.on("SubmitRedemptions", silent, desk)
    found = [one async for one in client.submit_many(submissions(3))]
    assert [one.submission.request_key for one in found] == ["order-0", "order-1", "order-2"]


async def test_nobody_at_the_address(make_client: MakeClient) -> None:
    with pytest.raises(errors.ServerUnreachable):
        async for _ in make_client("127.0.0.1:1").submit_many(submissions(3)):
            pass


async def test_whoever_leaves_early_ends_the_stream(client: Any, server: ScriptedServer) -> None:
    server.on("SubmitRedemptions", Desk())
    outcomes = client.submit_many(submissions(10_000))
    first = await anext(outcomes)
    await outcomes.aclose()
    assert first.submission.request_key == "order-0"


async def test_a_source_that_fails_fails_the_caller(client: Any, server: ScriptedServer) -> None:
    def failing() -> Iterator[Submission]:
        yield from submissions(1_500)
        raise OSError("the disk is gone")

    server.on("SubmitRedemptions", Desk())
    with pytest.raises(OSError, match="disk"):
        async for _ in client.submit_many(failing()):
            pass


async def test_the_async_client_takes_an_async_source(server: ScriptedServer) -> None:
    async def source() -> AsyncIterator[Submission]:
        for one in submissions(1_200):
            yield one

    server.on("SubmitRedemptions", Desk())
    async with AsyncClient(server.target, programme="aurora") as client:
        found = [one async for one in client.submit_many(source())]
    assert len(found) == 1_200
