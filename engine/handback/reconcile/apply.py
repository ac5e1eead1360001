"""Applying records apart from their file's run: linked by a person, or their time has come."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import sqlalchemy as sa

from handback.journal.commit import Cause, commit
from handback.partners.registry import Terms
from handback.reconcile import remainder
from handback.reconcile.chunk import write_queue
from handback.reconcile.decide import decide
from handback.reconcile.judge import Given
from handback.reconcile.opened import broken, corrected, open_breaks
from handback.reconcile.standing import answers, standings
from handback.redemptions import corrections
from handback.store.session import Store


def apply(
    store: Store,
    tx: sa.Connection,
    terms: Terms,
    cause: Cause,
    file_id: int,
    matched: pl.DataFrame,
    now: datetime,
) -> pl.DataFrame:
    """Decide records of one file (columns of DETAIL and MATCHED, with the classes of their codes),
    and write what they come to; the changes (columns of CHANGES).

    Raises VersionConflict where a redemption moves meanwhile: nothing may then be committed.
    """
    standing = standings(store, tx, matched["redemption_id"])
    known = answers(store, tx, matched["redemption_id"])
    decided = decide(matched, standing, known, Given.of(terms.agreement, file_id, now))
    linked = remainder.submit(store, tx, decided.remainders, now)
    changes = pl.concat([decided.changes, linked.changes])
    if len(changes):
        commit(store, tx, cause, changes, now, linked.births)
    write_queue(store, tx, decided)
    remainder.link(store, tx, linked)
    raised = corrected(matched, standing, decided.fates)
    corrections.record(store, tx, terms.programme_id, terms.partner_id, file_id, raised, now)
    open_breaks(store, tx, terms, file_id, broken(matched, standing, decided.fates), now)
    return changes
