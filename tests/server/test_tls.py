"""Mutual TLS: who may call is who has a certificate, and who acts is whom it names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from fake_clock import FakeClock
from handback.settings import Settings
from handback_server._stubs.v1 import redemptions_pb2
from handback_server.app import Server
from server.calls import PROGRAMME, Callers, reason_of, refused
from server.certificates import Authority, Pair

pytestmark = pytest.mark.usefixtures("partner")

Target = tuple[str, Authority]


@pytest.fixture
def store_kind() -> str:
    """One store will do: the store knows nothing of certificates."""
    return "sqlite"


@pytest_asyncio.fixture
async def target(settings: Settings, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Target]:
    """The address of a server with TLS, and the authority it trusts."""
    authority = Authority("test authority")
    certificate, key = authority.pair("handback").write(tmp_path, "server")
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(authority.certificate)
    secured = replace(
        settings, tls_cert=Path(certificate), tls_key=Path(key), tls_client_ca=trusted
    )
    server = await Server.open(secured, clock, lambda runtime: ())
    yield f"127.0.0.1:{server.port}", authority
    await server.close()


def channel(target: Target, pair: Pair | None) -> grpc.aio.Channel:
    """A channel that trusts the server's authority, with a certificate or without."""
    address, authority = target
    key, certificate = (pair.key, pair.certificate) if pair else (None, None)
    proof = grpc.ssl_channel_credentials(authority.certificate, key, certificate)
    return grpc.aio.secure_channel(address, proof)


async def test_the_actor_is_whom_the_certificate_names(target: Target) -> None:
    async with channel(target, target[1].pair("loyalty-platform")) as opened:
        callers = Callers(opened)
        submitted = await callers.submit("one")
        request = redemptions_pb2.CancelRedemptionRequest(
            programme=PROGRAMME, request_key="two", redemption_id=submitted.redemption_id
        )
        await callers.redemptions.CancelRedemption(
            request, metadata=(("handback-actor", "somebody else"),)
        )
        history = redemptions_pb2.ListRedemptionEventsRequest(
            programme=PROGRAMME, redemption_id=submitted.redemption_id
        )
        steps = (await callers.redemptions.ListRedemptionEvents(history)).events
    assert [step.actor for step in steps] == ["loyalty-platform", "loyalty-platform"]


async def test_a_certificate_without_a_name_may_not_command(target: Target) -> None:
    async with channel(target, target[1].pair(None)) as opened, refused() as told:
        await Callers(opened).submit("one")
    assert (told.code, told.reason) == (grpc.StatusCode.UNAUTHENTICATED, "NOT_AUTHENTICATED")


@pytest.mark.parametrize("stranger", [False, True])
async def test_without_a_certificate_of_the_authority_nobody_gets_in(
    target: Target, stranger: bool
) -> None:
    pair = Authority("another authority").pair("loyalty-platform") if stranger else None
    async with channel(target, pair) as opened, refused() as told:
        await Callers(opened).submit("one", partner="skyways")
    assert told.code is grpc.StatusCode.UNAVAILABLE


async def test_plain_text_gets_nowhere(target: Target) -> None:
    async with grpc.aio.insecure_channel(target[0]) as opened:
        assert await reason_of(Callers(opened).submit("one")) == ""
