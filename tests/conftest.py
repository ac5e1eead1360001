"""Fixtures that every test may use: a clock, and a migrated store of each kind.

A test that asks for `store` or `store_url` runs once on SQLite and once on PostgreSQL. PostgreSQL
starts when the first test asks for it, and not before.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import handback_migrations
from fake_clock import FakeClock
from handback import telemetry
from handback.store.session import Store
from handback_server.bench.postgres import Databases, running_server

# How fast a machine is belongs in benchmarks: on a slow or busy one nothing fails for its time.
settings.register_profile(
    "timeless", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("timeless")


@pytest.fixture
def clock() -> FakeClock:
    """A clock that only the test moves."""
    return FakeClock()


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """The engine's spans; a process has one provider, so only the engine's tracer is exchanged."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[Databases]:
    """The test run's PostgreSQL, with a template at the newest schema."""
    with running_server(os.environ.get("HANDBACK_TEST_POSTGRES")) as server:
        databases = Databases(server, handback_migrations.migrate)
        yield databases
        databases.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "handback.db"
    handback_migrations.migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def postgres_url(postgres_databases: Databases) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database."""
    with postgres_databases.fresh() as url:
        yield url


@pytest.fixture
def empty_postgres_url(postgres_databases: Databases) -> Iterator[str]:
    """A fresh PostgreSQL database without any table."""
    with postgres_databases.fresh(empty=True) as url:
        yield url


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh, migrated SQLite file."""
    path = tmp_path / "handback.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'empty.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def store_kind(request: pytest.FixtureRequest) -> str:
    """Which store the test runs on; once for each."""
    chosen: str = request.param
    return chosen


@pytest.fixture
def store_url(store_kind: str, request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, migrated database; the test runs once for each kind."""
    url: str = request.getfixturevalue(f"{store_kind}_url")
    return url


@pytest.fixture
def empty_store_url(store_kind: str, request: pytest.FixtureRequest) -> str:
    """The URL of a database without any table; the test runs once for each kind."""
    url: str = request.getfixturevalue(f"empty_{store_kind}_url")
    return url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An open store on a fresh database; the test runs once for each kind."""
    opened = Store.open(store_url)
    yield opened
    opened.close()


OpenStore = Callable[[ExitStack], "Store"]


@pytest.fixture(params=["sqlite", "postgres"], scope="session")
def open_store(request: pytest.FixtureRequest) -> OpenStore:
    """Opens a fresh, migrated store of each kind, as often as asked."""
    from handback.store.session import Store

    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")

        def from_copy(stack: ExitStack) -> Store:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            shutil.copyfile(template, folder / "handback.db")
            return Store.open(f"sqlite:///{folder / 'handback.db'}")

        return from_copy
    databases = request.getfixturevalue("postgres_databases")
    return lambda stack: Store.open(stack.enter_context(databases.fresh()))
