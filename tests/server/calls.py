"""Calling a server in tests: every stub, well-formed requests, and why a call was refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status

from handback.clock import Clock
from handback.settings import Settings
from handback_server._stubs.v1 import (
    agreements_pb2_grpc,
    breaks_pb2_grpc,
    events_pb2_grpc,
    formats_pb2_grpc,
    handback_files_pb2_grpc,
    ledger_pb2_grpc,
    payouts_pb2_grpc,
    redemptions_pb2,
    redemptions_pb2_grpc,
)
from handback_server._stubs.v1.lifecycle_pb2 import Redemption
from handback_server.app import Server
from handback_server.status import DETAILS_KEY

PROGRAMME, PARTNER, UNIT = "aurora", "skyways", "miles"


class Callers:
    """One stub for each service of a channel."""

    def __init__(self, channel: grpc.aio.Channel, target: str = "") -> None:
        self.channel, self.target = channel, target
        self.redemptions = redemptions_pb2_grpc.RedemptionServiceStub(channel)
        self.payouts = payouts_pb2_grpc.PayoutServiceStub(channel)
        self.files = handback_files_pb2_grpc.HandbackFileServiceStub(channel)
        self.breaks = breaks_pb2_grpc.BreakServiceStub(channel)
        self.agreements = agreements_pb2_grpc.AgreementServiceStub(channel)
        self.formats = formats_pb2_grpc.FormatServiceStub(channel)
        self.ledger = ledger_pb2_grpc.LedgerServiceStub(channel)
        self.events = events_pb2_grpc.EventServiceStub(channel)

    async def submit(self, key: str, **changes: object) -> Redemption:
        """Submit one redemption."""
        request = redemptions_pb2.SubmitRedemptionRequest(
            programme=PROGRAMME, submission=submission(key, **changes)
        )
        return (await self.redemptions.SubmitRedemption(request)).redemption

    async def submit_many(self, count: int, start: int = 0) -> list[Redemption]:
        """Submit so many redemptions, in batches of a thousand."""

        async def batches() -> AsyncIterator[redemptions_pb2.SubmitRedemptionsRequest]:
            for first in range(start, start + count, 1_000):
                last = min(first + 1_000, start + count)
                yield redemptions_pb2.SubmitRedemptionsRequest(
                    programme=PROGRAMME,
                    submissions=[submission(f"key-{n}") for n in range(first, last)],
                )

        call = self.redemptions.SubmitRedemptions(batches())
        outcomes = [outcome async for response in call for outcome in response.outcomes]
        assert not [outcome for outcome in outcomes if outcome.HasField("error")]
        return [outcome.redemption for outcome in outcomes]


@asynccontextmanager
async def serving(settings: Settings, clock: Clock) -> AsyncIterator[Callers]:
    """The stubs of a server that runs for as long as the block, and does no work by itself."""
    server = await Server.open(settings, clock, lambda runtime: ())
    try:
        target = f"127.0.0.1:{server.port}"
        async with grpc.aio.insecure_channel(target) as channel:
            yield Callers(channel, target)
    finally:
        await server.close()


def submission(key: str, **changes: object) -> redemptions_pb2.Submission:
    """A submission that the example agreement allows, with some of it changed."""
    values: dict[str, object] = {
        "request_key": key,
        "partner": PARTNER,
        "member_ref": f"M-{key}",
        "quantity": 500,
        "unit": UNIT,
        "fields": {"surname": "Lovelace"},
    }
    return redemptions_pb2.Submission(**(values | changes))  # type: ignore[arg-type]


@dataclass
class Refusal:
    """Why a call was refused, as it stood on the wire."""

    code: grpc.StatusCode | None = None
    reason: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    fields: list[str] = field(default_factory=list)


@asynccontextmanager
async def refused() -> AsyncIterator[Refusal]:
    """Expect the call within to be refused, and say why."""
    told = Refusal()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        yield told
    told.code = raised.value.code()
    for key, value in raised.value.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            explain(Status.FromString(value), told)


def explain(status: Status, told: Refusal) -> None:
    """Read reason, facts and fields from a status."""
    known, found = ErrorInfo(), BadRequest()
    for detail in status.details:
        if detail.Unpack(known):
            told.reason, told.facts = known.reason, dict(known.metadata)
        elif detail.Unpack(found):
            told.fields = [violation.field for violation in found.field_violations]


async def reason_of(call: Awaitable[object]) -> str:
    """The reason for which a call is refused."""
    async with refused() as told:
        await call
    return told.reason
