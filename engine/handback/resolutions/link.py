"""Linking: the record of a break is applied to the attempt that a person names.

It goes the way of any record: classified as on the day when its file came, matched by the person in
place of a rule, decided by what is known of the redemption. So it can become an event, say nothing
new, or open another break.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from handback.breaks.queries import BREAK, BreakView
from handback.intake import queries as files
from handback.journal.commit import Cause
from handback.partners.registry import Agreements
from handback.reconcile.apply import Kept, apply
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Attempt

ATTEMPT: Final = table_of(Attempt)


def link(
    store: Store,
    tx: sa.Connection,
    agreements: Agreements,
    cause: Cause,
    view: BreakView,
    redemption_id: int,
    attempt: int,
    now: datetime,
) -> None:
    """Apply the record of a break to an attempt, and note on the break which one it was.

    Raises VersionConflict where the redemption moves meanwhile.
    """
    assert view.file_id is not None and view.ordinal is not None, "a record stands in a file"
    file = files.by_id(tx, view.file_id)
    version = int(view.facts["agreement_version"])
    terms = agreements.at_version(tx, view.partner_id, version)
    kept = Kept(
        ordinal=view.ordinal,
        reference=view.reference,
        code=view.reason_code,
        raw=view.raw,
        facts=view.facts,
        redemption_id=redemption_id,
        attempt=attempt,
        asked=_asked_for(tx, redemption_id, attempt),
    )
    apply(store, tx, terms, cause, view.file_id, file.received_at, [kept], now)
    row = sa.update(BREAK).where(BREAK.c.break_id == view.break_id)
    tx.execute(row.values(redemption_id=redemption_id, attempt=attempt))


def _asked_for(tx: sa.Connection, redemption_id: int, attempt: int) -> int | None:
    """The quantity that an attempt asked for, None where it was never made."""
    made = (ATTEMPT.c.redemption_id == redemption_id) & (ATTEMPT.c.attempt == attempt)
    asked: int | None = tx.scalar(sa.select(ATTEMPT.c.quantity).where(made))
    return asked
