"""A real server on a free port, on each store in turn, and a channel to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from fake_clock import FakeClock
from handback.settings import Settings
from handback_server.app import Server
from server.calls import Callers

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def settings(store_url: str, tmp_path: Path) -> Settings:
    """What the server under test is given."""
    return Settings.read(
        {
            "HANDBACK_STORE": store_url,
            "HANDBACK_DATA": str(tmp_path / "data"),
            "HANDBACK_LISTEN": "127.0.0.1:0",
            "HANDBACK_MAX_MESSAGE_BYTES": str(1 << 20),
            "HANDBACK_SEQUENCE_S": "0.05",
        }
    )


@pytest_asyncio.fixture
async def server(settings: Settings, clock: FakeClock) -> AsyncIterator[Server]:
    """A server without work of its own, so that nothing happens but what a test asks for."""
    opened = await Server.open(settings, clock, lambda runtime: ())
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def channel(server: Server) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to that server."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as opened:
        yield opened


@pytest.fixture
def callers(channel: grpc.aio.Channel) -> Callers:
    """The stubs of every service."""
    return Callers(channel)


@pytest.fixture
def skyways() -> str:
    """The agreement document of an example partner."""
    return (EXAMPLES / "skyways.toml").read_text()
