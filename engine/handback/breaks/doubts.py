"""Redemptions that an earlier attempt may have credited: nobody decides on them alone.

No policy does either: what it would retry or fail waits for a person.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.breaks.kinds import Resolution
from handback.partners.codes import ReasonClass
from handback.store.among import among
from handback.store.bulk import table_of
from handback.store.tables import Break

BREAK = table_of(Break)

MAY_BE_CREDITED: Final = (
    ReasonClass.OK,
    ReasonClass.OK_CHANGED,
    ReasonClass.PARTIAL,
    ReasonClass.DUPLICATE,
    ReasonClass.UNKNOWN_OUTCOME,
)
"""What the record of a break says where the partner credited it, or cannot say that it did not."""

_DOUBTING: Final = (
    BREAK.c.closed_at.is_(None) | (BREAK.c.resolution == int(Resolution.DISMISSED)),
    BREAK.c.reason_class.in_([int(one) for one in MAY_BE_CREDITED]),
)


def doubts(tx: sa.Connection, redemption_ids: Collection[int]) -> Mapping[int, int]:
    """Of these redemptions those in doubt, each with the newest break that says why.

    A break that is open says so, and one that a single person dismissed: that proves nothing.
    """
    about = among(BREAK.c.redemption_id, pl.Series(redemption_ids, dtype=pl.Int64))
    selected = (
        sa.select(BREAK.c.redemption_id, sa.func.max(BREAK.c.break_id))
        .where(about, *_DOUBTING)
        .group_by(BREAK.c.redemption_id)
    )
    return {row[0]: row[1] for row in tx.execute(selected)}


def in_doubt(redemption_id: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """Whether the redemption of a row is one of `doubts`: 1, or 0."""
    # A value and no EXISTS, for which PostgreSQL may read all breaks beforehand.
    found = (
        sa.select(sa.literal_column("1"))
        .select_from(BREAK)
        .where(BREAK.c.redemption_id == redemption_id, *_DOUBTING)
        .limit(1)
        .correlate_except(BREAK)
        .scalar_subquery()
    )
    return sa.func.coalesce(found, 0, type_=sa.SmallInteger)
