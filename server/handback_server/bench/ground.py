"""Where a benchmark runs: databases of its own, and what is said of the machine."""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psycopg
import sqlalchemy as sa
from psycopg.rows import dict_row

from handback_server.bench.postgres import Databases, running_server, server_pid

# Durable as in production; the rest is PostgreSQL's own default, save the size of its log.
_AS_IN_PRODUCTION: Final = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
_PROFILED: Final = {"shared_preload_libraries": "pg_stat_statements"}
_LONGEST: Final = (
    "select round(total_exec_time)::int as ms, calls, rows, regexp_replace(query, '\\s+', ' ', 'g')"
    " as query from pg_stat_statements where dbid <> (select oid from pg_database where datname ="
    " current_database()) order by total_exec_time desc limit 20"
)
_TOLD: Final = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
    "max_wal_size",
)
_LIBRARIES: Final = ("grpcio", "polars", "psycopg", "sqlalchemy", "sqlmodel", "transitions")


@dataclass(frozen=True, slots=True)
class Place:
    """An empty database and an empty folder for one system; goes to the process that runs it."""

    store: str
    url: str
    folder: Path
    database_pid: int | None

    @property
    def sqlalchemy_url(self) -> sa.URL:
        """The database as SQLAlchemy names it, with the driver that the product uses."""
        url = sa.make_url(self.url)
        return url if self.store == "sqlite" else url.set(drivername="postgresql+psycopg")

    @property
    def sqlite_file(self) -> Path:
        """The file of the embedded store."""
        return Path(self.url.removeprefix("sqlite:///"))


class Ground:
    """Gives out places on one store."""

    def __init__(self, store: str, folder: Path, server: sa.URL | None, profiled: bool) -> None:
        self.store = store
        self._folder = folder
        self._server = server
        self._profiled = profiled

    @contextmanager
    def place(self, name: str) -> Iterator[Place]:
        """A place that is gone when left."""
        folder = self._folder / name
        folder.mkdir()
        if self._server is None:
            yield Place(self.store, f"sqlite:///{folder / 'store.db'}", folder, None)
            return
        databases = Databases(self._server, lambda _: None)
        with databases.fresh(empty=True) as url:
            yield Place(self.store, url, folder, server_pid(self._server))
        databases.close()

    @contextmanager
    def profile(self) -> Iterator[list[Mapping[str, object]]]:
        """The statements that took PostgreSQL longest meanwhile, once left; none unless asked."""
        longest: list[Mapping[str, object]] = []
        if self._server is None or not self._profiled:
            yield longest
            return
        url = self._server.render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
            connection.execute("create extension if not exists pg_stat_statements")
            connection.execute("select pg_stat_statements_reset()")
            yield longest
            longest += connection.execute(_LONGEST).fetchall()

    def facts(self) -> Mapping[str, object]:
        """The machine, the versions and the settings of the database."""
        return {
            "machine": {
                "cpu": _cpu_name(),
                "cores": os.cpu_count(),
                "system": f"{platform.system()} {platform.release()}",
                "load": os.getloadavg()[0],
            },
            "versions": {"python": platform.python_version()}
            | {name: version(name) for name in _LIBRARIES},
            "database": self._database_facts(),
        }

    def _database_facts(self) -> Mapping[str, str]:
        if self._server is None:
            return {"sqlite": sqlite3.sqlite_version, "journal_mode": "wal", "synchronous": "full"}
        url = self._server.render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            shown = {name: connection.execute(f"show {name}".encode()) for name in _TOLD}
            return {name: str(found.fetchall()[0][0]) for name, found in shown.items()}


@contextmanager
def ground(store: str, postgres: str | None = None, *, profiled: bool = False) -> Iterator[Ground]:
    """A ground on `sqlite` or `postgres`; the latter on a throw-away server, or the one named.

    `profiled` has PostgreSQL note what each statement takes, which costs it a little.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="handback-bench-")))
        server = None
        if store == "postgres":
            settings = _AS_IN_PRODUCTION | (_PROFILED if profiled else {})
            server = stack.enter_context(running_server(postgres, settings))
        yield Ground(store, folder, server, profiled)


def settle(place: Place) -> None:
    """Write out what preparing left behind, so that what is measured does not pay for it."""
    if place.store == "sqlite":
        file = sqlite3.connect(place.sqlite_file)
        file.execute("pragma wal_checkpoint(truncate)")
        file.close()
        return
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()
