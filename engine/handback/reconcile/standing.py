"""What is known, before a chunk is decided, of the redemptions its records speak of."""

from __future__ import annotations

from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback.breaks.doubts import BREAK, in_doubt
from handback.journal.commit import CauseKind
from handback.lifecycle.table import State, Trigger
from handback.store.bulk import fetch_frame, table_of
from handback.store.session import Store
from handback.store.shape import shape
from handback.store.tables import (
    Attempt,
    Block,
    Due,
    Event,
    Instant,
    PayoutBatch,
    Redemption,
    Unit,
)

ATTEMPT, BATCH = table_of(Attempt), table_of(PayoutBatch)
BLOCK, DUE, EVENT = table_of(Block), table_of(Due), table_of(Event)
REDEMPTION, UNIT = table_of(Redemption), table_of(Unit)

# One row per redemption. `waiting` is 1 where it has a row in the due queue, `in_doubt` where it
# may stand credited, see `breaks.doubts`; its first attempt was delivered at `first_sent_at`.
STANDINGS = pl.Schema(
    {
        "redemption_id": pl.Int64(),
        "state": pl.Int16(),
        "attempt": pl.Int16(),
        "version": pl.Int32(),
        "quantity": pl.Int64(),
        "held": pl.Int64(),
        "fulfilled": pl.Int64(),
        "waiting": pl.Int16(),
        "programme_id": pl.Int64(),
        "partner_id": pl.Int64(),
        "unit_id": pl.Int64(),
        "unit": pl.String(),
        "member_ref": pl.String(),
        "in_doubt": pl.Int16(),
        "first_sent_at": pl.Datetime("us", "UTC"),
    }
)

# One row per answer already in the journal, by whomever. An expiry counts as the rejection it
# stands for, what two people restored or bear as a confirmation. `by_silence` is whether nobody
# answered at all, `borne` whether the credit is at our cost.
ANSWERS = pl.Schema(
    {
        "redemption_id": pl.Int64(),
        "answered_attempt": pl.Int16(),
        "trigger": pl.Int16(),
        "moved": pl.Int64(),
        "code": pl.String(),
        "file_id": pl.Int64(),
        "by_silence": pl.Boolean(),
        "borne": pl.Boolean(),
        "at": pl.Datetime("us", "UTC"),
    }
)

# What each trigger of the journal counts as; all others answer nothing.
_COUNTS_AS: Final = {
    int(Trigger.ACKNOWLEDGE): int(Trigger.ACKNOWLEDGE),
    int(Trigger.CONFIRM): int(Trigger.CONFIRM),
    int(Trigger.REJECT): int(Trigger.REJECT),
    int(Trigger.EXPIRE): int(Trigger.REJECT),
    int(Trigger.RETURN): int(Trigger.RETURN),
    int(Trigger.RETURN_PART): int(Trigger.RETURN_PART),
    int(Trigger.REINSTATE): int(Trigger.CONFIRM),
    int(Trigger.WRITE_OFF): int(Trigger.CONFIRM),
}
_BORNE: Final = pl.col("trigger") == int(Trigger.WRITE_OFF)
# A part that is written off leaves the state as it is, and answers nothing.
_OF_PART: Final = _BORNE & (pl.col("to_state") != int(State.CONFIRMED))
_ANSWERING: Final = pl.col("trigger").is_in(list(_COUNTS_AS)) & ~_OF_PART
_AS_ANSWERS: Final = shape(
    ANSWERS,
    trigger=pl.col("trigger").replace_strict(_COUNTS_AS),
    by_silence=pl.col("cause_kind") == int(CauseKind.POLICY),
    borne=_BORNE,
)
_AS_STANDINGS: Final = shape(STANDINGS)
_NO_STANDINGS: Final = STANDINGS.to_frame()
_NO_ANSWERS: Final = ANSWERS.to_frame()


def standings(store: Store, tx: sa.Connection, redemption_ids: pl.Series) -> pl.DataFrame:
    """The redemptions with these ids (Int64) as they stand in this transaction."""
    if redemption_ids.is_empty():
        return _NO_STANDINGS
    keys = store.dialect.stage(tx, "standings", _keys(redemption_ids))
    select = (
        sa.select(
            REDEMPTION.c.redemption_id,
            REDEMPTION.c.state,
            REDEMPTION.c.attempt,
            REDEMPTION.c.version,
            REDEMPTION.c.quantity,
            REDEMPTION.c.held,
            REDEMPTION.c.fulfilled,
            sa.case((DUE.c.redemption_id.is_(None), 0), else_=1).label("waiting"),
            REDEMPTION.c.programme_id,
            REDEMPTION.c.partner_id,
            REDEMPTION.c.unit_id,
            UNIT.c.name.label("unit"),
            REDEMPTION.c.member_ref,
            in_doubt(REDEMPTION.c.redemption_id).label("in_doubt"),
        )
        .join(keys, keys.c.redemption_id == REDEMPTION.c.redemption_id)
        .join(UNIT, UNIT.c.unit_id == REDEMPTION.c.unit_id)
        .outerjoin(DUE, DUE.c.redemption_id == REDEMPTION.c.redemption_id)
    )
    return fetch_frame(tx, with_first_sent(select)).select(_AS_STANDINGS)


_FIRST, _ITS_BATCH = ATTEMPT.alias("first_attempt"), BATCH.alias("first_batch")


def with_first_sent(select: sa.Select[Any]) -> sa.Select[Any]:
    """A select of redemptions with `first_sent_at`: when their first attempt was delivered."""
    first = (_FIRST.c.redemption_id == REDEMPTION.c.redemption_id) & (_FIRST.c.attempt == 1)
    # Looked for only where the first was recalled: then a later one is the first that left.
    earliest = (
        sa.select(sa.func.min(BATCH.c.delivered_at))
        .join(ATTEMPT, ATTEMPT.c.batch_id == BATCH.c.batch_id)
        .where(ATTEMPT.c.redemption_id == REDEMPTION.c.redemption_id)
        .correlate(REDEMPTION)
        .scalar_subquery()
    )
    sent_at = sa.func.coalesce(_ITS_BATCH.c.delivered_at, earliest, type_=Instant)
    return (
        select.add_columns(sent_at.label("first_sent_at"))
        .outerjoin(_FIRST, first)
        .outerjoin(_ITS_BATCH, _ITS_BATCH.c.batch_id == _FIRST.c.batch_id)
    )


def doubted(store: Store, tx: sa.Connection, redemption_ids: pl.Series) -> pl.Series:
    """Those among the redemptions with these ids (Int64) that are in doubt."""
    if redemption_ids.is_empty():
        return redemption_ids
    left = with_breaks(tx, redemption_ids)
    if left.is_empty():
        return left
    stage = store.dialect.stage(tx, "doubted", _keys(left))
    select = sa.select(stage.c.redemption_id, in_doubt(stage.c.redemption_id).label("in_doubt"))
    return fetch_frame(tx, select).filter(pl.col("in_doubt") == 1)["redemption_id"]


def with_breaks(tx: sa.Connection, redemption_ids: pl.Series) -> pl.Series:
    """The redemptions among some (ids, Int64) less those that are known to have no break.

    Where ids are close together, there are fewer breaks between them than ids: one walk through
    those is all it costs. Where there are more, nothing is known.
    """
    bounds = redemption_ids.min(), redemption_ids.max()
    between = sa.select(BREAK.c.redemption_id).where(BREAK.c.redemption_id.between(*bounds))
    found = fetch_frame(tx, between.limit(len(redemption_ids))).to_series()
    if len(found) == len(redemption_ids):
        return redemption_ids
    return redemption_ids.filter(redemption_ids.is_in(found.implode()))


def answers(store: Store, tx: sa.Connection, redemption_ids: pl.Series) -> pl.DataFrame:
    """Every answer that the journal holds for the redemptions with these ids (Int64)."""
    if redemption_ids.is_empty():
        return _NO_ANSWERS
    keys = store.dialect.stage(tx, "answers", _keys(redemption_ids))
    select = (
        sa.select(
            EVENT.c.redemption_id,
            EVENT.c.attempt.label("answered_attempt"),
            EVENT.c.trigger,
            EVENT.c.to_state,
            EVENT.c.quantity.label("moved"),
            EVENT.c.reason_code.label("code"),
            EVENT.c.file_id,
            BLOCK.c.cause_kind,
            BLOCK.c.committed_at.label("at"),
        )
        # Outer joins, so that no plan begins with the events.
        .select_from(
            keys.outerjoin(EVENT, keys.c.redemption_id == EVENT.c.redemption_id).outerjoin(
                BLOCK, BLOCK.c.block_id == EVENT.c.block_id
            )
        )
    )
    return fetch_frame(tx, select).filter(_ANSWERING).select(_AS_ANSWERS)


def _keys(redemption_ids: pl.Series) -> pl.DataFrame:
    return redemption_ids.unique().sort().alias("redemption_id").to_frame()
