"""What of the due queue goes into the next file: stretches of it, as many as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from handback.payouts.days import Day
from handback.payouts.lanes import BY_PLACE, Lane, Place
from handback.store.bulk import fetch_frame, table_of
from handback.store.tables import Due, Redemption

DUE, REDEMPTION = table_of(Due), table_of(Redemption)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is due in one lane, from behind one place of the queue up to another.

    Nothing is before `after` where it is None.
    """

    lane: Lane
    after: Place | None
    end: Place

    @property
    def inside(self) -> sa.ColumnElement[bool]:
        """Which rows of the queue stand in it."""
        return self.lane.rows(self.after, self.end)


def stretches(
    tx: sa.Connection, day: Day, lane: Lane, after: Place | None, records: int
) -> list[Stretch]:
    """What fits the next file of what is behind a place, longest first, in stretches of so many.

    Nothing overtakes what waits longer. Raises LimitReached where not even the first may still go
    that day.
    """
    found: list[Stretch] = []
    room = day.room(lane.unit_id)
    left, quantity = room.records, room.quantity
    while left > 0 and (end := lane.reach(tx, after, min(left, records))) is not None:
        fits: Stretch | None = Stretch(lane, after, end)
        if quantity is not None:
            most = day.agreement.payout.largest_quantity
            assert most is not None, "where a quantity is limited, that of one redemption is"
            fits, taken = _fitting(tx, Stretch(lane, after, end), quantity, most)
            quantity -= taken
        if fits is None:
            if not found:
                raise day.full()
            break
        found.append(fits)
        if fits.end != end:
            break
        after, left = end, left - records
    return found


def _fitting(
    tx: sa.Connection, stretch: Stretch, room: int, most: int
) -> tuple[Stretch | None, int]:
    """As much of a stretch as there is room for, None where not even its first row has room; and
    how much that is of.

    What is of more than `most` never fits: it takes no room, for it will not be in the file.
    """
    rows = fetch_frame(
        tx,
        sa.select(*BY_PLACE, REDEMPTION.c.held)
        .join(REDEMPTION, REDEMPTION.c.redemption_id == DUE.c.redemption_id)
        .where(stretch.inside)
        .order_by(*BY_PLACE),
    )
    takes = pl.when(pl.col("held") <= most).then("held").otherwise(0)
    filled = rows.select(takes.cum_sum()).to_series()
    fit = int((filled <= room).sum())
    if fit == len(rows):
        return stretch, int(filled[-1]) if fit else 0
    if not fit:
        return None, 0
    end = rows["due_at"][fit - 1], rows["redemption_id"][fit - 1]
    return Stretch(stretch.lane, stretch.after, end), int(filled[fit - 1])


def all_of(due: Sequence[Stretch]) -> Stretch:
    """Neighbouring stretches as one."""
    return Stretch(due[0].lane, due[0].after, due[-1].end)
