"""A real server on a free port, on each store in turn, and a channel to it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from agreements import SKYWAYS, apply_example, source_of
from fake_clock import FakeClock
from handback.settings import Settings
from handback.store.session import Store
from server.calls import Callers, serving
from sources import ROOT


@pytest.fixture
def settings(store_url: str, tmp_path: Path) -> Settings:
    """What the server under test is given."""
    return Settings.read(
        {
            "HANDBACK_STORE": store_url,
            "HANDBACK_HOME": str(tmp_path / "data"),
            "HANDBACK_LISTEN": "127.0.0.1:0",
            "HANDBACK_MAX_MESSAGE_BYTES": str(1 << 20),
            "HANDBACK_SEQUENCE_S": "0.05",
        }
    )


@pytest_asyncio.fixture
async def callers(settings: Settings, clock: FakeClock) -> AsyncIterator[Callers]:
    """The stubs of a server without work of its own: only what a test asks for happens."""
    async with serving(settings, clock) as stubs:
        yield stubs


@pytest.fixture
def skyways() -> str:
    """The agreement document of an example partner."""
    return source_of(SKYWAYS)


@pytest_asyncio.fixture
async def partner(store: Store, clock: FakeClock) -> None:
    """A partner with the example agreement."""
    apply_example(store, clock, SKYWAYS)


@pytest.fixture
def environment(store_url: str, tmp_path: Path) -> dict[str, str]:
    """What a process of its own is given."""
    roots = [str(ROOT / root) for root in ("engine", "server", "migrations")]
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(roots),
        "PYTHONWARNINGS": "error",
        "HANDBACK_STORE": store_url,
        "HANDBACK_HOME": str(tmp_path / "data"),
        "HANDBACK_LISTEN": "127.0.0.1:0",
        "HANDBACK_DRAIN_S": "10",
    }
