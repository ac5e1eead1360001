"""A scripted server and a real one, and a client of each kind behind one face."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click.testing
import pytest
import pytest_asyncio
from click.testing import CliRunner, Result

from client.scripted_server import ScriptedServer
from fake_clock import FakeClock
from handback.settings import Settings
from handback_client import AsyncClient, Client, RetryPolicy
from handback_client.cli.app import handback
from handback_server.app import Server
from handback_server.works import works

# Repeats at once: no test waits.
AT_ONCE = RetryPolicy(max_attempts=5, first_wait_s=0.0)
ALWAYS_AT_ONCE = RetryPolicy(max_attempts=None, first_wait_s=0.0)

# What a real server does without being told.
BY_ITSELF = {"reconcile", "deliver"}

MakeClient = Callable[..., Any]
Run = Callable[..., Result]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that answers as the test tells it to."""
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def settings(store_url: str, tmp_path: Path) -> Settings:
    """Those of a real server on a free port that is quick to look for work."""
    return Settings.read(
        {
            "HANDBACK_STORE": store_url,
            "HANDBACK_HOME": str(tmp_path / "data"),
            "HANDBACK_LISTEN": "127.0.0.1:0",
            "HANDBACK_PICKUP_S": "0.02",
            "HANDBACK_DELIVER_S": "0.02",
            "HANDBACK_SEQUENCE_S": "0.02",
        }
    )


@pytest_asyncio.fixture
async def target(settings: Settings, clock: FakeClock) -> AsyncIterator[str]:
    """Where a real server listens; batches are gathered when a test says so."""
    server = await Server.open(
        settings, clock, lambda runtime: [one for one in works(runtime) if one.name in BY_ITSELF]
    )
    yield f"127.0.0.1:{server.port}"
    await server.close()


@pytest.fixture(params=["async", "sync"])
async def make_client(
    request: pytest.FixtureRequest, server: ScriptedServer
) -> AsyncIterator[MakeClient]:
    """Makes clients of one kind; the test runs once for each kind."""
    made: list[Any] = []

    def make(target: str = "", **settings: Any) -> Any:
        settings = {"programme": "aurora", "retry": AT_ONCE, "deadline_s": 20.0} | settings
        if request.param == "async":
            made.append(AsyncClient(target or server.target, **settings))
            return made[-1]
        made.append(Awaited(Client(target or server.target, **settings)))
        return made[-1]

    yield make
    for client in made:
        await client.close()


@pytest.fixture
def client(make_client: MakeClient) -> Any:
    """A client of the scripted server, of each kind in turn."""
    return make_client()


@pytest.fixture
def run(server: ScriptedServer) -> Run:
    """Runs a command against the scripted server, on a terminal if asked to."""

    def run(*args: str, terminal: bool = False, **settings: str) -> Result:
        environment = {
            "HANDBACK_SERVER": server.target,
            "HANDBACK_PROGRAMME": "aurora",
            "HANDBACK_ACTOR": "ada",
            "COLUMNS": "160",
        } | settings
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(click.testing._NamedTextIOWrapper, "isatty", lambda self: terminal)
            return CliRunner(env=environment).invoke(handback, args)

    return run


class Awaited:
    """What belongs to the sync client, with the awaits that its async twin has."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        home = import_module(type(inner).__module__.replace(".sync.", ".aio."))
        self._twin = getattr(home, f"Async{type(inner).__name__}")

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return _awaited(found)
        if inspect.iscoroutinefunction(getattr(self._twin, name)):
            return partial(asyncio.to_thread, found)
        return lambda *args, **kwargs: _awaited(found(*args, **kwargs))

    async def __aenter__(self) -> Any:
        self._inner.__enter__()
        return self

    async def __aexit__(self, *failure: Any) -> None:
        await asyncio.to_thread(self._inner.__exit__, *failure)

    def __aiter__(self) -> AsyncIterator[Any]:
        return _stepped(iter(self._inner))


def _awaited(found: Any) -> Any:
    if inspect.isgenerator(found):
        return _stepped(found)
    if type(found).__module__.startswith("handback_client.sync."):
        return Awaited(found)
    return found


async def _stepped(inner: Iterator[Any]) -> AsyncIterator[Any]:
    """A sync iterator, each step of it in a thread."""
    end = object()
    try:
        while (one := await asyncio.to_thread(next, inner, end)) is not end:
            yield one
    finally:
        if inspect.isgenerator(inner):
            inner.close()
