"""What one would write first: a select, a state machine and an insert for every record."""

from __future__ import annotations

import csv
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, select
from transitions import Machine

from handback_server.bench.apart import Figures, Meter
from handback_server.bench.by_hand import OK, Job
from handback_server.bench.row_tables import RowHistory, RowRedemption, engine_for

_STATES: Final = ["submitted", "awaiting", "confirmed", "rejected", "retrying", "failed"]
_TRANSITIONS: Final[list[Any]] = [
    ["dispatch", ["submitted", "retrying"], "awaiting"],
    ["confirm", "awaiting", "confirmed"],
    ["reject", "awaiting", "rejected"],
    ["retry", "rejected", "retrying"],
    ["fail", ["rejected", "retrying"], "failed"],
]
_COMMIT_EVERY: Final = 1_000


class _Answered:
    """What the machine moves; SQLModel's objects take no foreign attributes."""

    state: str


def run(job: Job, count: int) -> Figures:
    """From opening the file to the commit of so many of its records."""
    engine = engine_for(job.place)
    with Meter(job.place.database_pid) as meter:
        _answer(job, engine, count)
    engine.dispose()
    return meter.figures


def _answer(job: Job, engine: sa.Engine, count: int) -> None:
    machine = Machine(
        model=None,
        states=_STATES,
        transitions=_TRANSITIONS,
        initial="submitted",
        auto_transitions=False,
    )
    with job.file.open(newline="") as answers, Session(engine) as session:
        records = islice(csv.DictReader(answers), count)
        for line, record in enumerate(records, start=1):
            found = select(RowRedemption).where(RowRedemption.reference == record["reference"])
            redemption = session.exec(found).one()
            assert redemption.quantity == int(record["quantity"]), "every record is a plain answer"
            before, reason = redemption.state, record["code"]
            redemption.state = _moved(machine, before, "confirm" if reason == OK else "reject")
            redemption.reason = None if reason == OK else reason
            redemption.version += 1
            session.add(redemption)
            session.add(
                RowHistory(
                    redemption_id=redemption.id,
                    version=redemption.version,
                    from_state=before,
                    to_state=redemption.state,
                    line=line,
                    reason=redemption.reason,
                    quantity=redemption.quantity,
                )
            )
            if line % _COMMIT_EVERY == 0:
                session.commit()
        session.commit()


def _moved(machine: Any, state: str, trigger: str) -> str:
    model: Any = _Answered()
    machine.add_model(model, initial=state)
    getattr(model, trigger)()
    machine.remove_model(model)
    moved: str = model.state
    return moved
