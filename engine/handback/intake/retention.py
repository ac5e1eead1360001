"""Retention: the bytes of old files go once their agreement says so, what is known of them stays.

Only files that are done with lose their bytes: what waits in quarantine is kept however old it is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from handback.ids import Prefix, public_id
from handback.intake.desk import Desk
from handback.intake.identity import BATCH
from handback.intake.pickup import all_terms, apart
from handback.intake.queries import FILE
from handback.intake.states import FileState
from handback.partners.registry import Terms

# Of one partner in one look, so that the store has other things to do in between.
_FILES_PER_LOOK: Final = 200
_DONE: Final = [int(FileState.RECONCILED), int(FileState.REFUSED)]


def remove_expired(desk: Desk) -> int:
    """Remove what has been kept for long enough; the number of files that lost their bytes.

    Safe to be killed and to run in several processes.
    """
    return sum(_remove_of(desk, terms) for terms in all_terms(desk))


def _remove_of(desk: Desk, terms: Terms) -> int:
    days = terms.agreement.handback.retention_days
    if days is None:
        return 0
    before = desk.clock.now() - timedelta(days=days)
    expired = (
        sa.select(FILE.c.file_id, FILE.c.landing_key)
        .where(
            FILE.c.partner_id == terms.partner_id,
            FILE.c.removed_at.is_(None),
            FILE.c.received_at < before,
            FILE.c.state.in_(_DONE),
        )
        .order_by(FILE.c.received_at)
        .limit(_FILES_PER_LOOK)
    )
    with desk.store.read() as tx:
        found = tx.execute(expired).all()
    removed = 0
    for row in found:
        with apart(f"the content of {public_id(Prefix.HANDBACK_FILE, row.file_id)}"):
            _remove(desk, row.file_id, row.landing_key, before)
            removed += 1
    return removed


def _remove(desk: Desk, file_id: int, landing_key: str, before: datetime) -> None:
    """The bytes first: a process killed in between leaves a row that is looked at once more."""
    with desk.store.read() as tx:
        needed = _is_needed(tx, file_id, landing_key)
    if landing_key and not needed:
        desk.landing.remove(landing_key, before)
    with desk.store.write() as tx:
        row = sa.update(FILE).where(FILE.c.file_id == file_id)
        tx.execute(row.values(removed_at=desk.clock.now()))


def _is_needed(tx: sa.Connection, file_id: int, landing_key: str) -> bool:
    """Whether the same bytes also came as another file that is kept, or are a payout file's."""
    other = sa.select(FILE.c.file_id).where(
        FILE.c.landing_key == landing_key,
        FILE.c.removed_at.is_(None),
        FILE.c.file_id != file_id,
    )
    ours = sa.select(BATCH.c.batch_id).where(BATCH.c.fingerprint == bytes.fromhex(landing_key))
    return any(tx.scalar(one.limit(1)) is not None for one in (other, ours))
