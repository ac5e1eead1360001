"""Redemptions that an earlier attempt may have credited: nobody decides on them alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import sqlalchemy as sa

from handback.breaks.kinds import Resolution
from handback.partners.codes import ReasonClass
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


def doubts(tx: sa.Connection, redemption_ids: Iterable[int]) -> Mapping[int, int]:
    """Of these redemptions those in doubt, each with the newest break that says why.

    A break that is open says so, and one that a single person dismissed: that proves nothing.
    """
    standing = BREAK.c.closed_at.is_(None) | (BREAK.c.resolution == int(Resolution.DISMISSED))
    selected = (
        sa.select(BREAK.c.redemption_id, sa.func.max(BREAK.c.break_id))
        .where(BREAK.c.redemption_id.in_(redemption_ids), standing)
        .where(BREAK.c.reason_class.in_([int(one) for one in MAY_BE_CREDITED]))
        .group_by(BREAK.c.redemption_id)
    )
    return {row[0]: row[1] for row in tx.execute(selected)}
