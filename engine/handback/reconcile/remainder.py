"""Redemptions made of what a partner left uncredited: each linked to the one it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.journal.changes import BIRTHS, NO_BIRTHS, NO_CHANGES, changes_of
from handback.lifecycle import relation
from handback.lifecycle.table import State, Trigger
from handback.partners.codes import ReasonClass
from handback.reconcile.following import DUE_AGAIN, NOT_DUE_AGAIN
from handback.store.bulk import fetch_frame, table_of
from handback.store.session import Store
from handback.store.shape import shape
from handback.store.tables import Due, MemberDetail, Remainder

DETAIL, DUE, REMAINDER = table_of(MemberDetail), table_of(Due), table_of(Remainder)

_LINKS: Final = pl.Schema(
    {"redemption_id": pl.Int64(), "origin_id": pl.Int64(), "attempt": pl.Int16()}
)
_NO_LINKS: Final = _LINKS.to_frame()


@dataclass(frozen=True, slots=True)
class Linked:
    """Redemptions that are born of others: CHANGES, BIRTHS, DUE_AGAIN, and whose each is."""

    changes: pl.DataFrame = field(default_factory=NO_CHANGES.clone)
    births: pl.DataFrame = field(default_factory=NO_BIRTHS.clone)
    due: pl.DataFrame = field(default_factory=NOT_DUE_AGAIN.clone)
    links: pl.DataFrame = field(default_factory=_NO_LINKS.clone)


def submit(store: Store, tx: sa.Connection, remainders: pl.DataFrame, now: datetime) -> Linked:
    """New redemptions of the quantities left (columns of `decide.REMAINDERS`), due at once."""
    if remainders.is_empty():
        return Linked()
    ids = pl.Series("redemption_id", store.take_ids("redemption", len(remainders), tx), pl.Int64)
    born = remainders.rename({"redemption_id": "origin_id"}).with_columns(ids)
    nothing = dict.fromkeys(
        ("attempt", "answered_attempt", "version", "held", "fulfilled", "waiting"), pl.lit(0)
    )
    unborn = born.with_columns(
        **nothing,
        state=pl.lit(int(State.NONE)),
        trigger=pl.lit(int(Trigger.SUBMIT)),
        moved="quantity",
        same_unit=pl.lit(1),
        reason_class=pl.lit(int(ReasonClass.NONE)),
        reason_code=pl.lit(None),
        file_id=pl.lit(None),
        ordinal=pl.lit(None),
    )
    taken = relation.decide(unborn)
    assert taken["legal"].all(), "what was held may be submitted anew"
    due = born.with_columns(due_at=pl.lit(now), same_reference=pl.lit(0), sent_since=pl.lit(None))
    return Linked(
        changes_of(taken),
        born.select(shape(BIRTHS)),
        due.select(shape(DUE_AGAIN)),
        born.select(shape(_LINKS)),
    )


def link(store: Store, tx: sa.Connection, linked: Linked) -> None:
    """Put them into the due queue, note whose they are, and that the partner's file needs to know
    the same of each."""
    if linked.links.is_empty():
        return
    store.dialect.insert_frame(tx, DUE, linked.due.drop("sent_since"))
    store.dialect.insert_frame(tx, REMAINDER, linked.links)
    stage = store.dialect.stage(tx, "linked", linked.links)
    # An outer join, so that no plan begins with the details.
    whose = stage.outerjoin(DETAIL, DETAIL.c.redemption_id == stage.c.origin_id)
    copied = sa.select(stage.c.redemption_id, DETAIL.c.fields).select_from(whose)
    store.dialect.insert_frame(tx, DETAIL, fetch_frame(tx, copied).drop_nulls())
