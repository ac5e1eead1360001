"""Where the ledger is cut: at a position, at an instant, or at the end of a closed period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from handback.errors import CursorAhead, InvalidRequest, NotFound, Violation
from handback.journal.read import extent
from handback.ledger.instants import instant_at, position_at
from handback.store.bulk import table_of
from handback.store.tables import Period, Programme

PERIOD, PROGRAMME = table_of(Period), table_of(Programme)


@dataclass(frozen=True, slots=True)
class Cut:
    """A place in the journal, told in one way or in none; see `resolve`."""

    position: int | None = None
    at: datetime | None = None
    period: str = ""

    def check(self, field: str) -> None:
        """Raise InvalidRequest naming `field` where the cut is told in more than one way."""
        if (self.position is not None) + (self.at is not None) + bool(self.period) > 1:
            expected = "expected a position, an instant or a period, and only one of them"
            raise InvalidRequest([Violation(field, expected)])

    def resolve(self, tx: sa.Connection, programme: str) -> int | None:
        """The position after which the cut is made; None where none is told.

        Raises CursorAhead for a position that was not given yet, NotFound for a period that the
        programme has not closed.
        """
        if self.position is not None:
            newest = extent(tx).newest
            if self.position > newest:
                raise CursorAhead(cursor=self.position, position=newest)
            return self.position
        if self.at is not None:
            return position_at(tx, self.at)
        return _closed(tx, programme, self.period).position if self.period else None

    def moment(self, tx: sa.Connection, programme: str) -> datetime | None:
        """The instant that the cut stands for; None where none is told, or nothing lies before."""
        if self.position is not None:
            return instant_at(tx, self.position)
        if self.period:
            at: datetime = _closed(tx, programme, self.period).cut_at
            return at
        return self.at


NOW = Cut()


@dataclass(frozen=True, slots=True)
class Stretch:
    """The blocks after one position, up to and with another."""

    after: int
    until: int


def stretch(
    tx: sa.Connection, programme: str, since: Cut = NOW, until: Cut = NOW, period: str = ""
) -> Stretch:
    """What lies between two cuts, or within one closed period.

    Without `since` it begins with the first block, without `until` it ends with the newest one.
    Raises InvalidRequest where the end comes before the beginning, and what `Cut.resolve` does.
    """
    if period:
        closed = _closed(tx, programme, period)
        return Stretch(closed.after_position, closed.position)
    after = since.resolve(tx, programme) or 0
    end = until.resolve(tx, programme)
    end = extent(tx).newest if end is None else end
    if end < after:
        raise InvalidRequest([Violation("until", "expected an end that comes after the beginning")])
    return Stretch(after, end)


def closed_periods() -> sa.Select[Any]:
    """All closed periods, with their `programme` and the `after_position` where each begins."""
    earlier = PERIOD.alias("earlier")
    follows = (earlier.c.programme_id == PERIOD.c.programme_id) & (
        earlier.c.number == PERIOD.c.number - 1
    )
    return (
        sa.select(
            PERIOD,
            PROGRAMME.c.name.label("programme"),
            sa.func.coalesce(earlier.c.position, 0).label("after_position"),
        )
        .join(PROGRAMME, PROGRAMME.c.programme_id == PERIOD.c.programme_id)
        .outerjoin(earlier, follows)
    )


def _closed(tx: sa.Connection, programme: str, period: str) -> sa.Row[Any]:
    """One closed period. Raises NotFound."""
    wanted = closed_periods().where(PROGRAMME.c.name == programme, PERIOD.c.name == period)
    found = tx.execute(wanted).one_or_none()
    if found is None:
        raise NotFound(kind="period", id=period)
    return found
