"""What is known, before a chunk is decided, of the redemptions its records speak of."""

from __future__ import annotations

import polars as pl
import sqlalchemy as sa

from handback.lifecycle.table import Trigger
from handback.store.bulk import fetch_frame, table_of
from handback.store.session import Store
from handback.store.tables import Due, Event, Redemption, Unit

DUE, EVENT = table_of(Due), table_of(Event)
REDEMPTION, UNIT = table_of(Redemption), table_of(Unit)

# One row per redemption. `waiting` is 1 where it has a row in the due queue.
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
        "submitted_at": pl.Datetime("us", "UTC"),
    }
)

# One row per answer already in the journal. An expiry counts as the rejection it stands for.
ANSWERS = pl.Schema(
    {
        "redemption_id": pl.Int64(),
        "answered_attempt": pl.Int16(),
        "trigger": pl.Int16(),
        "moved": pl.Int64(),
        "code": pl.String(),
        "file_id": pl.Int64(),
    }
)

_ANSWERS = (
    Trigger.ACKNOWLEDGE,
    Trigger.CONFIRM,
    Trigger.REJECT,
    Trigger.EXPIRE,
    Trigger.RETURN,
    Trigger.RETURN_PART,
)


def standings(store: Store, tx: sa.Connection, redemption_ids: pl.Series) -> pl.DataFrame:
    """The redemptions with these ids (Int64) as they stand in this transaction."""
    if redemption_ids.is_empty():
        return STANDINGS.to_frame()
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
            REDEMPTION.c.submitted_at,
        )
        .join(keys, keys.c.redemption_id == REDEMPTION.c.redemption_id)
        .join(UNIT, UNIT.c.unit_id == REDEMPTION.c.unit_id)
        .outerjoin(DUE, DUE.c.redemption_id == REDEMPTION.c.redemption_id)
    )
    return _typed(fetch_frame(tx, select), STANDINGS)


def submitted_before(store: Store, tx: sa.Connection, bounds: pl.DataFrame) -> pl.Series:
    """Those among redemptions (columns `redemption_id`, `since`) that were submitted earlier."""
    if bounds.is_empty():
        return pl.Series("redemption_id", [], pl.Int64)
    stage = store.dialect.stage(tx, "submitted", bounds.sort("redemption_id"))
    found = (REDEMPTION.c.redemption_id == stage.c.redemption_id) & (
        REDEMPTION.c.submitted_at < stage.c.since
    )
    select = sa.select(REDEMPTION.c.redemption_id).select_from(stage.outerjoin(REDEMPTION, found))
    return fetch_frame(tx, select)["redemption_id"].drop_nulls()


def answers(store: Store, tx: sa.Connection, redemption_ids: pl.Series) -> pl.DataFrame:
    """Every answer that the journal holds for the redemptions with these ids (Int64)."""
    if redemption_ids.is_empty():
        return pl.DataFrame(schema=ANSWERS)
    keys = store.dialect.stage(tx, "answers", _keys(redemption_ids))
    select = (
        sa.select(
            EVENT.c.redemption_id,
            EVENT.c.attempt.label("answered_attempt"),
            EVENT.c.trigger,
            EVENT.c.quantity.label("moved"),
            EVENT.c.reason_code.label("code"),
            EVENT.c.file_id,
        )
        # An outer join, so that no plan begins with the events.
        .select_from(keys.outerjoin(EVENT, keys.c.redemption_id == EVENT.c.redemption_id))
    )
    triggers = [int(trigger) for trigger in _ANSWERS]
    found = _typed(fetch_frame(tx, select), ANSWERS).filter(pl.col("trigger").is_in(triggers))
    return found.with_columns(pl.col("trigger").replace(int(Trigger.EXPIRE), int(Trigger.REJECT)))


def _keys(redemption_ids: pl.Series) -> pl.DataFrame:
    return redemption_ids.unique().sort().alias("redemption_id").to_frame()


def _typed(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items())
