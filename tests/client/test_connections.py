"""How a client holds on: over mutual TLS, and to a server that is started anew under it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner

from client.conftest import ALWAYS_AT_ONCE, MakeClient
from fake_clock import FakeClock
from handback.settings import Address, Settings
from handback_client import TLS, RetryPolicy, Submission, errors
from handback_client.cli.app import handback
from handback_server.app import Server
from server.certificates import Authority, Pair

AGREEMENT = Path(__file__).parents[2] / "server/handback_server/demo/agreements/skyways.toml"


@pytest.fixture
def store_kind() -> str:
    """One store will do: what is tried here lies above it."""
    return "sqlite"


@pytest.fixture
def settings(store_url: str, tmp_path: Path) -> Settings:
    """A server on a free port that has a moment for what is under way when it drains."""
    return Settings.read(
        {
            "HANDBACK_STORE": store_url,
            "HANDBACK_HOME": str(tmp_path / "data"),
            "HANDBACK_LISTEN": "127.0.0.1:0",
            "HANDBACK_SEQUENCE_S": "0.02",
            "HANDBACK_DRAIN_S": "0.2",
        }
    )


class Restartable:
    """A server that can be stopped and started on the port it had."""

    def __init__(self, settings: Settings, clock: FakeClock) -> None:
        self._settings = settings
        self._clock = clock
        self._server: Server | None = None

    @property
    def target(self) -> str:
        """Where it listens."""
        return str(self._settings.listen)

    async def start(self) -> None:
        """Listen, from the second time on where it did before."""
        self._server = await Server.open(self._settings, self._clock, lambda runtime: ())
        listen = Address("127.0.0.1", self._server.port)
        self._settings = replace(self._settings, listen=listen)

    async def stop(self) -> None:
        """Drain and close."""
        assert self._server is not None
        await self._server.close()


@pytest_asyncio.fixture
async def restartable(settings: Settings, clock: FakeClock) -> AsyncIterator[Restartable]:
    """A server that runs."""
    server = Restartable(settings, clock)
    await server.start()
    yield server
    await server.stop()


def submissions(count: int) -> Iterator[Submission]:
    for number in range(count):
        yield Submission(
            request_key=f"order-{number}",
            partner="skyways",
            member_ref=f"M-{number}",
            quantity=1,
            unit="miles",
            fields={"surname": "Lovelace"},
        )


async def test_nothing_is_lost_or_doubled_by_a_server_that_is_started_anew(
    restartable: Restartable, make_client: MakeClient
) -> None:
    client = make_client(
        restartable.target, retry=RetryPolicy(max_attempts=None, first_wait_s=0.01)
    )
    await client.partners.apply(AGREEMENT.read_text())
    watch = client.watch(retry=ALWAYS_AT_ONCE, silence_s=5.0)
    seen: list[str] = []

    async def follow() -> None:
        async for event in watch:
            seen.append(event.redemption_id)
            if len(seen) == 9_000:
                return

    following = asyncio.create_task(follow())
    taken = []
    async with asyncio.timeout(60):
        async for outcome in client.submit_many(submissions(9_000)):
            assert outcome.error is None
            taken.append(outcome)
            if len(taken) in (1_000, 5_500):
                await restartable.stop()
                await restartable.start()
        await following
    watch.close()
    assert [one.submission.request_key for one in taken] == [f"order-{n}" for n in range(9_000)]
    assert len(set(seen)) == 9_000
    made = {one.redemption.redemption_id for one in taken if one.redemption is not None}
    assert made == set(seen)


@asynccontextmanager
async def secured(
    settings: Settings, clock: FakeClock, authority: Authority, folder: Path
) -> AsyncIterator[str]:
    """A server over mutual TLS."""
    certificate, key = authority.pair("handback").write(folder, "server")
    trusted = folder / "authority.pem"
    trusted.write_bytes(authority.certificate)
    server = await Server.open(
        replace(settings, tls_cert=Path(certificate), tls_key=Path(key), tls_client_ca=trusted),
        clock,
        lambda runtime: (),
    )
    yield f"127.0.0.1:{server.port}"
    await server.close()


def tls_of(authority: Authority, pair: Pair | None) -> TLS:
    if pair is None:
        return TLS(authorities=authority.certificate)
    return TLS(authority.certificate, pair.certificate, pair.key)


async def test_a_certificate_says_who_calls(
    settings: Settings, clock: FakeClock, make_client: MakeClient, tmp_path: Path
) -> None:
    authority = Authority("test authority")
    async with secured(settings, clock, authority, tmp_path) as target:
        proof = tls_of(authority, authority.pair("loyalty-platform"))
        client = make_client(target, tls=proof, actor="somebody else")
        agreement = await client.partners.apply(AGREEMENT.read_text())
        assert agreement.actor == "loyalty-platform"


async def test_whoever_cannot_prove_it_is_not_let_in(
    settings: Settings, clock: FakeClock, make_client: MakeClient, tmp_path: Path
) -> None:
    authority, stranger = Authority("test authority"), Authority("another authority")
    async with secured(settings, clock, authority, tmp_path) as target:
        for tls in (
            None,
            tls_of(authority, None),
            tls_of(authority, stranger.pair("loyalty-platform")),
            tls_of(stranger, authority.pair("loyalty-platform")),
        ):
            client = make_client(target, tls=tls, retry=RetryPolicy(max_attempts=1))
            with pytest.raises(errors.ServerUnreachable):
                await client.get("rdm_1")


async def test_the_command_line_reads_certificates_from_files(
    settings: Settings, clock: FakeClock, tmp_path: Path
) -> None:
    authority = Authority("test authority")
    certificate, key = authority.pair("operator").write(tmp_path, "client")
    async with secured(settings, clock, authority, tmp_path) as target:
        environment = {
            "HANDBACK_SERVER": target,
            "HANDBACK_SERVER_CA": str(tmp_path / "authority.pem"),
            "HANDBACK_CLIENT_CERT": certificate,
            "HANDBACK_CLIENT_KEY": key,
        }
        args: Any = ("partner", "apply", "--json", str(AGREEMENT))
        result = await asyncio.to_thread(CliRunner(env=environment).invoke, handback, args)
    assert result.exit_code == 0, result.stderr
    assert '"actor": "operator"' in result.stdout


def test_a_key_goes_with_its_certificate_and_is_never_shown() -> None:
    with pytest.raises(ValueError, match="certificate needs its key"):
        TLS(certificate=b"c")
    with pytest.raises(ValueError, match="certificate needs its key"):
        TLS(key=b"k")
    assert "secret" not in repr(TLS(None, b"c", b"secret"))
