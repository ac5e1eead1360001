"""PostgreSQL: many processes, binary COPY in, sets moved by one statement."""

from __future__ import annotations

import hashlib
import select
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from zlib import crc32

import polars as pl
import psycopg
import psycopg.abc
import psycopg.adapt
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from handback.errors import HandbackError, StoreUnavailable, VersionConflict
from handback.store.arrays import answer_in_binary
from handback.store.bulk import (
    MOVED,
    REDEMPTION,
    UNBOUNDED,
    alike,
    conditions,
    emptied,
    fetch_frame,
    stage_table,
)
from handback.store.copying import encode_copy
from handback.store.plans import WHOLE_TABLES

# The stage has no statistics, and those of a growing table are behind it. Whatever the planner
# makes of that, walking the stage in key order and looking each row up by its key is right; a plan
# that scans the hot table instead was seen to take a second for a thousand rows.
_WALK_THE_STAGE = tuple(
    f"set local {name} = off" for name in (*WHOLE_TABLES, "enable_bitmapscan", "enable_material")
)

# Notes a row that a set of updates leaves as it is. What a connection has of its own is made with
# its first move, and made again where that was rolled back.
_NOTED = sa.table("stayed", sa.column("redemption_id", sa.BigInteger), schema="pg_temp")
_READY_TO_NOTE = """do $ready$ begin
if to_regproc('pg_temp.stays') is null then
    create temporary table stayed (redemption_id bigint) on commit delete rows;
    create function pg_temp.stays(bigint) returns boolean language plpgsql as
        'begin insert into pg_temp.stayed values ($1); return false; end';
end if;
delete from pg_temp.stayed;
end $ready$"""


class PostgreSQL:
    """The dialect of the shared store."""

    name = "postgresql"
    serial_commits = False

    def failure(self, error: BaseException) -> HandbackError | None:
        """See `Dialect.failure`."""
        if isinstance(error, (psycopg.IntegrityError, psycopg.errors.DeadlockDetected)):
            return VersionConflict(moved=0, expected=1)
        if isinstance(error, psycopg.OperationalError):
            return StoreUnavailable(cause=type(error).__name__)
        return None

    def create_engine(self, url: sa.URL) -> sa.Engine:
        """An engine on psycopg; a connection lost while idle is noticed before it is used.

        Noticed without asking the server, which would cost every transaction a round trip.
        """
        engine = sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            hide_parameters=True,  # values of members have no place in a log
            pool_size=8,
            max_overflow=UNBOUNDED,
            pool_use_lifo=True,  # what was used last knows its statements and stages
        )
        sa.event.listen(engine, "checkout", _refuse_lost)
        sa.event.listen(engine, "connect", _prepare)
        sa.event.listen(engine, "before_cursor_execute", answer_in_binary)
        return engine

    def is_lost(self, connection: sa.Connection) -> bool:
        """See `Dialect.is_lost`."""
        return _is_lost(_driver(connection))

    def insert_frame(self, tx: sa.Connection, table: sa.Table, frame: pl.DataFrame) -> None:
        """Insert the rows by binary COPY."""
        if frame.is_empty():
            return
        quote = tx.dialect.identifier_preparer.quote
        ordered, pieces = encode_copy(frame)
        columns = ", ".join(quote(name) for name in ordered)
        cursor = _driver(tx).cursor()
        statement = f"copy {quote(table.name)} ({columns}) from stdin (format binary)"
        with cursor.copy(statement.encode()) as copy:
            for piece in pieces:
                copy.write(piece)

    def insert_absent(self, tx: sa.Connection, table: sa.Table, row: Mapping[str, object]) -> None:
        """Insert one row unless its key is there already."""
        tx.execute(insert(table).values(**row).on_conflict_do_nothing())

    def stage(self, tx: sa.Connection, name: str, frame: pl.DataFrame) -> sa.Table:
        """Fill a temporary table, emptied by the server at the end of the transaction."""
        table = stage_table(name, frame)
        # All in one message, which cannot be prepared.
        statements = ";".join((*emptied(table, tx.dialect), *_WALK_THE_STAGE))
        _driver(tx).execute(statements.encode(), prepare=False)
        self.insert_frame(tx, table, frame)
        return table

    def move(self, tx: sa.Connection, moves: pl.DataFrame) -> pl.Series:
        """Update from the staged set, by primary key and what the rows were.

        Staged is what varies; what all rows have alike is said once. Asking for all that moved
        would cost more than a note of each of the few that stay.
        """
        ids = moves["redemption_id"]
        same = alike(moves)
        staged = moves.drop(same)
        # A connection keeps its stages: one for each set of columns.
        stage = self.stage(tx, f"moves_{crc32(' '.join(staged.columns).encode()):x}", staged)
        meant = list(conditions(moves.columns))
        column = {name: REDEMPTION.c[name] for name in MOVED}
        column |= {name: REDEMPTION.c[compared] for name, compared, _ in meant}
        said = {
            name: sa.literal(same[name], of.type) if name in same else stage.c[name]
            for name, of in column.items()
        }
        key = stage.c.redemption_id
        as_meant = sa.and_(*(column[name].bool_op(sign)(said[name]) for name, _, sign in meant))
        stays = sa.func.pg_temp.stays(key, type_=sa.Boolean)
        update = (
            sa.update(REDEMPTION)
            .where(REDEMPTION.c.redemption_id == key, sa.case((as_meant, True), else_=stays))
            .values({column[name]: said[name] for name in MOVED})
        )
        _driver(tx).execute(_READY_TO_NOTE)
        moved = tx.execute(update).rowcount
        if moved == len(ids):
            return ids.clear()
        stayed = fetch_frame(tx, sa.select(_NOTED.c.redemption_id).distinct()).to_series()
        if moved + len(stayed) < len(ids):
            known = sa.select(REDEMPTION.c.redemption_id)
            unknown = fetch_frame(tx, sa.select(key).where(key.not_in(known))).to_series()
            stayed = pl.concat([stayed, unknown])
        assert moved + len(stayed) == len(ids), "a redemption moves, or stays, or is unknown"
        return stayed

    def delete_rows(
        self, tx: sa.Connection, key: sa.Column[int], condition: sa.ColumnElement[bool]
    ) -> pl.Series:
        """Delete them, and have what is gone as one array."""
        gone = sa.delete(key.table).where(condition).returning(key).cte("gone")
        return fetch_frame(tx, sa.select(gone.c[key.name])).to_series()

    def checkpoint(self, engine: sa.Engine) -> None:
        """Nothing to do: the server does it by itself."""

    def serialise(self, tx: sa.Connection, name: str) -> None:
        """Take an advisory lock that the end of the transaction gives back."""
        tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_lock_key(name))))

    @contextmanager
    def lock(self, engine: sa.Engine, name: str, *, wait: bool) -> Iterator[bool]:
        """A session-level advisory lock on a connection of its own."""
        key = _lock_key(name)
        take = sa.func.pg_advisory_lock if wait else sa.func.pg_try_advisory_lock
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            had = connection.scalar(sa.select(take(key))) is not False
            try:
                yield had
            finally:
                if had:
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))

    @contextmanager
    def listening(self, engine: sa.Engine, channel: str) -> Iterator[Callable[[float], bool]]:
        """LISTEN on a connection of its own, which stays in the server's list until the end."""
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            quoted = connection.dialect.identifier_preparer.quote(channel)
            connection.exec_driver_sql(f"listen {quoted}")
            driver = _driver(connection)
            try:
                yield lambda seconds: any(
                    True for _ in driver.notifies(timeout=seconds, stop_after=1)
                )
            finally:
                connection.exec_driver_sql("unlisten *")


class _WholeNumber(psycopg.adapt.Loader):
    """Reads NUMERIC: nothing here has fractions, but sums of integers are of that type."""

    def load(self, digits: psycopg.abc.Buffer) -> int:
        """The number."""
        return int(bytes(digits))


def _prepare(connection: psycopg.Connection, _record: object) -> None:
    connection.adapters.register_loader("numeric", _WholeNumber)
    # An array has its rows in their order only where one process makes it (see `arrays`).
    connection.autocommit = True
    connection.execute("set max_parallel_workers_per_gather = 0")
    connection.autocommit = False


def _refuse_lost(connection: psycopg.Connection, _record: object, _proxy: object) -> None:
    """Have the pool replace a connection that was lost while it was idle."""
    if _is_lost(connection):
        raise sa.exc.DisconnectionError


def _is_lost(idle: psycopg.Connection) -> bool:
    """Whether there is something to read: the end is, and hardly anything else comes unasked."""
    there = select.poll()
    there.register(idle.fileno(), select.POLLIN)
    return bool(there.poll(0))


def _lock_key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def _driver(tx: sa.Connection) -> psycopg.Connection:
    connection = tx.connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    return connection
