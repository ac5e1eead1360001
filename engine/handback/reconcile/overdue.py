"""Batches that are overdue: one break each, for as long as anything in them is outstanding."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback.breaks import resolve
from handback.breaks.kinds import BreakKind, Resolution
from handback.clock import Clock
from handback.ids import Prefix, public_id
from handback.partners.agreement import Agreement
from handback.partners.codes import ReasonClass
from handback.reconcile.settling import note, outstanding
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.shape import shape
from handback.store.tables import Attempt

ATTEMPT = table_of(Attempt)

_QUANTITY: Final = sa.func.coalesce(sa.func.sum(ATTEMPT.c.quantity), 0)


def look(store: Store, clock: Clock, agreement: Agreement, batch: sa.Row[Any], actor: str) -> None:
    """Note how far a batch past its deadline is answered: it is overdue, or settled for ever."""
    identity = _identity("overdue", batch.batch_id)
    with store.write() as tx:
        now = clock.now()
        first = tx.scalar(outstanding(batch.batch_id, batch.answered_to or 0))
        note(tx, batch, first, now)
        if first is None:
            settled = Resolution.SETTLED
            resolve.close_identity(tx, batch.partner_id, identity, settled, actor, now)
        elif not resolve.is_known(tx, batch.partner_id, identity):
            resolve.insert(store, tx, _break(store, tx, batch, identity, now), agreement)


def open_reviews(
    store: Store,
    tx: sa.Connection,
    agreement: Agreement,
    batch: sa.Row[Any],
    waiting: pl.DataFrame,
    at: datetime,
) -> None:
    """A break for each redemption that silence rejected and that waits for a person.

    `waiting` has the columns `redemption_id`, `attempt`, `quantity` and `reason_class`.
    """
    if waiting.is_empty():
        return
    numbers = store.take_ids("break", len(waiting), tx)
    attempt = pl.format("silence on attempt {} of redemption {}", "attempt", "redemption_id")
    told = waiting.with_columns(
        *_whose(batch, at),
        pl.Series("break_id", numbers),
        identity=attempt.cast(pl.Binary),
        kind=int(BreakKind.REVIEW),
        facts=pl.lit(json.dumps(_facts(batch))),
    )
    resolve.insert(store, tx, _opened(told), agreement)


def _break(
    store: Store, tx: sa.Connection, batch: sa.Row[Any], identity: bytes, now: datetime
) -> pl.DataFrame:
    """The break of an overdue batch, with what was outstanding when it was opened."""
    every = outstanding(batch.batch_id, batch.answered_to or 0).order_by(None).limit(None)
    count, quantity = tx.execute(every.with_only_columns(sa.func.count(), _QUANTITY)).one()
    row = {
        "break_id": store.take_ids("break", 1, tx)[0],
        "identity": identity,
        "kind": int(BreakKind.OVERDUE),
        "quantity": int(quantity),
        "reason_class": int(ReasonClass.NONE),
        "facts": json.dumps(_facts(batch) | {"outstanding": str(count)}),
    }
    return _opened(pl.DataFrame([row]).with_columns(_whose(batch, now)))


def _opened(told: pl.DataFrame) -> pl.DataFrame:
    """Rows of `resolve.OPENED`; what is not told is null."""
    absent = [name for name in resolve.OPENED if name not in told.columns]
    rows = told.with_columns(pl.lit(None).alias(name) for name in absent)
    return rows.select(shape(resolve.OPENED))


def _whose(batch: sa.Row[Any], at: datetime) -> list[pl.Expr]:
    return [
        pl.lit(batch.programme_id, pl.Int64).alias("programme_id"),
        pl.lit(batch.partner_id, pl.Int64).alias("partner_id"),
        pl.lit(at).alias("opened_at"),
    ]


def _facts(batch: sa.Row[Any]) -> dict[str, str]:
    """What an operator needs to ask the partner."""
    return {
        "batch": public_id(Prefix.PAYOUT_BATCH, batch.batch_id),
        "file_name": batch.file_name,
        "deadline_at": batch.deadline_at.isoformat(),
        "agreement_version": str(batch.agreement_version),
    }


def _identity(*says: object) -> bytes:
    return hashlib.sha256(json.dumps(says).encode()).digest()
