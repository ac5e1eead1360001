"""The engine on one place, and a partner who answers as benchmarks need it.

Redemptions are born in sets through the journal's one door, because a million unary submits would
take longer than what is measured. Everything after that is the product's own way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import polars as pl

import handback_migrations
from handback.clock import SystemClock
from handback.exchange.folder import FolderTransport
from handback.exchange.landing import Landing
from handback.intake.desk import Desk
from handback.intake.spool import Spool
from handback.journal.changes import BIRTHS, CHANGES
from handback.journal.commit import Cause, CauseKind, commit
from handback.journal.sequence import sequence_blocks
from handback.lifecycle import relation
from handback.lifecycle.table import State, Trigger
from handback.partners import registry
from handback.partners.registry import Agreements, Terms
from handback.payouts.deliver import deliver, sealed_batches
from handback.payouts.gather import gather
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Due, MemberDetail
from handback.verify import verify
from handback_server.bench.ground import Place

PROGRAMME, PARTNER, UNIT = "bench", "airline", "miles"
ACTOR: Final = "bench"
MEMBERS: Final = 250_000

_DUE, _DETAIL = table_of(Due), table_of(MemberDetail)
_BORN: Final = pl.Schema({**CHANGES, **BIRTHS})
_BORN_AT_ONCE: Final = 100_000


@dataclass(frozen=True)
class Engine:
    """An open engine; `desk` is what its parts work with."""

    desk: Desk
    transport: FolderTransport

    @property
    def store(self) -> Store:
        """The database."""
        return self.desk.store

    def terms(self) -> Terms:
        """The partner's terms."""
        with self.store.read() as tx:
            return self.desk.agreements.current(tx, PROGRAMME, PARTNER)

    def bear(self, count: int) -> None:
        """Submit so many redemptions, due now."""
        terms = self.terms()
        for start in range(0, count, _BORN_AT_ONCE):
            self._bear(terms, min(_BORN_AT_ONCE, count - start))

    def seal(self) -> None:
        """Gather everything that is due into sealed batches."""
        desk = self.desk
        gather(desk.store, desk.landing, desk.agreements, desk.clock, PROGRAMME, PARTNER)

    def send(self) -> None:
        """Deliver and dispatch every sealed batch."""
        desk = self.desk
        with self.store.read() as tx:
            batches = sealed_batches(tx)
        for batch in batches:
            deliver(
                desk.store, desk.landing, self.transport, desk.agreements, desk.clock, batch, ACTOR
            )

    def laws_hold(self) -> bool:
        """Whether every law holds on what is stored."""
        sequence_blocks(self.store)
        return verify(self.store).holds

    def _bear(self, terms: Terms, count: int) -> None:
        ids = self.store.take_ids("redemption", count)
        born = _typed(_submitted(pl.Series(list(ids), dtype=pl.Int64), terms), _BORN)
        now = self.desk.clock.now()
        with self.store.write() as tx:
            cause = Cause(CauseKind.COMMAND, None, ACTOR)
            commit(
                self.store,
                tx,
                cause,
                born.select(CHANGES.names()),
                now,
                born.select(BIRTHS.names()),
            )
            due = born.select(
                "redemption_id",
                "partner_id",
                "unit_id",
                due_at=pl.lit(now).dt.cast_time_unit("us"),
                same_reference=pl.lit(0, pl.Int16),
            )
            self.store.dialect.insert_frame(tx, _DUE, due)
            details = born.select("redemption_id", fields=pl.lit('{"surname":"Example"}'))
            self.store.dialect.insert_frame(tx, _DETAIL, details)


@contextmanager
def engine(place: Place) -> Iterator[Engine]:
    """The engine on a place, closed when left; the first one there makes the tables."""
    handback_migrations.migrate(place.url)
    clock = SystemClock()
    store = Store.open(place.url)
    registry.apply(store, clock, agreement(), ACTOR)
    exchange = place.folder / "exchange"
    exchange.mkdir(exist_ok=True)
    desk = Desk(
        store, Landing(place.folder / "landing"), Spool(place.folder / "spool"), Agreements(), clock
    )
    yield Engine(desk, FolderTransport(exchange))
    store.close()


def quantity_of(redemption_id: pl.Expr) -> pl.Expr:
    """What the redemption with that number asks for."""
    return redemption_id % 9_000 + 500


def member_of(redemption_id: pl.Expr) -> pl.Expr:
    """Whose redemption it is."""
    return pl.format("M{}", (redemption_id % MEMBERS).cast(pl.String).str.zfill(8))


def agreement() -> str:
    """The terms of the benchmarks' partner."""
    return (files("handback_server.bench") / "partner.toml").read_text(encoding="utf-8")


def _typed(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items())


def _submitted(ids: pl.Series, terms: Terms) -> pl.DataFrame:
    """The first step of new redemptions, with what is known of each from then on."""
    view = pl.DataFrame({"redemption_id": ids}).with_columns(
        member_ref=member_of(pl.col("redemption_id")),
        quantity=quantity_of(pl.col("redemption_id")),
        moved=quantity_of(pl.col("redemption_id")),
        state=pl.lit(int(State.NONE)),
        trigger=pl.lit(int(Trigger.SUBMIT)),
        same_unit=pl.lit(1),
        programme_id=pl.lit(terms.programme_id),
        partner_id=pl.lit(terms.partner_id),
        unit_id=pl.lit(terms.unit_ids[UNIT]),
        version=pl.lit(1),
        reason_class=pl.lit(0),
        reason_code=pl.lit(None, pl.String),
        file_id=pl.lit(None, pl.Int64),
        ordinal=pl.lit(None, pl.Int64),
        **{
            name: pl.lit(0)
            for name in ("attempt", "answered_attempt", "held", "fulfilled", "waiting")
        },
    )
    return relation.decide(view).with_columns(from_state="state")
