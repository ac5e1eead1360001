"""Matching: which attempt does a record answer?

The agreement's rules are tried in order, each on the records that no earlier one matched. A record
for which a rule finds two attempts is ambiguous and stays so: nothing is ever guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback.lifecycle.table import State
from handback.partners.registry import Terms
from handback.store.bulk import fetch_frame, table_of
from handback.store.session import Store
from handback.store.tables import Attempt, PayoutBatch, Redemption

ATTEMPT, BATCH, REDEMPTION = (table_of(t) for t in (Attempt, PayoutBatch, Redemption))


class Match(IntEnum):
    """What the rules made of a record."""

    NONE = 0
    ONE = 1
    SEVERAL = 2
    OTHER_PARTNER = 3

    def __str__(self) -> str:
        return self.name.lower()


# What a rule finds: candidates for records, by ordinal.
_FOUND = pl.Schema(
    {
        "ordinal": pl.Int64(),
        "redemption_id": pl.Int64(),
        "answered_attempt": pl.Int16(),
        "attempt_quantity": pl.Int64(),
        "attempt_partner": pl.Int64(),
    }
)

# What matching adds to a record. Without a match the ids are 0 and the quantity is null;
# `candidates` lists the redemption ids and attempts found where they were several.
MATCHED = pl.Schema(
    {
        "match": pl.Int16(),
        "redemption_id": pl.Int64(),
        "answered_attempt": pl.Int16(),
        "attempt_quantity": pl.Int64(),
        "candidates": pl.String(),
    }
)


def match(store: Store, tx: sa.Connection, terms: Terms, records: pl.DataFrame) -> pl.DataFrame:
    """The records (schema `formats.findings.DETAIL`) with the columns of `MATCHED`.

    Their own `redemption_id` and `attempt`, what the reference claims, are replaced by what was
    found. The order of rows stays.
    """
    kept = records.drop("redemption_id", "attempt")
    if records.is_empty():
        return pl.DataFrame(schema={**kept.schema, **MATCHED})
    found = [pl.DataFrame(schema={"ordinal": pl.Int64(), **MATCHED})]
    # Answers to a whole batch come with the attempts in it, or are about none of ours.
    whole = records["scope"].is_not_null()
    left = records.filter(~whole)
    if whole.any():
        candidates = _candidates(store, tx, terms, "whole", _BY_KEY, records.filter(whole))
        found.append(_judge(candidates, terms))
    for number, rule in enumerate(terms.agreement.handback.match):
        if left.is_empty():
            break
        # A connection keeps its stages, and the rules of another partner have other columns.
        stage = "_".join((str(number), *rule))
        verdicts = _judge(_candidates(store, tx, terms, stage, rule, left), terms)
        found.append(verdicts)
        left = left.join(verdicts, on="ordinal", how="anti")
    verdicts = pl.concat(found)
    return kept.join(verdicts, on="ordinal", how="left", maintain_order="left").with_columns(
        pl.col("match", "redemption_id", "answered_attempt").fill_null(0)
    )


def _judge(candidates: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """One verdict per record from its candidates, of whatever partner."""
    ours = pl.col("attempt_partner") == terms.partner_id
    names = pl.format("{}/{}", "redemption_id", "answered_attempt")
    # Attempts of one redemption under one reference are answered as the latest of them.
    latest = candidates.sort("answered_attempt").unique(
        ["ordinal", "redemption_id"], keep="last", maintain_order=True
    )
    return (
        latest.group_by("ordinal")
        .agg(
            several=pl.len() > 1,
            foreign=~ours.all(),
            redemption_id=pl.col("redemption_id").first(),
            answered_attempt=pl.col("answered_attempt").first(),
            attempt_quantity=pl.col("attempt_quantity").first(),
            candidates=names.sort().head(20).str.join(", "),
        )
        .select(
            "ordinal",
            match=pl.when("several")
            .then(int(Match.SEVERAL))
            .when("foreign")
            .then(int(Match.OTHER_PARTNER))
            .otherwise(int(Match.ONE))
            .cast(pl.Int16),
            redemption_id=pl.when("several").then(0).otherwise("redemption_id"),
            answered_attempt=pl.when("several")
            .then(0)
            .otherwise("answered_attempt")
            .cast(pl.Int16),
            attempt_quantity=pl.when(~pl.col("several")).then("attempt_quantity"),
            candidates=pl.when("several").then("candidates"),
        )
    )


def _candidates(
    store: Store,
    tx: sa.Connection,
    terms: Terms,
    name: str,
    rule: Sequence[str],
    records: pl.DataFrame,
) -> pl.DataFrame:
    """The attempts that one rule finds for each record: none, one or several rows."""
    rows = records.select(
        "ordinal",
        "reference",
        "quantity",
        pl.col("member_ref").alias("member"),
        pl.col("redemption_id").alias("key_redemption"),
        pl.col("attempt").alias("key_attempt"),
        "batch",
        "batch_ordinal",
    )
    columns = [column for part in rule for column in _COLUMNS_OF[part]]
    rows = rows.select("ordinal", *columns).drop_nulls()
    if "key_redemption" in columns:
        rows = rows.filter(pl.col("key_redemption") > 0)
    if rows.is_empty():
        return pl.DataFrame(schema=_FOUND)
    stage = store.dialect.stage(tx, name, rows.sort(columns))
    found = fetch_frame(tx, _select(terms, rule, stage))
    return found.select(pl.col(column).cast(kind) for column, kind in _FOUND.items())


_BY_KEY: Final = ("reference_key",)

# What each part of a rule needs of a record.
_COLUMNS_OF = {
    "reference_key": ("key_redemption", "key_attempt", "reference"),
    "batch": ("batch",),
    "ordinal": ("batch_ordinal",),
    "reference": ("reference",),
    "quantity": ("quantity",),
    "member": ("member",),
}


def _select(terms: Terms, rule: Sequence[str], stage: sa.Table) -> sa.Select[Any]:
    """The attempts that agree with the staged records in every part of the rule."""
    select: sa.Select[Any] = sa.select(
        stage.c.ordinal,
        ATTEMPT.c.redemption_id,
        ATTEMPT.c.attempt.label("answered_attempt"),
        ATTEMPT.c.quantity.label("attempt_quantity"),
        ATTEMPT.c.partner_id.label("attempt_partner"),
    )
    if "reference_key" in rule:
        # The key names one attempt in the world; whether it is this partner's is judged after.
        select = select.join(
            ATTEMPT,
            (ATTEMPT.c.redemption_id == stage.c.key_redemption)
            & (
                (ATTEMPT.c.attempt == stage.c.key_attempt)
                # A later attempt that went out under the same reference.
                | (ATTEMPT.c.reference == stage.c.reference)
            ),
        )
    elif "batch" in rule:
        of_partner = (BATCH.c.sequence == stage.c.batch) & (BATCH.c.partner_id == terms.partner_id)
        select = select.join(BATCH, of_partner).join(
            ATTEMPT,
            (ATTEMPT.c.batch_id == BATCH.c.batch_id) & (ATTEMPT.c.ordinal == stage.c.batch_ordinal),
        )
    elif "reference" in rule:
        select = select.join(
            ATTEMPT,
            (ATTEMPT.c.partner_id == terms.partner_id) & (ATTEMPT.c.reference == stage.c.reference),
        )
    else:
        select = _of_member(terms, select, stage)
    if "quantity" in rule:
        select = select.where(ATTEMPT.c.quantity == stage.c.quantity)
    if "member" in rule and ("reference_key" in rule or "batch" in rule or "reference" in rule):
        select = select.join(
            REDEMPTION, REDEMPTION.c.redemption_id == ATTEMPT.c.redemption_id
        ).where(REDEMPTION.c.member_ref == stage.c.member)
    return select


def _of_member(terms: Terms, select: sa.Select[Any], stage: sa.Table) -> sa.Select[Any]:
    """The live attempts of the record's member, where a rule has no reference to go by."""
    return (
        select.join(
            REDEMPTION,
            (REDEMPTION.c.programme_id == terms.programme_id)
            & (REDEMPTION.c.member_ref == stage.c.member),
        )
        .join(
            ATTEMPT,
            (ATTEMPT.c.redemption_id == REDEMPTION.c.redemption_id)
            & (ATTEMPT.c.attempt == REDEMPTION.c.attempt),
        )
        .where(REDEMPTION.c.partner_id == terms.partner_id)
        .where(REDEMPTION.c.state == int(State.AWAITING_HANDBACK))
    )
