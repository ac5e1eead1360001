"""The match rules: which attempts agree with a record in all that a rule names.

Records that say the same to a rule have the same candidates, so the store is asked once for each
*value*, not for each record: a million alike cost what one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zlib import crc32

import polars as pl
import sqlalchemy as sa

from handback.intake.spool import UNKEYED
from handback.lifecycle.table import State, Trigger
from handback.partners.registry import Terms
from handback.partners.vocabulary import MatchColumn
from handback.reconcile.days import with_days
from handback.store.bulk import fetch_frame, table_of
from handback.store.session import Store
from handback.store.shape import shape
from handback.store.tables import Attempt, Block, Event, NormalReference, PayoutBatch, Redemption

ATTEMPT, BATCH, REDEMPTION = (table_of(t) for t in (Attempt, PayoutBatch, Redemption))
BLOCK, EVENT, NORMAL = (table_of(t) for t in (Block, Event, NormalReference))

Rule = tuple[MatchColumn, ...]
BY_KEY: Final[Rule] = (MatchColumn.REFERENCE_KEY,)

_ANSWERS: Final = (Trigger.CONFIRM, Trigger.REJECT, Trigger.EXPIRE)

# What each part of a rule needs of a record.
_COLUMNS_OF: Final[dict[MatchColumn, tuple[str, ...]]] = {
    MatchColumn.REFERENCE_KEY: ("key_redemption", "key_attempt", "reference"),
    MatchColumn.BATCH: ("batch",),
    MatchColumn.ORDINAL: ("batch_ordinal",),
    MatchColumn.REFERENCE: ("reference",),
    MatchColumn.NORMALISED_REFERENCE: ("normal",),
    MatchColumn.QUANTITY: ("quantity",),
    MatchColumn.MEMBER: ("member",),
    MatchColumn.DATE: ("day_from", "day_before"),
    MatchColumn.WINDOW: ("batch_since", "born_before"),
}

# For these a redemption has to be looked at.
_OF_REDEMPTION: Final = {MatchColumn.MEMBER, MatchColumn.DATE, MatchColumn.WINDOW}

# The attempts that agree with a value.
CANDIDATES: Final = pl.Schema(
    {
        "value": pl.Int64(),
        "redemption_id": pl.Int64(),
        "answered_attempt": pl.Int16(),
        "attempt_quantity": pl.Int64(),
        "attempt_partner": pl.Int64(),
    }
)
_NO_CANDIDATES: Final = CANDIDATES.to_frame()
_AS_CANDIDATES: Final = shape(CANDIDATES)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that came: its rules know what was sealed, and what had been answered, by then.

    That never changes, so whoever matches the file, and however often, finds the same.
    """

    file_id: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """What some records ask of a rule: `values` (columns `ordinal`, `value`), and `candidates`
    (schema CANDIDATES). A record that lacks something the rule names asks for nothing."""

    values: pl.DataFrame
    candidates: pl.DataFrame


def pairs(rule: Rule) -> bool:
    """Has a rule neither reference nor place to go by, so that it has to count both sides?"""
    return not (
        {MatchColumn.REFERENCE_KEY, MatchColumn.REFERENCE, MatchColumn.NORMALISED_REFERENCE}
        & set(rule)
        or {MatchColumn.BATCH, MatchColumn.ORDINAL} <= set(rule)
    )


def is_settled_alone(rules: Sequence[Rule]) -> bool:
    """Can each record be matched by itself? By one rule that goes by reference or place it can."""
    beyond = {MatchColumn.NORMALISED_REFERENCE, MatchColumn.WINDOW} & set(rules[0])
    return len(rules) == 1 and not beyond and not pairs(rules[0])


def searched(rules: Sequence[Rule]) -> pl.Expr:
    """Which records (columns of DETAIL) can only be matched together with the rest of the file.

    What carries a key is settled by it, where that is the first rule.
    """
    if is_settled_alone(rules):
        return pl.lit(False)
    return UNKEYED if rules[0] == BY_KEY else pl.col("scope").is_null()


def ask(
    store: Store,
    tx: sa.Connection,
    terms: Terms,
    rule: Rule,
    records: pl.DataFrame,
    arrival: Arrival | None = None,
    newest: int = 0,
) -> Asked:
    """What one rule finds for records (columns of DETAIL).

    With `arrival`, among the attempts that there were when the file came, and for a rule that
    counts both sides among those that waited. With `newest`, so many of each value at most.
    """
    columns = [column for part in rule for column in _COLUMNS_OF[part]]
    rows = _named(terms, rule, records, arrival).select("ordinal", *dict.fromkeys(columns))
    rows = rows.drop_nulls()
    if "key_redemption" in columns:
        rows = rows.filter(pl.col("key_redemption") > 0)
    if rows.is_empty():
        return Asked(rows.select("ordinal", value="ordinal"), _NO_CANDIDATES)
    columns = rows.columns[1:]
    values = rows.select(columns).unique().sort(columns)
    values = values.select(pl.int_range(pl.len(), dtype=pl.Int64).alias("value"), *columns)
    name = f"match_{crc32(' '.join(columns).encode()):x}"
    stage = store.dialect.stage(tx, name, values)
    select = statement(terms, rule, stage, arrival)
    found = fetch_frame(tx, _newest(select, newest) if newest else select)
    return Asked(
        rows.join(values, on=columns, how="inner").select("ordinal", "value"),
        found.drop_nulls().select(_AS_CANDIDATES),
    )


def _named(
    terms: Terms, rule: Rule, records: pl.DataFrame, arrival: Arrival | None
) -> pl.DataFrame:
    """The records with the columns that a rule asks for."""
    rows = records.with_columns(
        member=pl.col("member_ref"),
        key_redemption=pl.col("redemption_id"),
        key_attempt=pl.col("attempt"),
    )
    if MatchColumn.NORMALISED_REFERENCE in rule:
        steps = terms.agreement.handback.normalise
        assert steps is not None, rule
        rows = rows.with_columns(normal=steps.apply(pl.col("reference")))
    if {MatchColumn.DATE, MatchColumn.WINDOW} & set(rule):
        rows = with_days(rows, terms.agreement, arrival.received_at if arrival else None)
    return rows


def statement(terms: Terms, rule: Rule, stage: sa.Table, arrival: Arrival | None) -> sa.Select[Any]:
    """The select of a rule's candidates for the values that are staged, among rows with nulls.

    All joins are outer ones, with every condition in them, so that no plan begins with a table that
    grows: the stage is walked, and each row of it looked up.
    """
    parts = set(rule)
    if pairs(rule):
        found = _of_member(terms, parts, stage, arrival)
    else:
        found = _of_reference(terms, parts, stage, arrival)
    return sa.select(
        stage.c.value,
        ATTEMPT.c.redemption_id,
        ATTEMPT.c.attempt.label("answered_attempt"),
        ATTEMPT.c.quantity.label("attempt_quantity"),
        ATTEMPT.c.partner_id.label("attempt_partner"),
        *([REDEMPTION.c.version] if parts & _OF_REDEMPTION else []),
    ).select_from(found)


def _of_reference(
    terms: Terms, parts: set[MatchColumn], stage: sa.Table, arrival: Arrival | None
) -> sa.FromClause:
    """The attempts that a record names by its reference or place."""
    found: sa.FromClause = stage
    of_partner = ATTEMPT.c.partner_id == terms.partner_id
    if MatchColumn.REFERENCE_KEY in parts:
        # The key names one attempt in the world; whether it is this partner's is judged after.
        named = (ATTEMPT.c.redemption_id == stage.c.key_redemption) & (
            (ATTEMPT.c.attempt == stage.c.key_attempt)
            # A later attempt that went out under the same reference.
            | (ATTEMPT.c.reference == stage.c.reference)
        )
    elif {MatchColumn.BATCH, MatchColumn.ORDINAL} <= parts:
        batch = (BATCH.c.sequence == stage.c.batch) & (BATCH.c.partner_id == terms.partner_id)
        found = found.outerjoin(BATCH, batch)
        named = (ATTEMPT.c.batch_id == BATCH.c.batch_id) & (
            ATTEMPT.c.ordinal == stage.c.batch_ordinal
        )
    elif MatchColumn.REFERENCE in parts:
        named = of_partner & (ATTEMPT.c.reference == stage.c.reference)
    else:
        steps = terms.agreement.handback.normalise
        assert steps is not None, parts
        normal = (
            (NORMAL.c.partner_id == terms.partner_id)
            & (NORMAL.c.form == steps.form)
            & (NORMAL.c.reference == stage.c.normal)
        )
        found = found.outerjoin(NORMAL, normal)
        named = (ATTEMPT.c.redemption_id == NORMAL.c.redemption_id) & (
            ATTEMPT.c.attempt == NORMAL.c.attempt
        )
    found = found.outerjoin(ATTEMPT, sa.and_(named, *_agreeing(parts, stage, arrival)))
    if parts & _OF_REDEMPTION:
        of_attempt = REDEMPTION.c.redemption_id == ATTEMPT.c.redemption_id
        of_life = (*_of_life(parts, stage), *_on_day(parts, stage))
        found = found.outerjoin(REDEMPTION, sa.and_(of_attempt, *of_life))
    return found


def _of_member(
    terms: Terms, parts: set[MatchColumn], stage: sa.Table, arrival: Arrival | None
) -> sa.FromClause:
    """The attempts of a record's member, with `arrival` those that waited when the file came."""
    of_member = (REDEMPTION.c.programme_id == terms.programme_id, *_of_life(parts, stage))
    of_attempt = (
        ATTEMPT.c.redemption_id == REDEMPTION.c.redemption_id,
        ATTEMPT.c.partner_id == terms.partner_id,
        *_agreeing(parts, stage, arrival),
        *_on_day(parts, stage),
        *([_open(arrival)] if arrival else ()),
    )
    found = stage.outerjoin(REDEMPTION, sa.and_(*of_member))
    return found.outerjoin(ATTEMPT, sa.and_(*of_attempt))


def _agreeing(
    parts: set[MatchColumn], stage: sa.Table, arrival: Arrival | None
) -> list[sa.ColumnElement[bool]]:
    """What an attempt has to agree in, beside what it was found by."""
    conditions: list[sa.ColumnElement[bool]] = []
    if MatchColumn.QUANTITY in parts:
        conditions.append(ATTEMPT.c.quantity == stage.c.quantity)
    if MatchColumn.REFERENCE in parts and MatchColumn.REFERENCE_KEY not in parts:
        conditions.append(ATTEMPT.c.reference == stage.c.reference)
    if arrival:
        conditions.append(_sealed_at() <= arrival.received_at)
    if MatchColumn.WINDOW in parts:
        conditions.append(_sealed_at() >= stage.c.batch_since)
    return conditions


def _of_life(parts: set[MatchColumn], stage: sa.Table) -> list[sa.ColumnElement[bool]]:
    """What the redemption of an attempt has to agree in."""
    conditions: list[sa.ColumnElement[bool]] = []
    if MatchColumn.MEMBER in parts:
        conditions.append(REDEMPTION.c.member_ref == stage.c.member)
    if MatchColumn.WINDOW in parts:
        conditions.append(REDEMPTION.c.submitted_at < stage.c.born_before)
    return conditions


def _newest(select: sa.Select[Any], count: int) -> sa.Select[Any]:
    """The candidates of the newest redemptions, so many of each value."""
    found = select.subquery("found")
    newest = (found.c.redemption_id.is_(None), found.c.redemption_id.desc())
    place = sa.func.row_number().over(partition_by=found.c.value, order_by=newest)
    placed = sa.select(*found.c, place.label("place")).subquery("placed")
    return sa.select(*(placed.c[name] for name in CANDIDATES)).where(placed.c.place <= count)


def _open(arrival: Arrival) -> sa.ColumnElement[bool]:
    """Whether an attempt awaited its answer when the file came.

    It does so still; or else what answered it is the file itself, or came later.
    """
    awaiting = (REDEMPTION.c.state == int(State.AWAITING_HANDBACK)) & (
        REDEMPTION.c.attempt == ATTEMPT.c.attempt
    )
    since = (EVENT.c.file_id == arrival.file_id) | (BLOCK.c.committed_at > arrival.received_at)
    # A minimum and not `exists`, of which PostgreSQL may make a walk through all events.
    only_since = (
        sa.select(sa.func.min(sa.case((since, 1), else_=0)))
        .select_from(EVENT.join(BLOCK, BLOCK.c.block_id == EVENT.c.block_id))
        .where(
            EVENT.c.redemption_id == ATTEMPT.c.redemption_id,
            EVENT.c.attempt == ATTEMPT.c.attempt,
            EVENT.c.trigger.in_([int(trigger) for trigger in _ANSWERS]),
        )
        .scalar_subquery()
    )
    return awaiting | (only_since == 1)


def _on_day(parts: set[MatchColumn], stage: sa.Table) -> list[sa.ColumnElement[bool]]:
    """Whether redemption or attempt are of the day that is named."""
    if MatchColumn.DATE not in parts:
        return []
    instants: tuple[sa.ColumnElement[Any], ...] = (REDEMPTION.c.submitted_at, _sealed_at())
    return [sa.or_(*((at >= stage.c.day_from) & (at < stage.c.day_before) for at in instants))]


def _sealed_at() -> sa.ScalarSelect[datetime]:
    """When the batch of an attempt was sealed."""
    of_attempt = BATCH.c.batch_id == ATTEMPT.c.batch_id
    return sa.select(BATCH.c.sealed_at).where(of_attempt).correlate(ATTEMPT).scalar_subquery()
