"""Fixtures that every test may use: a clock, and a migrated store of each kind.

A test that asks for `store` or `store_url` runs once on SQLite and once on PostgreSQL. PostgreSQL
starts when the first test asks for it, and not before.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from fake_clock import FakeClock
from postgres import Databases, running_server

from handback.store import tables

if TYPE_CHECKING:
    from handback.store.session import Store


def _create_schema(url: str) -> None:
    engine = sa.create_engine(sa.make_url(url).set(drivername=_DRIVERS[url.partition(":")[0]]))
    tables.SQLModel.metadata.create_all(engine)
    engine.dispose()


_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


@pytest.fixture
def clock() -> FakeClock:
    """A clock that only the test moves."""
    return FakeClock()


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[Databases]:
    """The test run's PostgreSQL, with a template at the newest schema."""
    with running_server() as server:
        databases = Databases(server, _create_schema)
        yield databases
        databases.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "handback.db"
    _create_schema(f"sqlite:///{path}")
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


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, migrated database; the test runs once for each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An open store on a fresh database; the test runs once for each kind."""
    from handback.store.session import Store

    opened = Store.open(store_url)
    yield opened
    opened.close()
