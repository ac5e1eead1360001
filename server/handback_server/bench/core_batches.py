"""What a careful developer would write: batches, one select for each, SQLAlchemy Core's bulk calls.

The transitions are a table of what may follow what, updates are guarded by version, and a batch
that does not move whole is rolled back.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from handback.clock import SystemClock
from handback.store.bulk import table_of
from handback_server.bench.apart import Figures, Meter
from handback_server.bench.by_hand import OK, Job
from handback_server.bench.row_tables import RowHistory, RowRedemption, engine_for

_CLOCK: Final = SystemClock()
_BATCH: Final = 5_000
_ALLOWED: Final = {("awaiting", "confirm"): "confirmed", ("awaiting", "reject"): "rejected"}
_REDEMPTION, _HISTORY = table_of(RowRedemption), table_of(RowHistory)
_FIND: Final = sa.select(
    _REDEMPTION.c.id,
    _REDEMPTION.c.reference,
    _REDEMPTION.c.quantity,
    _REDEMPTION.c.state,
    _REDEMPTION.c.version,
).where(_REDEMPTION.c.reference.in_(sa.bindparam("references", expanding=True)))
_MOVE: Final = (
    sa.update(_REDEMPTION)
    .where(_REDEMPTION.c.id == sa.bindparam("b_id"))
    .where(_REDEMPTION.c.version == sa.bindparam("b_version"))
    .values(
        state=sa.bindparam("b_state"),
        reason=sa.bindparam("b_reason"),
        version=_REDEMPTION.c.version + 1,
    )
)
_NOTE: Final = sa.insert(_HISTORY)


class _Answer(NamedTuple):
    line: int
    reference: str
    code: str
    quantity: int


def run(job: Job, count: int) -> Figures:
    """From opening the file to the commit of so many of its records."""
    engine = engine_for(job.place)
    with Meter(job.place.database_pid) as meter, job.file.open(newline="") as answers:
        records = islice(_answers(csv.reader(answers)), count)
        while batch := list(islice(records, _BATCH)):
            with engine.begin() as connection:
                _apply(connection, batch)
    engine.dispose()
    return meter.figures


def _answers(rows: Iterator[list[str]]) -> Iterator[_Answer]:
    next(rows)
    for line, (reference, code, quantity) in enumerate(rows, start=1):
        yield _Answer(line, reference, code, int(quantity))


def _apply(connection: sa.Connection, batch: Sequence[_Answer]) -> None:
    references = [answer.reference for answer in batch]
    found = {row.reference: row for row in connection.execute(_FIND, {"references": references})}
    at = _CLOCK.now()
    steps = [_step(found[answer.reference], answer, at) for answer in batch]
    moved = connection.execute(_MOVE, [move for move, _ in steps]).rowcount
    assert moved == len(batch), "nobody else answers"
    connection.execute(_NOTE, [note for _, note in steps])


def _step(row: Any, answer: _Answer, at: datetime) -> tuple[Mapping[str, object], ...]:
    """The update and the history of one answer."""
    assert row.quantity == answer.quantity, "every record is a plain answer"
    state = _ALLOWED[row.state, "confirm" if answer.code == OK else "reject"]
    reason = None if answer.code == OK else answer.code
    move = {"b_id": row.id, "b_version": row.version, "b_state": state, "b_reason": reason}
    note = {
        "redemption_id": row.id,
        "version": row.version + 1,
        "from_state": row.state,
        "to_state": state,
        "line": answer.line,
        "reason": reason,
        "quantity": answer.quantity,
        "at": at,
    }
    return move, note
