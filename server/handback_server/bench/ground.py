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
from psycopg import sql
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
# What goes into a table emptied in the same transaction is then not logged as well.
_LOADED_UNLOGGED: Final = {"wal_level": "minimal", "max_wal_senders": "0"}
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

    def __init__(
        self,
        store: str,
        folder: Path,
        server: sa.URL | None,
        grown: int = 0,
        keep: Path | None = None,
        *,
        profiled: bool = False,
    ) -> None:
        self.store = store
        self.grown = grown
        """How many finished redemptions a grown database has."""
        self.keep = keep
        """Where databases last, None where they do not."""
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
        with psycopg.connect(
            _text(self._server), autocommit=True, row_factory=dict_row
        ) as connection:
            connection.execute("create extension if not exists pg_stat_statements")
            connection.execute("select pg_stat_statements_reset()")
            yield longest
            longest += connection.execute(_LONGEST).fetchall()

    @contextmanager
    def lasting(self, name: str, *, anew: bool) -> Iterator[Place]:
        """A place whose database stays in the folder to keep; `anew` begins with an empty one.

        Its other folder is gone when left. Where nothing is kept it is a place like any other.
        """
        if self.keep is None:
            with self.place(name) as place:
                yield place
            return
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=name) as made:
            folder = Path(made)
            if self._server is None:
                file = self.keep / f"{name}.db"
                if anew:
                    file.unlink(missing_ok=True)
                yield Place(self.store, f"sqlite:///{file}", folder, None)
                return
            if anew:
                _make_anew(self._server, name)
            url = _text(self._server.set(database=name))
            yield Place(self.store, url, folder, server_pid(self._server))

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
        with psycopg.connect(_text(self._server), autocommit=True) as connection:
            shown = {name: connection.execute(f"show {name}".encode()) for name in _TOLD}
            return {name: str(found.fetchall()[0][0]) for name, found in shown.items()}


@contextmanager
def ground(
    store: str,
    postgres: str | None = None,
    grown: int = 0,
    keep: Path | None = None,
    *,
    profiled: bool = False,
) -> Iterator[Ground]:
    """A ground on `sqlite` or `postgres`; the latter on a throw-away server, or the one named.

    In the folder `keep` lasts what is to last: a server of its own on PostgreSQL, one for each use
    of the folder. `profiled` has PostgreSQL note what each statement takes, which costs a little.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="handback-bench-")))
        server = None
        if keep is not None:
            keep = keep.resolve()
            keep.mkdir(parents=True, exist_ok=True)
        if store == "postgres":
            cluster = keep / "cluster" if keep else None
            settings = (
                _AS_IN_PRODUCTION
                | (_LOADED_UNLOGGED if keep else {})
                | (_PROFILED if profiled else {})
            )
            server = stack.enter_context(running_server(postgres, settings, cluster))
        yield Ground(store, folder, server, grown, keep, profiled=profiled)


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


def _make_anew(server: sa.URL, database: str) -> None:
    named = sql.Identifier(database)
    with psycopg.connect(_text(server), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {}").format(named))
        connection.execute(sql.SQL("create database {}").format(named))


def _text(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()
