"""What version a store is at, and bringing it to the newest."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from handback.errors import NotFound, SchemaMismatch
from handback.store.session import Store

# Any number of this application's own, so that two migrating processes wait for one another.
_LOCK: Final = 7_120_301


def head() -> str:
    """The version this program needs, such as `0001`."""
    newest = ScriptDirectory.from_config(config_for(None)).get_current_head()
    assert newest is not None, "at least one version is shipped"
    return newest


def current(url: str) -> str | None:
    """The version the store is at; None where it was never migrated. Raises StoreUnavailable."""
    store = Store.open(url)
    try:
        with store.read() as tx:
            return _version(tx)
    finally:
        store.close()


def migrate(url: str) -> str:
    """Bring the store to the newest version, wholly or not at all; gives that version.

    Several processes may call it at once. Raises SchemaMismatch where the store is at a version
    this program does not know, StoreUnavailable where it cannot be reached.
    """
    store = Store.open(url)
    try:
        with store.write() as tx:
            if tx.dialect.name == "postgresql":  # on SQLite the writer is alone already
                tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            _refuse_unknown(_version(tx))
            command.upgrade(config_for(tx), "head")
    finally:
        store.close()
    return head()


def prepare(url: str) -> None:
    """Make sure that the store may be served: SQLite is migrated, PostgreSQL only looked at.

    Raises SchemaMismatch where PostgreSQL is at any other version: when to migrate a store that
    several processes share is for people to say.
    """
    if sa.make_url(url).get_backend_name() == "sqlite":
        migrate(url)
    else:
        check(url)


def check(url: str) -> None:
    """Raises SchemaMismatch where the store is at any other version, or at none.

    Raises NotFound where it is a file that is not there, and leaves none behind.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        path = Path(parsed.database).absolute()
        if not path.is_file():
            raise NotFound(kind="database", id=path)
    found, needed = current(url), head()
    if found != needed:
        raise SchemaMismatch(found=found or "none", needed=needed)


def config_for(tx: sa.Connection | None) -> Config:
    """Alembic's configuration, working inside the transaction given."""
    config = Config()
    config.set_main_option("script_location", "handback_migrations:")
    config.attributes["connection"] = tx
    return config


def _version(tx: sa.Connection) -> str | None:
    return MigrationContext.configure(tx).get_current_revision()


def _refuse_unknown(found: str | None) -> None:
    known = {
        script.revision for script in ScriptDirectory.from_config(config_for(None)).walk_revisions()
    }
    if found is not None and found not in known:
        raise SchemaMismatch(found=found, needed=head())
