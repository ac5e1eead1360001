"""The floor on PostgreSQL: binary COPY to a stage, one guarded update, events by binary COPY.

A thread encodes the next chunks while one is applied. Of several connections each takes the next
chunk; the chunks of a window hold different ranges of keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import psycopg

from handback_server.bench.apart import Figures, Meter
from handback_server.bench.by_hand import OK
from handback_server.bench.ground import Place

_SETTINGS: Final = ("jit", "enable_hashjoin", "enable_mergejoin")
_STAGE: Final = (
    b"create temp table stage (redemption_id bigint, quantity bigint, state smallint)"
    b" on commit delete rows"
)
_MOVE: Final = (
    b"update redemption r set state = s.state, version = 3,"
    b" held = case s.state when 3 then 0 else s.quantity end,"
    b" fulfilled = case s.state when 3 then s.quantity else 0 end"
    b" from stage s where r.redemption_id = s.redemption_id and r.state = 2 and r.attempt = 1"
    b" and r.version = 2 and r.held = s.quantity"
)
_STAGED: Final = {"redemption_id": ">i8", "quantity": ">i8", "state": ">i2"}
_NOTED: Final = {
    "redemption_id": ">i8",
    "version": ">i4",
    "block_id": ">i8",
    "trigger": ">i2",
    "from_state": ">i2",
    "state": ">i2",
    "attempt": ">i2",
    "reason_class": ">i2",
    "quantity": ">i8",
    "file_id": ">i8",
    "ordinal": ">i8",
    "code": "S4",
}
_SAME_IN_ALL: Final = {"version": 3, "block_id": 3, "from_state": 2, "attempt": 1, "file_id": 1}
_NOTE: Final = (
    b"copy event (redemption_id, version, block_id, trigger, from_state, to_state, attempt,"
    b" reason_class, quantity, file_id, ordinal, reason_code) from stdin (format binary)"
)


class _Encoded(NamedTuple):
    """A chunk in binary COPY form: what is staged, and its events."""

    rows: int
    staged: bytes
    noted: bytes


def run(place: Place, chunks: Callable[[], Iterator[pl.DataFrame]], connections: int) -> Figures:
    """Apply chunks of the columns that `floor` says, each in a transaction."""
    opened = [psycopg.connect(place.url, autocommit=True) for _ in range(connections)]
    for connection in opened:
        for setting in _SETTINGS:
            connection.execute(f"set {setting} = off".encode())
        connection.execute(_STAGE)
    ready: Queue[_Encoded | None] = Queue(maxsize=connections)
    with ThreadPoolExecutor(connections) as threads, Meter(place.database_pid) as meter:
        working = [threads.submit(_work, connection, ready) for connection in opened]
        for chunk in chunks():
            ready.put(_encoded(chunk))
        for _ in working:
            ready.put(None)
        for worker in working:
            worker.result()
    for connection in opened:
        connection.close()
    return meter.figures


def _work(connection: psycopg.Connection, ready: Queue[_Encoded | None]) -> None:
    while encoded := ready.get():
        with connection.transaction():
            cursor = connection.cursor()
            with cursor.copy(b"copy stage from stdin (format binary)") as copy:
                copy.write(encoded.staged)
            cursor.execute(_MOVE)
            assert cursor.rowcount == encoded.rows, "every record is a plain answer"
            with cursor.copy(_NOTE) as copy:
                copy.write(encoded.noted)


def _encoded(chunk: pl.DataFrame) -> _Encoded:
    codes = np.frombuffer(chunk["code"].str.join("").item().encode(), "S4")
    confirmed = codes == OK.encode()
    values: dict[str, npt.ArrayLike] = {
        **{name: chunk[name].to_numpy() for name in ("redemption_id", "quantity", "ordinal")},
        **_SAME_IN_ALL,
        "state": np.where(confirmed, 3, 4),
        "trigger": np.where(confirmed, 4, 5),
        "reason_class": np.where(confirmed, 1, 6),
        "code": codes,
    }
    return _Encoded(len(chunk), *(_copy_bytes(len(chunk), values, of) for of in (_STAGED, _NOTED)))


def _copy_bytes(count: int, values: dict[str, npt.ArrayLike], columns: dict[str, str]) -> bytes:
    """Rows in binary COPY form: every field has a fixed width, none is null."""
    kind = [("fields", ">i2")]
    for name, width in columns.items():
        kind += [(f"{name}_bytes", ">i4"), (name, width)]
    rows = np.empty(count, dtype=kind)
    rows["fields"] = len(columns)
    for name, width in columns.items():
        rows[f"{name}_bytes"] = np.dtype(width).itemsize
        rows[name] = values[name]
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff"
