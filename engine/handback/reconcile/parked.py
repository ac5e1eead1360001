"""Answers that came before we had noted that their attempt was sent: judged once it was.

A partner may be quicker than our bookkeeping. Such a record opens a break that needs nobody: as
soon as the attempt is dispatched it is decided as any record is, and the break closes by itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback.breaks import resolve
from handback.breaks.kinds import BreakKind, Resolution
from handback.clock import Clock
from handback.journal.again import decide_again
from handback.journal.commit import Cause, CauseKind
from handback.journal.traces import links_of, trace_steps
from handback.partners.registry import Agreements
from handback.reconcile.apply import Kept, apply, number_in
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Attempt, Break, HandbackFile, Redemption

ATTEMPT, BREAK, FILE = table_of(Attempt), table_of(Break), table_of(HandbackFile)
REDEMPTION = table_of(Redemption)

# Records decided in one transaction.
CHUNK: Final = 5_000


def take_up(store: Store, agreements: Agreements, clock: Clock, actor: str) -> int:
    """Decide every parked answer whose attempt has been dispatched since; how many there were."""
    total = 0
    while taken := decide_again(partial(_take_chunk, store, agreements, clock, actor)):
        total += taken
    return total


def ready() -> sa.Select[Any]:
    """The parked answers whose attempts were dispatched, those of one file and batch together."""
    # Told as it stands in the condition of the index, which a value bound later does not fulfil.
    parked = BREAK.c.kind == sa.literal_column(str(int(BreakKind.EARLY_ANSWER)))
    of_attempt = (ATTEMPT.c.redemption_id == BREAK.c.redemption_id) & (
        ATTEMPT.c.attempt == BREAK.c.attempt
    )
    return (
        sa.select(BREAK, FILE.c.received_at, ATTEMPT.c.batch_id)
        .join(REDEMPTION, REDEMPTION.c.redemption_id == BREAK.c.redemption_id)
        .join(ATTEMPT, of_attempt)
        .join(FILE, FILE.c.file_id == BREAK.c.file_id)
        .where(parked, BREAK.c.closed_at.is_(None), REDEMPTION.c.attempt >= BREAK.c.attempt)
        .order_by(BREAK.c.file_id, ATTEMPT.c.batch_id, BREAK.c.ordinal)
        .limit(CHUNK)
    )


def _take_chunk(store: Store, agreements: Agreements, clock: Clock, actor: str) -> int:
    with store.read() as tx:
        if tx.execute(ready().limit(1)).first() is None:
            return 0
    with store.write() as tx:
        store.dialect.serialise(tx, "parked answers")
        rows = tx.execute(ready()).mappings().all()
        now = clock.now()
        written = []
        for (file_id, batch_id), group in groupby(
            rows, lambda row: (row["file_id"], row["batch_id"])
        ):
            cause = Cause(CauseKind.PAYOUT_BATCH, batch_id, actor)
            written.append(_apply(store, tx, agreements, cause, file_id, list(group), now))
        for row in rows:
            resolve.close(tx, row["break_id"], Resolution.SETTLED, actor, now)
        links = [links_of(store, tx, changes["redemption_id"]) for changes in written]
    for changes, link in zip(written, links, strict=True):
        trace_steps(changes, link, now)
    return len(rows)


Row = sa.RowMapping


def _apply(
    store: Store,
    tx: sa.Connection,
    agreements: Agreements,
    cause: Cause,
    file_id: int,
    rows: Sequence[Row],
    now: datetime,
) -> pl.DataFrame:
    """Decide parked answers of one file to one batch; the changes."""
    kept = [_kept(row) for row in rows]
    version = int(kept[0].facts["agreement_version"])
    terms = agreements.at_version(tx, rows[0]["partner_id"], version)
    return apply(store, tx, terms, cause, file_id, rows[0]["received_at"], kept, now)


def _kept(row: Row) -> Kept:
    facts = json.loads(row["facts"])
    return Kept(
        ordinal=row["ordinal"],
        reference=row["reference"],
        code=row["reason_code"],
        raw=row["raw"],
        facts=facts,
        redemption_id=row["redemption_id"],
        attempt=row["attempt"],
        asked=number_in(facts, "attempt_quantity"),
    )
