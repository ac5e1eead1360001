"""The breaks that a chunk opens, with their evidence."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback.breaks import resolve
from handback.breaks.identity import known
from handback.breaks.kinds import HOLDING, BreakKind
from handback.ids import Prefix, public_id
from handback.lifecycle.table import State
from handback.partners.codes import ReasonClass
from handback.partners.registry import Terms
from handback.reconcile.facts import Fate
from handback.reconcile.match import Match
from handback.reconcile.nearest import nearest
from handback.redemptions.corrections import NOTHING_RAISED, RAISED
from handback.store.session import Store
from handback.store.shape import shape

_JSON: Final = json.JSONEncoder(ensure_ascii=False)  # made anew it would cost as much as it does

UNMATCHED = {
    int(Match.NONE): int(BreakKind.UNKNOWN_REFERENCE),
    int(Match.SEVERAL): int(BreakKind.AMBIGUOUS_MATCH),
    int(Match.OTHER_PARTNER): int(BreakKind.PARTNER_MISMATCH),
}


def unmatched_fates(matched: pl.DataFrame) -> pl.DataFrame:
    """Rows of `decide.FATES` for the records that no rule brought to one attempt of ours."""
    return matched.filter(matched["match"] != int(Match.ONE)).select(_UNMATCHED_FATES)


_UNMATCHED_FATES: Final = (
    pl.col("ordinal"),
    pl.lit(0, pl.Int64).alias("redemption_id"),
    pl.lit(int(Fate.BREAK), pl.Int16).alias("fate"),
    pl.col("match").replace_strict(UNMATCHED, return_dtype=pl.Int16).alias("kind"),
    pl.col("quantity").alias("moved"),
)


# What a break is made of: the record, its match, its fate and the standing of its redemption.
_BROKEN = (
    "ordinal",
    "line",
    "reference",
    "code",
    "outcome",
    "reason_class",
    "quantity",
    "fee",
    "unit",
    "member_ref",
    "raw",
    "match",
    "redemption_id",
    "answered_attempt",
    "attempt_quantity",
    "candidates",
    "alike",
    "batch",
    "batch_ordinal",
    "answered_on",
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
    opening = fates.filter(fates["kind"] > 0).select("ordinal", "fate", "kind", "moved")
    stood = standings.select("redemption_id", "state", "version", live_attempt="attempt")
    found = matched.join(opening, on="ordinal", how="inner")
    return found.join(stood, on="redemption_id", how="left").select(_BROKEN)


def corrected(matched: pl.DataFrame, standings: pl.DataFrame, fates: pl.DataFrame) -> pl.DataFrame:
    """What the records credit to other details of a member than ours (columns of RAISED).

    The columns are those of `broken`. A record that stands in a break has credited nothing yet.
    """
    is_changed = matched["reason_class"] == int(ReasonClass.OK_CHANGED)
    if not is_changed.any():
        return NOTHING_RAISED
    changed = matched.filter(is_changed)
    taken = fates.filter(fates["fate"] != int(Fate.BREAK)).select("ordinal")
    whose = standings.select("redemption_id", ours="member_ref")
    found = changed.join(taken, on="ordinal").join(whose, on="redemption_id")
    other = pl.when(pl.col("member_ref") != pl.col("ours")).then("member_ref")
    ours, code = pl.col("ours"), pl.col("code")
    return found.select(shape(RAISED, named_member=other, member_ref=ours, reason_code=code))


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
        return records["ordinal"]
    told = records.sort("ordinal")
    told = told.with_columns(pl.Series("identity", _identities(told), pl.Binary))
    there, renewed = known(store, tx, terms.partner_id, told["identity"])
    new = told["identity"].is_first_distinct() & ~told["identity"].is_in(there)
    fresh = told if new.all() else told.filter(new)
    if renewed:
        named = [renewed.get(identity, identity) for identity in fresh["identity"]]
        fresh = fresh.with_columns(pl.Series("identity", named, pl.Binary))
    if len(fresh):
        facts = _facts(terms, fresh, nearest(store, tx, terms, fresh))
        fresh = fresh.with_columns(pl.Series("facts", facts, pl.String))
        numbers = store.take_ids("break", len(fresh), tx)
        opened = _opened(terms, file_id, fresh, numbers, now)
        resolve.insert(store, tx, opened, terms.agreement)
    return told.filter(~new)["ordinal"]


def _opened(
    terms: Terms, file_id: int, records: pl.DataFrame, numbers: Sequence[int], now: datetime
) -> pl.DataFrame:
    """Rows of `resolve.OPENED`."""
    said = {
        "break_id": pl.lit(pl.Series(numbers)),
        "programme_id": pl.lit(terms.programme_id),
        "partner_id": pl.lit(terms.partner_id),
        "redemption_id": _IS_MATCHED.then("redemption_id"),
        "attempt": _IS_MATCHED.then("answered_attempt"),
        "file_id": pl.lit(file_id),
        "quantity": pl.col("moved"),
        "reason_code": pl.col("code"),
        "opened_at": pl.lit(now),
    }
    return records.select(shape(resolve.OPENED, **said))


_IS_MATCHED: Final = pl.when(pl.col("match") == int(Match.ONE))


_HOLDING: Final = [int(kind) for kind in HOLDING]


def _identities(records: pl.DataFrame) -> list[bytes]:
    """SHA-256 of what each break says, whatever file and place it came from."""
    # A redemption can be rejected for review more than once, each time anew.
    rejected = (pl.col("fate") == int(Fate.EVENT)) & pl.col("kind").is_in(_HOLDING)
    said = records.select(*_IDENTIFYING, pl.when(rejected).then("version"))
    return [hashlib.sha256(_JSON.encode(row).encode()).digest() for row in said.rows()]


_IDENTIFYING: Final = (
    "kind",
    "redemption_id",
    "answered_attempt",
    # However an attempt is quoted, what is said of it is the same.
    pl.when(pl.col("match") != int(Match.ONE)).then("reference"),
    "code",
    "outcome",
    "quantity",
    # As far as a fee counts it is in the quantity.
    pl.when(pl.col("quantity").is_null()).then("fee"),
    "unit",
    "member_ref",
)


def _facts(terms: Terms, records: pl.DataFrame, misses: Mapping[int, Sequence[str]]) -> list[str]:
    """What an operator needs beside each record, as JSON; what is not known is left out.

    `misses` are the nearest misses by ordinal.
    """
    names = {int(state): str(state) for state in State}
    facts = records.select(
        "ordinal",
        "reference",
        "outcome",
        "line",
        agreement_version=terms.version,
        candidates=pl.when(pl.col("match") == int(Match.SEVERAL)).then("candidates"),
        records_alike="alike",
        attempt_quantity="attempt_quantity",
        state=pl.col("state").replace_strict(names, return_dtype=pl.String),
        live_attempt="live_attempt",
        named_quantity="quantity",
        named_fee="fee",
        named_unit="unit",
        named_member="member_ref",
    )
    return [_encoded(row, misses) for row in facts.iter_rows(named=True)]


def _encoded(row: dict[str, Any], misses: Mapping[int, Sequence[str]]) -> str:
    near = misses.get(row.pop("ordinal"), ())
    if row["candidates"]:
        row["candidates"] = _named(row["candidates"])
    row |= {f"nearest_{number}": words for number, words in enumerate(near, start=1)}
    return _JSON.encode({name: str(fact) for name, fact in row.items() if fact is not None})


def _named(candidates: str) -> str:
    """A list of attempts by the public ids of their redemptions."""

    def renamed(found: re.Match[str]) -> str:
        return f"{public_id(Prefix.REDEMPTION, int(found[1]))}/"

    return re.sub(r"(\d+)/", renamed, candidates)
