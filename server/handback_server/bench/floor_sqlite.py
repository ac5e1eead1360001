"""The floor on SQLite: updates by primary key and events, a hundred a statement.

What is the same in all records with one code is spelt in the statements, and not bound.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Final

import polars as pl

from handback_server.bench.apart import Figures, Meter
from handback_server.bench.by_hand import OK
from handback_server.bench.ground import Place

# As the product has it, in engine/handback/store/sqlite.py.
_PRAGMAS: Final = (
    "synchronous = full",
    "foreign_keys = on",
    "cache_size = -65536",
    "temp_store = memory",
)
_CONFIRMED: Final = {"state": 3, "held": 0, "fulfilled": "held", "trigger": 4, "reason_class": 1}
_REJECTED: Final = {"state": 4, "held": "held", "fulfilled": 0, "trigger": 5, "reason_class": 6}
_MOVE: Final = (
    "update redemption set state = {state}, version = 3, held = {held}, fulfilled = {fulfilled}"
    " from (values {rows}) as v where redemption_id = v.column1 and state = 2 and attempt = 1"
    " and version = 2 and held = v.column2"
)
_NOTE: Final = (
    "insert into event (redemption_id, version, block_id, trigger, from_state, to_state, attempt,"
    " reason_class, quantity, file_id, ordinal, reason_code) values {rows}"
)
_NOTED: Final = "(?, 3, 3, {trigger}, 2, {state}, 1, {reason_class}, ?, 1, ?, '{code}')"
_ROWS_AT_ONCE: Final = 100


def run(place: Place, chunks: Callable[[], Iterator[pl.DataFrame]]) -> Figures:
    """Apply chunks of the columns that `floor` says, each in a transaction."""
    connection = sqlite3.connect(place.sqlite_file, isolation_level=None)
    for pragma in _PRAGMAS:
        connection.execute(f"pragma {pragma}")
    with Meter() as meter:
        for chunk in chunks():
            connection.execute("begin immediate")
            for (code,), alike in chunk.group_by("code", maintain_order=True):
                _apply(connection, str(code), alike)
            connection.execute("commit")
    connection.close()
    return meter.figures


def _apply(connection: sqlite3.Connection, code: str, answers: pl.DataFrame) -> None:
    keys, quantities, ordinals = (
        answers[name].to_list() for name in ("redemption_id", "quantity", "ordinal")
    )
    outcome = _CONFIRMED if code == OK else _REJECTED
    noted = _NOTED.format(**outcome, code=code)
    moved = 0
    for rows, moves in _calls(keys, quantities):
        move = _MOVE.format(**outcome, rows=", ".join(["(?, ?)"] * rows))
        moved += connection.executemany(move, moves).rowcount
    assert moved == len(answers), "every record is a plain answer"
    for rows, notes in _calls(keys, quantities, ordinals):
        connection.executemany(_NOTE.format(rows=", ".join([noted] * rows)), notes)


def _calls(*columns: list[int]) -> Iterator[tuple[int, list[list[int]]]]:
    """Parameters for a hundred rows at a time, then for each that is left."""
    count, width = len(columns[0]), len(columns)
    values = [0] * (count * width)
    for place, column in enumerate(columns):
        values[place::width] = column
    whole = count // _ROWS_AT_ONCE * _ROWS_AT_ONCE * width
    for rows, some in (_ROWS_AT_ONCE, values[:whole]), (1, values[whole:]):
        yield rows, [some[at : at + rows * width] for at in range(0, len(some), rows * width)]
