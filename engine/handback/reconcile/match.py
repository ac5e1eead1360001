"""Matching: which attempt does a record answer?

The agreement's rules are tried in order, each on the records that no earlier one matched. A record
for which a rule finds two attempts is ambiguous and stays so: nothing is ever guessed. What can be
matched by itself is matched here, with its chunk; for the rest the whole file was searched before.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.intake.steps import FOUND
from handback.partners.registry import Terms
from handback.reconcile.rules import BY_KEY, Asked, ask
from handback.store.session import Store
from handback.store.shape import shape


class Match(IntEnum):
    """What the rules made of a record."""

    NONE = 0
    ONE = 1
    SEVERAL = 2
    OTHER_PARTNER = 3

    def __str__(self) -> str:
        return self.name.lower()


# What matching adds to a record. Without a match the ids are 0 and the quantity is null.
# `candidates` lists the redemption ids and attempts found where they were several or where other
# records have a claim on them, `alike` counts the records that claim them.
MATCHED = pl.Schema(
    {
        "match": pl.Int16(),
        "redemption_id": pl.Int64(),
        "answered_attempt": pl.Int16(),
        "attempt_quantity": pl.Int64(),
        "candidates": pl.String(),
        "alike": pl.Int64(),
    }
)
VERDICTS = pl.Schema({"ordinal": pl.Int64(), **MATCHED})

_NONE_MATCHED: Final = MATCHED.to_frame()
_WAS_FOUND: Final = shape(VERDICTS, answered_attempt=pl.col("attempt"))

_LISTED = 20  # of however many candidates


def match(
    store: Store,
    tx: sa.Connection,
    terms: Terms,
    records: pl.DataFrame,
) -> pl.DataFrame:
    """The records (schema SPOOLED) with the columns of `MATCHED`.

    What a search found for a record is its verdict. Of others `redemption_id` and `attempt`, what
    the reference claims, are replaced by what is matched. The order of rows stays.
    """
    kept = records.drop("redemption_id", "attempt", *FOUND)
    if records.is_empty():
        return kept.hstack(_NONE_MATCHED)
    searched, whole = pl.col("match").is_not_null(), pl.col("scope").is_not_null()
    verdicts = [records.filter(searched).select(_WAS_FOUND)]
    # Answers to a whole batch come with the attempts in it, or are about none of ours.
    first = terms.agreement.handback.match[0]
    for rule, which in ((BY_KEY, whole), (first, ~whole & ~searched)):
        some = records.filter(which)
        if not some.is_empty():
            verdicts.append(judge(ask(store, tx, terms, rule, some), terms))
    return kept.join(
        pl.concat(verdicts), on="ordinal", how="left", maintain_order="left"
    ).with_columns(pl.col("match", "redemption_id", "answered_attempt").fill_null(0))


def judge(asked: Asked, terms: Terms, *, paired: bool = False) -> pl.DataFrame:
    """One verdict (schema VERDICTS) for each record that has candidates, of whatever partner.

    Where they are `paired`, no other record may have a claim on the one candidate of a record.
    """
    latest = latest_of(asked.candidates)
    claimed = _claimed(latest, asked.values) if paired else latest.with_columns(claimed=0)
    candidates = claimed.with_columns(foreign=pl.col("attempt_partner") != terms.partner_id)
    by_value = candidates.filter(_IS_ALONE).select(_ALONE)
    if len(by_value) < len(candidates):
        crowded = candidates.filter(~_IS_ALONE).sort(_ATTEMPT).group_by("value").agg(_CROWD)
        by_value = pl.concat([by_value, crowded])
    return asked.values.join(by_value, on="value", how="inner").select(_VERDICT)


def _claimed(latest: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """The candidates with `claimed`, how many records have a claim on each."""
    claims = values.group_by("value").agg(records=pl.len())
    asking = latest.join(claims, on="value", how="inner")
    return asking.with_columns(claimed=pl.col("records").sum().over(_ATTEMPT))


_ATTEMPT: Final = ("redemption_id", "answered_attempt")
_SEVERAL: Final = pl.col("several")
_VERDICT: Final = shape(
    VERDICTS,
    match=pl.when(_SEVERAL)
    .then(int(Match.SEVERAL))
    .when("foreign")
    .then(int(Match.OTHER_PARTNER))
    .otherwise(int(Match.ONE)),
    redemption_id=pl.when(_SEVERAL).then(0).otherwise("redemption_id"),
    answered_attempt=pl.when(_SEVERAL).then(0).otherwise("answered_attempt"),
    attempt_quantity=pl.when(~_SEVERAL).then("attempt_quantity"),
    candidates=pl.when(_SEVERAL).then("candidates"),
    alike=pl.when(_SEVERAL & (pl.col("alike") > 0)).then("alike"),
)


def latest_of(candidates: pl.DataFrame) -> pl.DataFrame:
    """Attempts of one redemption under one reference are answered as the latest of them."""
    return candidates.sort("answered_attempt").unique(
        ["value", "redemption_id"], keep="last", maintain_order=True
    )


def listing() -> pl.Expr:
    """The candidates of a group as one text: ids and attempts, or that there are more of them."""
    listed = pl.format("{}/{}", "redemption_id", "answered_attempt").head(_LISTED).str.join(", ")
    return pl.when(pl.len() > _LISTED).then(pl.format("{}, and more", listed)).otherwise(listed)


# Claims count where there are any. Most values have one candidate, and no text to make of it.
_IS_ALONE: Final = pl.col("value").is_unique() & (pl.col("claimed") < 2)
_ALONE: Final = (
    "value",
    pl.lit(False).alias("several"),
    *("redemption_id", "answered_attempt", "attempt_quantity", "foreign"),
    pl.lit(None, pl.String).alias("candidates"),
    pl.lit(0, pl.Int64).alias("alike"),
)
# Of the candidates of a value, in the order of their attempts.
_CROWD: Final = (
    pl.lit(True).alias("several"),
    pl.col("redemption_id", "answered_attempt", "attempt_quantity").first(),
    pl.col("foreign").any(),
    listing().alias("candidates"),
    pl.col("claimed").max().cast(pl.Int64).alias("alike"),
)
