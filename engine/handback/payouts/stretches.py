"""What of the due queue goes into the next file: stretches of it, as many as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from handback.payouts.days import Day
from handback.payouts.lanes import Lane
from handback.store.bulk import fetch_frame, table_of
from handback.store.tables import Due, Instant, Redemption

DUE, REDEMPTION = table_of(Due), table_of(Redemption)

Place = tuple[datetime, int]
_here = sa.tuple_(DUE.c.due_at, DUE.c.redemption_id)
_BY_PLACE = (DUE.c.due_at, DUE.c.redemption_id)
_FROM_BEHIND = tuple(column.desc() for column in _BY_PLACE)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is due in one lane, from behind one place of the queue up to another.

    A place is when a redemption is due, and its id. Nothing is before `after` where it is None.
    """

    lane: Lane
    after: Place | None
    end: Place

    @property
    def inside(self) -> sa.ColumnElement[bool]:
        """Which rows of the queue stand in it."""
        return _queue(self.lane, self.after) & (_here <= _place(self.end))


def stretches(
    tx: sa.Connection, day: Day, lane: Lane, due_by: datetime, records: int
) -> list[Stretch]:
    """What fits the next file of what is due by then, longest first, in stretches of so many.

    Nothing overtakes what waits longer. Raises LimitReached where not even the first may still go
    that day.
    """
    found: list[Stretch] = []
    room = day.room(lane.unit_id)
    left, quantity = room.records, room.quantity
    while left > 0:
        after = found[-1].end if found else None
        queue = _queue(lane, after) & (DUE.c.due_at <= due_by)
        size = min(left, records)
        if quantity is None:
            end = _end(tx, queue, size)
        else:
            most = day.agreement.payout.largest_quantity
            assert most is not None, "where a quantity is limited, that of one redemption is"
            taken = _taken(tx, queue, size, quantity, most)
            if taken.is_blocked and not found:
                raise day.full()
            end, quantity = taken.end, quantity - taken.quantity
            left = left if taken.is_whole else size
        if end is None:
            break
        found.append(Stretch(lane, after, end))
        left -= size
    return found


def _end(tx: sa.Connection, queue: sa.ColumnElement[bool], size: int) -> Place | None:
    """The place of the last of up to so many rows, None where there is none."""
    places = sa.select(DUE.c.due_at, DUE.c.redemption_id).where(queue)
    last = tx.execute(places.order_by(*_BY_PLACE).offset(size - 1).limit(1)).one_or_none()
    last = last or tx.execute(places.order_by(*_FROM_BEHIND).limit(1)).one_or_none()
    return None if last is None else (last.due_at, last.redemption_id)


@dataclass(frozen=True, slots=True)
class _Taken:
    """How far some rows of the queue fit: to which place, how much they are of.

    `is_whole` where all of them do, `is_blocked` where not even the first does.
    """

    end: Place | None
    quantity: int
    is_whole: bool
    is_blocked: bool


def _taken(
    tx: sa.Connection, queue: sa.ColumnElement[bool], size: int, room: int, most: int
) -> _Taken:
    """As many of the first rows as have room together.

    What is of more than `most` never fits: it takes no room, for it will not be in the file.
    """
    rows = fetch_frame(
        tx,
        sa.select(DUE.c.due_at, DUE.c.redemption_id, REDEMPTION.c.held)
        .join(REDEMPTION, REDEMPTION.c.redemption_id == DUE.c.redemption_id)
        .where(queue)
        .order_by(*_BY_PLACE)
        .limit(size),
    )
    takes = pl.when(pl.col("held") <= most).then("held").otherwise(0)
    filled = rows.select(takes.cum_sum()).to_series()
    fit = int((filled <= room).sum())
    if not fit:
        return _Taken(None, 0, is_whole=False, is_blocked=len(rows) > 0)
    end = rows["due_at"][fit - 1], rows["redemption_id"][fit - 1]
    return _Taken(end, int(filled[fit - 1]), is_whole=fit == len(rows), is_blocked=False)


def all_of(due: Sequence[Stretch]) -> Stretch:
    """Neighbouring stretches as one."""
    return Stretch(due[0].lane, due[0].after, due[-1].end)


def _queue(lane: Lane, after: Place | None) -> sa.ColumnElement[bool]:
    """The rows of a lane behind a place."""
    return lane.rows if after is None else lane.rows & (_here > _place(after))


def _place(place: Place) -> sa.Tuple:
    at, redemption_id = place
    return sa.tuple_(sa.literal(at, Instant), sa.literal(redemption_id, sa.BigInteger))
