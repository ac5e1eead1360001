"""Copies of a prepared world, and what is compared of two worlds in the end."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from crash.steps import SMALL_CHUNKS
from handback_server.bench.postgres import Databases
from killing import Place

Copies = Callable[[], AbstractContextManager[Place]]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the processes that are killed."""
    for module, name in SMALL_CHUNKS:
        monkeypatch.setattr(module, name, 3)


@pytest.fixture
def place(store_url: str, tmp_path: Path) -> Place:
    """Where a world is prepared. Let go of its store before it is copied."""
    folder = tmp_path / "world"
    folder.mkdir()
    return Place(store_url, str(folder))


@pytest.fixture
def copies(place: Place, store_kind: str, request: pytest.FixtureRequest) -> Copies:
    """Makes a copy of the place, thrown away when left."""
    numbers = itertools.count(1)

    @contextmanager
    def copy() -> Iterator[Place]:
        folder = Path(f"{place.folder}-{next(numbers)}")
        shutil.copytree(place.folder, folder)
        if store_kind == "sqlite":
            shutil.copyfile(place.url.removeprefix("sqlite:///"), folder / "copy.db")
            yield Place(f"sqlite:///{folder / 'copy.db'}", str(folder))
        else:
            databases: Databases = request.getfixturevalue("postgres_databases")
            with databases.fresh(like=place.url) as url:
                yield Place(url, str(folder))
        shutil.rmtree(folder)

    return copy


def bury(tx: sa.Connection) -> None:
    """Wait until PostgreSQL has noticed that the killed process is gone."""
    if tx.dialect.name == "postgresql":
        tx.execute(
            sa.text(
                "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        )
