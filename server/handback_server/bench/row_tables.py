"""Tables as an application would declare them, for what one would write without Handback."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Field, SQLModel, create_engine

from handback.clock import SystemClock
from handback_server.bench.by_hand import Job, fill, write_file
from handback_server.bench.ground import Place

_REDEMPTIONS: Final = (
    "insert into row_redemption (id, reference, member, quantity, state, attempt, version)"
    " select i, {reference}, {member}, {quantity}, 'awaiting', 1, 0 from {numbers}"
)


class _Model(SQLModel, registry=sa.orm.registry()):
    """Keeps these tables out of the product's."""


class RowRedemption(_Model, table=True):
    """A redemption, as an application would declare it."""

    __tablename__ = "row_redemption"
    id: int = Field(default=None, primary_key=True)
    reference: str = Field(unique=True)
    member: str
    quantity: int
    state: str
    attempt: int = 1
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
    at: datetime = Field(default_factory=SystemClock().now)


def prepare(job: Job) -> None:
    """Redemptions that await an answer, and the file that answers them."""
    write_file(job)
    engine = engine_for(job.place)
    _Model.metadata.create_all(engine)
    engine.dispose()
    fill(job, _REDEMPTIONS)


def engine_for(place: Place) -> sa.Engine:
    """SQLite as the product runs it, PostgreSQL as it comes."""
    engine = create_engine(place.sqlalchemy_url)
    if place.store == "postgres":
        return engine

    @sa.event.listens_for(engine, "connect")
    def _durable(connection: Any, _record: object) -> None:
        for pragma in ("journal_mode = wal", "synchronous = full", "cache_size = -65536"):
            connection.execute(f"pragma {pragma}")

    return engine
