"""The breaks that a chunk opens, with their evidence."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.breaks import resolve
from handback.breaks.kinds import BreakKind
from handback.lifecycle.table import State
from handback.partners.registry import Terms
from handback.reconcile.judge import Fate
from handback.reconcile.match import Match
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Break

BREAK = table_of(Break)

_JSON: Final = json.JSONEncoder(ensure_ascii=False)  # made anew it would cost as much as it does

_UNMATCHED = {
    int(Match.NONE): int(BreakKind.UNKNOWN_REFERENCE),
    int(Match.SEVERAL): int(BreakKind.AMBIGUOUS_MATCH),
    int(Match.OTHER_PARTNER): int(BreakKind.PARTNER_MISMATCH),
}


def unmatched_fates(matched: pl.DataFrame) -> pl.DataFrame:
    """Rows of `decide.FATES` for the records that no rule brought to one attempt of ours."""
    left = matched.filter(pl.col("match") != int(Match.ONE))
    return left.select(
        "ordinal",
        redemption_id=pl.lit(0, pl.Int64),
        fate=pl.lit(int(Fate.BREAK), pl.Int16),
        kind=pl.col("match").replace_strict(_UNMATCHED, return_dtype=pl.Int16),
        moved=pl.col("quantity"),
    )


# What a break is made of: the record, its match, its fate and the standing of its redemption.
_BROKEN = (
    "ordinal",
    "line",
    "reference",
    "code",
    "reason_class",
    "quantity",
    "unit",
    "member_ref",
    "raw",
    "match",
    "redemption_id",
    "answered_attempt",
    "attempt_quantity",
    "candidates",
    "fate",
    "kind",
    "moved",
    "state",
    "version",
    "live_attempt",
)


def broken(matched: pl.DataFrame, standings: pl.DataFrame, fates: pl.DataFrame) -> pl.DataFrame:
    """The records that open a break, with all that is said of them there.

    `matched` has the columns of DETAIL and MATCHED, `standings` those of STANDINGS, `fates` FATES.
    """
    opening = fates.filter(pl.col("kind") > 0).drop("redemption_id")
    stood = standings.select("redemption_id", "state", "version", live_attempt="attempt")
    return (
        matched.join(opening, on="ordinal", how="inner")
        .join(stood, on="redemption_id", how="left")
        .select(_BROKEN)
    )


def open_breaks(
    store: Store,
    tx: sa.Connection,
    terms: Terms,
    file_id: int,
    records: pl.DataFrame,
    now: datetime,
) -> pl.Series:
    """Open the breaks of a chunk; the ordinals (Int64) of records whose break was there already.

    `records` are those of `broken`.
    """
    if records.is_empty():
        return pl.Series("ordinal", [], dtype=pl.Int64)
    records = records.sort("ordinal")
    rows = [_row(terms, file_id, record, now) for record in records.to_dicts()]
    seen = _known(store, tx, terms, rows)
    fresh: list[dict[str, object]] = []
    repeated: list[object] = []
    for row in rows:
        if row["identity"] in seen:
            repeated.append(row["ordinal"])
        else:
            seen.add(row["identity"])
            fresh.append(row)
    numbers = store.take_ids("break", len(fresh), tx)
    opened = [row | {"break_id": number} for row, number in zip(fresh, numbers, strict=True)]
    if opened:
        resolve.insert(store, tx, pl.DataFrame(opened, schema=resolve.OPENED))
    return pl.Series("ordinal", repeated, dtype=pl.Int64)


def _known(
    store: Store, tx: sa.Connection, terms: Terms, rows: list[dict[str, object]]
) -> set[object]:
    """The identities among these that are breaks of this partner already."""
    if not rows:
        return set()
    frame = pl.DataFrame({"identity": [row["identity"] for row in rows]}).unique().sort("identity")
    stage = store.dialect.stage(tx, "identities", frame)
    of_partner = (BREAK.c.identity == stage.c.identity) & (BREAK.c.partner_id == terms.partner_id)
    # An outer join, so that no plan begins with the breaks.
    found = sa.select(BREAK.c.identity).select_from(stage.outerjoin(BREAK, of_partner))
    return set(tx.scalars(found)) - {None}


def _row(terms: Terms, file_id: int, record: dict[str, object], now: datetime) -> dict[str, object]:
    matched = record["match"] == Match.ONE
    return {
        "programme_id": terms.programme_id,
        "partner_id": terms.partner_id,
        "identity": _identity(record),
        "kind": record["kind"],
        "redemption_id": record["redemption_id"] if matched else None,
        "attempt": record["answered_attempt"] if matched else None,
        "file_id": file_id,
        "ordinal": record["ordinal"],
        "quantity": record["moved"],
        "reason_code": record["code"],
        "reason_class": record["reason_class"],
        "raw": record["raw"],
        "facts": _JSON.encode(_facts(terms, record)),
        "opened_at": now,
    }


def _identity(record: dict[str, object]) -> bytes:
    """SHA-256 of what the break says, whatever file and place it came from."""
    said = [
        record["kind"],
        record["redemption_id"],
        record["answered_attempt"],
        record["reference"],
        record["code"],
        record["quantity"],
        record["unit"],
        record["member_ref"],
        # A redemption can be rejected for review more than once, each time anew.
        record["version"] if record["fate"] == Fate.EVENT else None,
    ]
    return hashlib.sha256(_JSON.encode(said).encode()).digest()


def _facts(terms: Terms, record: dict[str, object]) -> dict[str, str]:
    """What an operator needs beside the record; what is not known is left out."""
    state = record["state"]
    facts = {
        "reference": record["reference"],
        "line": record["line"],
        "agreement_version": terms.version,
        "candidates": record["candidates"],
        "attempt_quantity": record["attempt_quantity"],
        "state": str(State(int(str(state)))) if state is not None else None,
        "live_attempt": record["live_attempt"],
        "named_unit": record["unit"],
        "named_member": record["member_ref"],
    }
    return {name: str(fact) for name, fact in facts.items() if fact is not None}
