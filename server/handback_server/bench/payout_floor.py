"""The floor of payouts: the product's own tables, written by hand in as few statements as can be.

What is due becomes a file that is made durable, attempts, an emptied queue and a batch in one
transaction; others then move the redemptions and note it, a block for each of the product's chunks.
It presumes what the benchmark prepared: every redemption is due, of one partner, for the first
time. So it looks at nothing, decides nothing, checks nothing and can never be resumed. But like any
batch, its redemptions are told by their attempts: their ids need not follow one another.
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
from handback_server.bench.engine import engine
from handback_server.bench.ground import Place, settle

_KEY: Final = "(r.redemption_id * 100 + 1) * 100 + 98 - (r.redemption_id * 100 + 1) * 100 % 97"
_CHOSEN: Final = (
    "(select redemption_id from attempt where batch_id = 1 and ordinal between {first} and {last})"
)
_SPELT: Final = {
    "sqlite": {
        "of_chunk": f"in {_CHOSEN}",
        "reference": f"printf('HB%018d', {_KEY})",
        "surname": "json_extract(d.fields, '$.surname')",
        "at": "1772409600000000",
    },
    "postgres": {
        "of_chunk": f"= any(array{_CHOSEN})",
        "reference": f"'HB' || lpad(({_KEY})::text, 18, '0')",
        "surname": "d.fields::json ->> 'surname'",
        "at": "timestamptz '2026-03-02 00:00+00'",
    },
}
_LINES: Final = (
    "select 'D', {reference}, r.member_ref, {surname}, r.held from redemption r"
    " join member_detail d on d.redemption_id = r.redemption_id order by r.redemption_id"
)
_SEAL: Final = (
    "insert into attempt (redemption_id, attempt, partner_id, batch_id, ordinal, quantity)"
    " select redemption_id, 1, partner_id, 1, redemption_id, held from redemption"
    " order by redemption_id",
    "delete from due where partner_id = 1 and unit_id = 1",
    "insert into payout_batch (batch_id, programme_id, partner_id, unit_id, sequence,"
    " agreement_version, state, record_count, quantity, file_name, fingerprint, size_bytes, due_by,"
    " sealed_at) select 1, programme_id, partner_id, unit_id, 1, 1, 1, count(*),"
    " sum(held), 'OUT_000001.csv', '', 0, {at}, {at} from redemption"
    " group by programme_id, partner_id, unit_id",
)
_DISPATCH: Final = (
    "update redemption set state = 2, attempt = 1, version = 2 where redemption_id {of_chunk}"
    " and state = 1 and version = 1",
    "insert into block (cause_kind, cause_id, actor, committed_at, event_count)"
    " values (2, 1, 'floor', {at}, {count})",
    "insert into event (redemption_id, version, block_id, trigger, from_state, to_state, attempt,"
    " reason_class, quantity) select redemption_id, 2, (select max(block_id) from block), 2, 1, 2,"
    " 1, 0, quantity from attempt where batch_id = 1 and ordinal between {first} and {last}",
)
_NOTE: Final = "update payout_batch set state = 3, delivered_at = {at}, dispatched_at = {at}"


def prepare(place: Place, records: int) -> None:
    """Redemptions that are due, in the product's own tables."""
    with engine(place) as ours:
        ours.bear(records)
    settle(place)


def run(place: Place, records: int) -> Figures:
    """From the due rows to the last commit."""
    chunks = [
        _dispatch(place, first, min(first + CHUNK - 1, records))
        for first in range(1, records + 1, CHUNK)
    ]
    return (_run_sqlite if place.store == "sqlite" else _run_postgres)(place, chunks)


def _dispatch(place: Place, first: int, last: int) -> list[str]:
    """The statements of one chunk, as the store spells them."""
    numbers = {"first": first, "last": last, "count": last - first + 1}
    spelt = {name: said.format(**numbers) for name, said in _SPELT[place.store].items()}
    return [statement.format(**numbers, **spelt) for statement in _DISPATCH]


def _run_sqlite(place: Place, chunks: list[list[str]]) -> Figures:
    lines, seal, note = _spelt(place)
    connection = sqlite3.connect(place.sqlite_file, isolation_level=None)
    for pragma in ("journal_mode = wal", "synchronous = full", "cache_size = -65536"):
        connection.execute(f"pragma {pragma}")
    with Meter() as meter:
        connection.execute("begin immediate")
        with _file(place).open("w", newline="") as file:
            csv.writer(file).writerows(connection.execute(lines))
            _make_durable(file.fileno())
        for statement in seal:
            connection.execute(statement)
        connection.execute("commit")
        for chunk in chunks:
            connection.execute("begin immediate")
            for statement in chunk:
                connection.execute(statement)
            connection.execute("commit")
        connection.execute(note)
    connection.close()
    return meter.figures


def _run_postgres(place: Place, chunks: list[list[str]]) -> Figures:
    lines, seal, note = _spelt(place)
    with (
        psycopg.connect(place.url, autocommit=True) as connection,
        Meter(place.database_pid) as meter,
    ):
        with connection.transaction(), _file(place).open("wb") as file:
            with connection.cursor().copy(f"copy ({lines}) to stdout (format csv)".encode()) as all:
                for line in all:
                    file.write(line)
            _make_durable(file.fileno())
            for statement in seal:
                connection.execute(statement.encode())
        for chunk in chunks:
            with connection.transaction():
                for statement in chunk:
                    connection.execute(statement.encode())
        connection.execute(note.encode())
    return meter.figures


def _spelt(place: Place) -> tuple[str, list[str], str]:
    """The lines of the file, sealing and the last note, as the store spells them."""
    spelt = _SPELT[place.store]
    return _LINES.format(**spelt), [one.format(**spelt) for one in _SEAL], _NOTE.format(**spelt)


def _file(place: Place) -> Path:
    return place.folder / "payout.csv"


def _make_durable(file: int) -> None:
    os.fsync(file)
