"""Linking: the record of a break is applied to the attempt that a person names.

It goes the way of any record: classified as on the day when its file came, matched by the person in
place of a rule, decided by what is known of the redemption. So it can become an event, say nothing
new, or open another break.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.breaks.queries import BREAK, BreakView
from handback.formats.findings import DETAIL
from handback.intake import queries as files
from handback.intake.queries import FileView
from handback.journal.commit import Cause
from handback.partners.registry import Agreements, Terms
from handback.reconcile.apply import apply
from handback.reconcile.match import MATCHED, Match
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
    records = _matched(
        _classified(view, file, terms),
        redemption_id,
        attempt,
        _asked_for(tx, redemption_id, attempt),
    )
    apply(store, tx, terms, cause, view.file_id, records, now)
    row = sa.update(BREAK).where(BREAK.c.break_id == view.break_id)
    tx.execute(row.values(redemption_id=redemption_id, attempt=attempt))


def _classified(view: BreakView, file: FileView, terms: Terms) -> pl.DataFrame:
    """The record as it was decoded, with the class of its code."""
    line, fee = view.facts.get("line"), view.facts.get("named_fee")
    said = {
        "ordinal": view.ordinal,
        "line": None if line is None else int(line),
        "reference": view.reference,
        "code": view.reason_code,
        "outcome": view.facts.get("outcome"),
        "quantity": view.quantity,
        "fee": None if fee is None else int(fee),
        "unit": view.facts.get("named_unit"),
        "member_ref": view.facts.get("named_member"),
        "raw": view.raw,
    }
    row = pl.DataFrame([dict.fromkeys(DETAIL) | said], schema=DETAIL)
    received_on = file.received_at.astimezone(terms.agreement.time_zone).date()
    return terms.agreement.handback.codes.on(received_on).classify(row)


def _matched(
    record: pl.DataFrame, redemption_id: int, attempt: int, asked: int | None
) -> pl.DataFrame:
    """The record with the columns of MATCHED, as if a rule had found just that attempt."""
    found = {
        "match": int(Match.ONE),
        "redemption_id": redemption_id,
        "answered_attempt": attempt,
        "attempt_quantity": asked,
    }
    verdict = pl.DataFrame([dict.fromkeys(MATCHED) | found], schema=MATCHED)
    return pl.concat([record.drop("redemption_id", "attempt"), verdict], how="horizontal")


def _asked_for(tx: sa.Connection, redemption_id: int, attempt: int) -> int | None:
    """The quantity that an attempt asked for, None where it was never made."""
    made = (ATTEMPT.c.redemption_id == redemption_id) & (ATTEMPT.c.attempt == attempt)
    asked: int | None = tx.scalar(sa.select(ATTEMPT.c.quantity).where(made))
    return asked
