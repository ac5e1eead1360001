"""Opening the store, and the only place where a transaction begins and ends."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import psycopg
import sqlalchemy as sa

from handback.errors import InvalidSettings, Violation
from handback.store.bulk import Dialect, table_of
from handback.store.postgres import PostgreSQL
from handback.store.sqlite import LARGE, WRITE, SQLite
from handback.store.tables import IdRange

_ID_RANGE = table_of(IdRange)
# Ids fetched at once where fewer are asked for; what a process does not use is never used.
_RANGE = 16_384


class Store:
    """A database that holds everything Handback knows. Safe to share between threads."""

    def __init__(self, engine: sa.Engine, dialect: Dialect) -> None:
        self.engine = engine
        self._writing = {
            large: engine.execution_options(**{WRITE: True, LARGE: large})
            for large in (False, True)
        }
        self._at_once = self._writing[False]
        # Writers of the embedded store queue here, in order, rather than at its file lock.
        self._alone: AbstractContextManager[object] = threading.Lock()
        if not dialect.serial_commits:
            self._at_once = engine.execution_options(isolation_level="AUTOCOMMIT")
            self._alone = nullcontext()
        self._kept: list[sa.Connection] = []
        self.dialect = dialect
        self._committed: list[Callable[[], None]] = []
        self._ids: dict[str, range] = {}
        self._ids_lock = threading.Lock()

    @classmethod
    def open(cls, url: str) -> Store:
        """The store of a URL: `sqlite:////path/to/file` or `postgresql://…`.

        Raises InvalidSettings for any other URL. Nothing is connected yet.
        """
        try:
            parsed = sa.make_url(url)
        except sa.exc.ArgumentError:
            parsed = sa.URL.create("unreadable")
        dialect: Dialect
        match parsed.get_backend_name():
            case "sqlite" if parsed.database and parsed.database != ":memory:":
                dialect = SQLite()
            case "postgresql":
                dialect = PostgreSQL()
            case _:
                expected = "expected sqlite:////path/to/file or postgresql://user@host:port/name"
                raise InvalidSettings([Violation("store", expected)])
        return cls(dialect.create_engine(parsed), dialect)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the database and writes nothing."""
        options: dict[str, object] = {}
        if self.dialect.name == "postgresql":
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with _store_errors(self.dialect), self.engine.connect() as connection:
            chosen = connection.execution_options(**options) if options else connection
            with chosen.begin():
                yield chosen

    @contextmanager
    def write(self, *, large: bool = False) -> Iterator[sa.Connection]:
        """A transaction that commits when left, and rolls back where left by an exception.

        What a `large` one leaves in the log is for `checkpoint`, so that the next need not wait.
        """
        with _store_errors(self.dialect), self._alone, self._writing[large].begin() as connection:
            yield connection
        self._wake()

    @contextmanager
    def write_at_once(self) -> Iterator[sa.Connection]:
        """A transaction for one message that writes, on a connection that is there already.

        To a server that message is a transaction by itself, which spares it two round trips, to
        begin and to commit. What is read before sees what is committed by then, as within `write`.
        """
        with _store_errors(self.dialect), self._alone, self._kept_open() as connection:
            if self.dialect.serial_commits:
                with connection.begin():
                    yield connection
            else:
                yield connection
                connection.commit()  # of what SQLAlchemy read, for which it takes a transaction
        self._wake()

    @contextmanager
    def _kept_open(self) -> Iterator[sa.Connection]:
        """A connection that is open before and after: to get one from the pool and give it back
        takes as long as writing a few rows.

        Where it is left by an exception nobody knows how it stands, and it goes back.
        """
        connection = self._taken() or self._at_once.connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._kept.append(connection)

    def _taken(self) -> sa.Connection | None:
        """The connection kept last, None where all are in use or it was lost while idle."""
        try:
            connection = self._kept.pop()
        except IndexError:
            return None
        if not self.dialect.is_lost(connection):
            return connection
        connection.invalidate()
        connection.close()
        return None

    def checkpoint(self) -> None:
        """Bring what large transactions left in the log to its place, while others write."""
        with _store_errors(self.dialect):
            self.dialect.checkpoint(self.engine)

    def on_commit(self, wake: Callable[[], None]) -> None:
        """Call `wake` after every write of this process; it must be quick and never raise."""
        self._committed.append(wake)

    def lock(self, name: str, *, wait: bool = False) -> AbstractContextManager[bool]:
        """Try to take a lock known to all processes on this store; yields whether it was had.

        With `wait` it is, as soon as nobody else has it.
        """
        return self.dialect.lock(self.engine, name, wait=wait)

    def take_ids(self, kind: str, count: int, tx: sa.Connection | None = None) -> range:
        """`count` numbers of a kind, never given before.

        A caller inside `write` hands its transaction in: the embedded store has one writer, which
        then takes them itself. Otherwise they come from a short transaction of their own.
        """
        assert count >= 0, count
        if tx is not None and self.dialect.serial_commits:
            return self._advance(tx, kind, count)
        with self._ids_lock:
            held = self._ids.get(kind, range(0))
            if len(held) < count:
                with self.write() as own:
                    held = self._advance(own, kind, max(count, _RANGE))
            self._ids[kind] = held[count:]
            return held[:count]

    def _advance(self, tx: sa.Connection, kind: str, count: int) -> range:
        self.dialect.insert_absent(tx, _ID_RANGE, {"name": kind, "next_id": 1})
        end = tx.scalar(
            sa.update(_ID_RANGE)
            .where(_ID_RANGE.c.name == kind)
            .values(next_id=_ID_RANGE.c.next_id + count)
            .returning(_ID_RANGE.c.next_id)
        )
        assert end is not None
        return range(end - count, end)

    def _wake(self) -> None:
        for wake in self._committed:
            wake()

    def close(self) -> None:
        """Close every connection."""
        for connection in self._kept:
            connection.close()
        self.engine.dispose()


@contextmanager
def _store_errors(dialect: Dialect) -> Iterator[None]:
    """Turn what the driver says into the domain's word for it, where it has one."""
    try:
        yield
    except (sa.exc.DBAPIError, sqlite3.Error, psycopg.Error) as failure:
        cause = failure.orig if isinstance(failure, sa.exc.DBAPIError) else failure
        told = dialect.failure(cause) if cause is not None else None
        if told is None:
            raise
        raise told from failure
