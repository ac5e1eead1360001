"""What one would write first: a select, a state machine and an insert for every record."""

from __future__ import annotations

import csv
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, create_engine, select
from transitions import Machine

from handback_server.bench.apart import Figures, Meter
from handback_server.bench.by_hand import Job, quantity_of, reference_of, write_file
from handback_server.bench.ground import Place, settle

_STATES: Final = ["submitted", "awaiting", "confirmed", "rejected", "retrying", "failed"]
_TRANSITIONS: Final[list[Any]] = [
    ["dispatch", ["submitted", "retrying"], "awaiting"],
    ["confirm", "awaiting", "confirmed"],
    ["reject", "awaiting", "rejected"],
    ["retry", "rejected", "retrying"],
    ["fail", ["rejected", "retrying"], "failed"],
]
_COMMIT_EVERY: Final = 1_000


class _Model(SQLModel, registry=sa.orm.registry()):
    """Keeps these tables out of the product's."""


class RowRedemption(_Model, table=True):
    """A redemption, as an application would declare it."""

    __tablename__ = "row_redemption"
    id: int = Field(default=None, primary_key=True)
    reference: str = Field(unique=True)
    quantity: int
    state: str
    reason: str | None = None
    version: int = 0


class RowHistory(_Model, table=True):
    """One step of a redemption."""

    __tablename__ = "row_history"
    id: int | None = Field(default=None, primary_key=True)
    redemption_id: int = Field(index=True)
    version: int
    from_state: str
    to_state: str
    line: int
    reason: str | None = None
    quantity: int


class _Answered:
    """What the machine moves; SQLModel's objects take no foreign attributes."""

    state: str


def prepare(job: Job) -> None:
    """Redemptions that await an answer, and the file that answers them."""
    write_file(job)
    engine = _engine(job.place)
    _Model.metadata.create_all(engine)
    rows: list[dict[str, object]] = [
        {
            "reference": reference_of(number),
            "quantity": quantity_of(number),
            "state": "awaiting",
            "version": 0,
        }
        for number in range(job.records)
    ]
    with Session(engine) as session:
        session.execute(sa.insert(RowRedemption), rows)
        session.commit()
    engine.dispose()
    settle(job.place)


def run(job: Job) -> Figures:
    """From opening the file to the last commit."""
    engine = _engine(job.place)
    with Meter(job.place.database_pid) as meter:
        _answer(job, engine)
    engine.dispose()
    return meter.figures


def _answer(job: Job, engine: sa.Engine) -> None:
    machine = Machine(
        model=None,
        states=_STATES,
        transitions=_TRANSITIONS,
        initial="submitted",
        auto_transitions=False,
    )
    with job.file.open(newline="") as answers, Session(engine) as session:
        for line, record in enumerate(csv.DictReader(answers), start=1):
            found = select(RowRedemption).where(RowRedemption.reference == record["reference"])
            redemption = session.exec(found).one()
            assert redemption.quantity == int(record["quantity"]), "every record is a plain answer"
            before, reason = redemption.state, record["code"]
            redemption.state = _moved(machine, before, "confirm" if reason == "OK" else "reject")
            redemption.reason = None if reason == "OK" else reason
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


def _engine(place: Place) -> sa.Engine:
    """SQLite as the product runs it, PostgreSQL as it comes."""
    url = sa.make_url(place.url)
    if place.store == "postgres":
        return create_engine(url.set(drivername="postgresql+psycopg"))
    engine = create_engine(url)

    @sa.event.listens_for(engine, "connect")
    def _durable(connection: Any, _record: object) -> None:
        for pragma in ("journal_mode = wal", "synchronous = full", "cache_size = -65536"):
            connection.execute(f"pragma {pragma}")

    return engine
