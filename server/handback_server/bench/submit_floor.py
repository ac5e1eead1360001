"""The rows of submitted redemptions, written with nothing decided: what a streamed submit stands
beside.

The same rows of the same batches go into the same tables by the fastest means: a hundred rows a
statement on SQLite, COPY on PostgreSQL, a transaction for each batch, as durable as the product's.
No request key is looked up, no rule asked, nothing hashed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, count, islice
from typing import Any, Final

import psycopg

from handback.store.session import Store
from handback_server._stubs.v1 import redemptions_pb2 as pb

Row = tuple[Any, ...]

_TABLES: Final[Mapping[str, str]] = {
    "redemption": "redemption (redemption_id, programme_id, partner_id, unit_id, quantity,"
    " submitted_at, state, attempt, version, held, fulfilled, member_ref)",
    "event": "event (redemption_id, version, block_id, trigger, from_state, to_state, attempt,"
    " reason_class, quantity)",
    "due": "due (redemption_id, partner_id, unit_id, due_at, same_reference)",
    "member_detail": "member_detail (redemption_id, fields)",
    "request": "request (programme_id, request_key, content_hash, subject_id, version, created_at)",
    "block_total": (
        "block_total (block_id, programme_id, partner_id, unit_id, account, delta, redemptions)"
    ),
}
_BLOCK_OF_SQLITE: Final = (
    "insert into block (block_id, position, cause_kind, actor, committed_at, event_count)"
    " values (?, ?, 1, 'bench', ?, ?)"
)
_BLOCK_OF_POSTGRES: Final = (
    "insert into block (block_id, position, cause_kind, actor, committed_at, event_count)"
    " overriding system value values (%s, %s, 1, 'bench', %s, %s)"
)
_AT_ONCE: Final = 100
# Any instant and any hash do.
_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_HASH: Final = bytes(range(32))


class SameRows:
    """Writes batches of submissions into an empty store that has the product's tables."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ids, self._blocks = count(1), count(1)

    def insert(self, submissions: Sequence[pb.Submission]) -> None:
        """Write one batch, durably."""
        ids, block = list(islice(self._ids, len(submissions))), next(self._blocks)
        with self._store.write() as tx:
            driver = tx.connection.driver_connection
            if isinstance(driver, sqlite3.Connection):
                at = int(_AT.timestamp()) * 1_000_000
                driver.execute(_BLOCK_OF_SQLITE, (block, block, at, len(ids)))
                for name, rows in _rows(submissions, ids, block, at, _HASH).items():
                    _insert(driver, name, rows)
            else:
                assert isinstance(driver, psycopg.Connection)
                driver.execute(_BLOCK_OF_POSTGRES, (block, block, _AT, len(ids)))
                shown = f"\\\\x{_HASH.hex()}"
                for name, rows in _rows(submissions, ids, block, _AT.isoformat(), shown).items():
                    _copy(driver, name, rows)


def _rows(
    submissions: Sequence[pb.Submission], ids: Sequence[int], block: int, at: object, digest: object
) -> Mapping[str, Iterable[Row]]:
    """The rows of each table; at what instant and under which hash, as the store takes them."""
    each = list(zip(ids, submissions, strict=True))
    total, count = sum(one.quantity for one in submissions), len(submissions)
    return {
        "redemption": (
            (n, 1, 1, 1, one.quantity, at, 1, 0, 1, one.quantity, 0, one.member_ref)
            for n, one in each
        ),
        "event": ((n, 1, block, 1, 0, 1, 0, 0, one.quantity) for n, one in each),
        "due": ((n, 1, 1, at, 0) for n in ids),
        "member_detail": ((n, json.dumps(dict(one.fields))) for n, one in each),
        "request": ((1, one.request_key, digest, n, 1, at) for n, one in each),
        "block_total": [
            (block, 1, 1, 1, *side) for side in ((1, -total, -count), (2, total, count))
        ],
    }


def _insert(driver: sqlite3.Connection, name: str, rows: Iterable[Row]) -> None:
    left = iter(rows)
    while some := list(islice(left, _AT_ONCE)):
        row = f"({', '.join('?' * len(some[0]))})"
        statement = " ".join(("insert into", _TABLES[name], "values", ", ".join([row] * len(some))))
        driver.execute(statement, list(chain.from_iterable(some)))


def _copy(driver: psycopg.Connection, name: str, rows: Iterable[Row]) -> None:
    lines = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    with driver.cursor().copy(f"copy {_TABLES[name]} from stdin".encode()) as copy:
        copy.write(lines)
