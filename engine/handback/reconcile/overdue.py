"""Batches that are overdue: one break each, for as long as anything in them is outstanding."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback.breaks import alarms, resolve
from handback.breaks.alarms import Alarm
from handback.breaks.kinds import BreakKind
from handback.clock import Clock
from handback.ids import Prefix, public_id
from handback.partners.agreement import Agreement
from handback.partners.registry import Terms
from handback.reconcile.settling import note, outstanding
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.shape import shape
from handback.store.tables import Attempt

ATTEMPT = table_of(Attempt)

_QUANTITY: Final = sa.func.coalesce(sa.func.sum(ATTEMPT.c.quantity), 0)


def look(store: Store, clock: Clock, terms: Terms, batch: sa.Row[Any], actor: str) -> None:
    """Note how far a batch past its deadline is answered: it is overdue, or settled for ever."""
    overdue = Alarm(BreakKind.OVERDUE, batch.batch_id)
    with store.write() as tx:
        now = clock.now()
        first = tx.scalar(outstanding(batch.batch_id, batch.answered_to or 0))
        note(tx, batch, first, now)
        if first is None:
            alarms.settle(tx, terms.partner_id, overdue, actor, now)
        elif not resolve.is_known(tx, terms.partner_id, overdue.identity):
            count, quantity = _outstanding(tx, batch)
            facts = _facts(batch) | {"outstanding": str(count)}
            told = replace(overdue, facts=facts, quantity=quantity)
            alarms.sound(store, tx, terms, told, now)


def _outstanding(tx: sa.Connection, batch: sa.Row[Any]) -> tuple[int, int]:
    """How many answers of a batch are outstanding, and how much was asked for by these."""
    every = outstanding(batch.batch_id, batch.answered_to or 0).order_by(None).limit(None)
    count, quantity = tx.execute(every.with_only_columns(sa.func.count(), _QUANTITY)).one()
    return count, int(quantity)


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
        pl.Series("break_id", numbers),
        programme_id=batch.programme_id,
        partner_id=batch.partner_id,
        identity=attempt.cast(pl.Binary),
        kind=int(BreakKind.REVIEW),
        facts=pl.lit(json.dumps(_facts(batch))),
        opened_at=pl.lit(at),
    )
    absent = [pl.lit(None).alias(name) for name in resolve.OPENED if name not in told.columns]
    resolve.insert(store, tx, told.with_columns(absent).select(shape(resolve.OPENED)), agreement)


def _facts(batch: sa.Row[Any]) -> dict[str, str]:
    """What an operator needs to ask the partner."""
    return {
        "batch": public_id(Prefix.PAYOUT_BATCH, batch.batch_id),
        "file_name": batch.file_name,
        "deadline_at": batch.deadline_at.isoformat(),
        "agreement_version": str(batch.agreement_version),
    }
