"""The floor of payouts: what is due to a file, and its redemptions to awaiting, in bare SQL.

One transaction takes the due rows, writes the attempts and the file; others then move the
redemptions and note it, in the product's chunks.
"""

from __future__ import annotations

import csv
import os
import sqlite3
from pathlib import Path
from typing import Final

import psycopg

from handback.payouts.deliver import CHUNK
from handback_server.bench.apart import Figures, Meter
from handback_server.bench.by_hand import Job
from handback_server.bench.ground import settle

_TABLES: Final = (
    "create table floor_redemption (number {key} primary key, member text not null,"
    " quantity bigint not null, state smallint not null, attempt smallint not null,"
    " version int not null) {half_full}",
    "create table floor_due (number {key} primary key)",
    "create table floor_attempt (number bigint not null, attempt smallint not null,"
    " batch bigint not null, quantity bigint not null, primary key (number, attempt)) {clustered}",
    "create table floor_history (number bigint not null, version int not null,"
    " block bigint not null, from_state smallint, to_state smallint, trigger smallint,"
    " quantity bigint, primary key (number, version)) {clustered}",
)
_SPELT: Final = {
    "sqlite": {"key": "integer", "half_full": "", "clustered": "without rowid"},
    "postgres": {"key": "bigint", "half_full": "with (fillfactor = 50)", "clustered": ""},
}
_DUE: Final = (
    "select 'HB' || r.number, r.member, r.quantity from floor_due d"
    " join floor_redemption r on r.number = d.number order by r.number"
)
_SEAL: Final = (
    "insert into floor_attempt select r.number, 1, 1, r.quantity from floor_due d"
    " join floor_redemption r on r.number = d.number order by r.number",
    "delete from floor_due",
)
_DISPATCH: Final = (
    "update floor_redemption set state = 2, attempt = 1, version = 2"
    " where number >= {first} and number < {end} and state = 1",
    "insert into floor_history select number, 2, 2, 1, 2, 2, quantity from floor_attempt"
    " where number >= {first} and number < {end}",
)


def prepare(job: Job) -> None:
    """Redemptions that are due."""
    spelt = _SPELT[job.place.store]
    tables = [table.format(**spelt) for table in _TABLES]
    new = "insert into floor_redemption select i, 'M' || i % 250000, i % 9000 + 500, 1, 0, 1 from "
    if job.place.store == "sqlite":
        numbers = "with recursive n (i) as (select 0 union all select i + 1 from n where i < ?) "
        connection = _sqlite(job)
        for table in tables:
            connection.execute(table)
        connection.execute(f"{numbers}{new} n", [job.records - 1])
        connection.execute("insert into floor_due select number from floor_redemption")
        connection.close()
    else:
        with psycopg.connect(job.place.url, autocommit=True) as server:
            for table in tables:
                server.execute(table.encode())
            server.execute(f"{new} generate_series(0, {job.records - 1}) i".encode())
            server.execute("insert into floor_due select number from floor_redemption")
    settle(job.place)


def run(job: Job) -> Figures:
    """From the due rows to the last commit."""
    return _run_sqlite(job) if job.place.store == "sqlite" else _run_postgres(job)


def _run_sqlite(job: Job) -> Figures:
    connection = _sqlite(job)
    with Meter() as meter:
        connection.execute("begin immediate")
        with _file(job).open("w", newline="") as file:
            csv.writer(file).writerows(connection.execute(_DUE))
            _make_durable(file.fileno())
        for statement in _SEAL:
            connection.execute(statement)
        connection.execute("commit")
        for first in range(0, job.records, CHUNK):
            connection.execute("begin immediate")
            for statement in _DISPATCH:
                connection.execute(statement.format(first=first, end=first + CHUNK))
            connection.execute("commit")
    connection.close()
    return meter.figures


def _run_postgres(job: Job) -> Figures:
    with (
        psycopg.connect(job.place.url, autocommit=True) as connection,
        Meter(job.place.database_pid) as meter,
    ):
        with connection.transaction(), _file(job).open("wb") as file:
            with connection.cursor().copy(f"copy ({_DUE}) to stdout (format csv)".encode()) as rows:
                for block in rows:
                    file.write(block)
            _make_durable(file.fileno())
            for statement in _SEAL:
                connection.execute(statement.encode())
        for first in range(0, job.records, CHUNK):
            with connection.transaction():
                for statement in _DISPATCH:
                    connection.execute(statement.format(first=first, end=first + CHUNK).encode())
    return meter.figures


def _sqlite(job: Job) -> sqlite3.Connection:
    connection = sqlite3.connect(job.place.sqlite_file, isolation_level=None)
    for pragma in ("journal_mode = wal", "synchronous = full", "cache_size = -65536"):
        connection.execute(f"pragma {pragma}")
    return connection


def _file(job: Job) -> Path:
    return job.place.folder / "payout.csv"


def _make_durable(file: int) -> None:
    os.fsync(file)
