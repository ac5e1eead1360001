"""The due queue, as payouts use it: what is due, taking it, putting off what cannot go out."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta

import polars as pl
import sqlalchemy as sa

from handback.breaks import resolve
from handback.breaks.kinds import BreakKind
from handback.partners.codes import ReasonClass
from handback.partners.registry import Terms
from handback.store.bulk import fetch_frame, table_of
from handback.store.session import Store
from handback.store.tables import Attempt, Break, Due, MemberDetail, Redemption

ATTEMPT, BREAK, DUE = table_of(Attempt), table_of(Break), table_of(Due)
DETAIL, REDEMPTION = table_of(MemberDetail), table_of(Redemption)

# When a redemption that no file could carry is tried again, in case the terms were mended.
_POSTPONED_BY = timedelta(days=1)


def due_rows(tx: sa.Connection, terms: Terms, unit: str, now: datetime) -> pl.DataFrame:
    """What is due at a partner, longest first where not all fit; in the order of ids.

    One row per redemption: redemption_id, attempt (the one to come), ordinal (from 1), quantity,
    unit, member_ref, submitted_on (in the partner's zone), every field of the agreement, and
    `same_reference` with the `last_reference` for an attempt that goes out under the one before.
    """
    chosen = (
        sa.select(DUE.c.redemption_id, DUE.c.same_reference)
        .where(DUE.c.partner_id == terms.partner_id, DUE.c.unit_id == terms.unit_ids[unit])
        .where(DUE.c.due_at <= now)
        .order_by(DUE.c.due_at, DUE.c.redemption_id)
        .limit(terms.agreement.payout.max_records)
        .subquery("chosen")
    )
    last = (ATTEMPT.c.redemption_id == REDEMPTION.c.redemption_id) & (
        ATTEMPT.c.attempt == REDEMPTION.c.attempt
    )
    select = (
        sa.select(
            REDEMPTION.c.redemption_id,
            REDEMPTION.c.attempt.label("last_attempt"),
            REDEMPTION.c.held.label("quantity"),
            REDEMPTION.c.member_ref,
            REDEMPTION.c.submitted_at,
            chosen.c.same_reference,
            ATTEMPT.c.reference.label("last_reference"),
            DETAIL.c.fields,
        )
        .join(chosen, chosen.c.redemption_id == REDEMPTION.c.redemption_id)
        .outerjoin(ATTEMPT, last)
        .outerjoin(DETAIL, DETAIL.c.redemption_id == REDEMPTION.c.redemption_id)
        .order_by(REDEMPTION.c.redemption_id)
    )
    rows = fetch_frame(tx, select).with_columns(
        attempt=(pl.col("last_attempt") + 1).cast(pl.Int16),
        ordinal=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
        unit=pl.lit(unit),
        submitted_on=pl.col("submitted_at")
        .dt.convert_time_zone(terms.agreement.time_zone.key)
        .dt.date(),
    )
    return _with_fields(rows, terms.agreement.field_names)


def take_rows(store: Store, tx: sa.Connection, redemption_ids: pl.Series) -> int:
    """Take redemptions (Int64) out of the queue; how many were still there."""
    taken = store.dialect.stage(tx, "taken", redemption_ids.alias("redemption_id").to_frame())
    gone = sa.delete(DUE).where(DUE.c.redemption_id.in_(sa.select(taken.c.redemption_id)))
    return tx.execute(gone).rowcount


def postpone(
    store: Store, tx: sa.Connection, terms: Terms, unfit: pl.DataFrame, now: datetime
) -> None:
    """Put off redemptions that no file of these terms can carry, and show each to a person.

    `unfit` has the columns of `due_rows` and why it was `refused`.
    """
    if unfit.is_empty():
        return
    ids = unfit["redemption_id"].to_list()
    later = sa.update(DUE).where(DUE.c.redemption_id.in_(ids))
    tx.execute(later.values(due_at=now + _POSTPONED_BY))
    rows = [_break(terms, row, now) for row in unfit.to_dicts()]
    known = set(
        tx.scalars(
            sa.select(BREAK.c.identity)
            .where(BREAK.c.partner_id == terms.partner_id)
            .where(BREAK.c.identity.in_([row["identity"] for row in rows]))
        )
    )
    new = [row for row in rows if row["identity"] not in known]
    numbers = store.take_ids("break", len(new), tx)
    opened = [row | {"break_id": number} for row, number in zip(new, numbers, strict=True)]
    resolve.insert(store, tx, pl.DataFrame(opened, schema=resolve.OPENED))


def _break(terms: Terms, row: dict[str, object], now: datetime) -> dict[str, object]:
    said = f"{BreakKind.UNWRITABLE}/{row['redemption_id']}/{row['attempt']}/{row['refused']}"
    return {
        "programme_id": terms.programme_id,
        "partner_id": terms.partner_id,
        "identity": hashlib.sha256(said.encode()).digest(),
        "kind": int(BreakKind.UNWRITABLE),
        "redemption_id": row["redemption_id"],
        "attempt": row["attempt"],
        "quantity": row["quantity"],
        "reason_class": int(ReasonClass.NONE),
        "facts": json.dumps({"why": row["refused"], "agreement_version": str(terms.version)}),
        "opened_at": now,
    }


def _with_fields(rows: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    """The submitted fields as columns of their own, in place of the JSON they are kept as."""
    if not names:
        return rows.drop("fields")
    kind = pl.Struct(dict.fromkeys(names, pl.String))
    return rows.with_columns(pl.col("fields").str.json_decode(kind)).unnest("fields")
