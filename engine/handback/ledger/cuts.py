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
        return self._end_of_period(tx, programme) if self.period else None

    def moment(self, tx: sa.Connection, programme: str) -> datetime | None:
        """The instant that the cut stands for; None where none is told, or nothing lies before."""
        if self.position is not None:
            return instant_at(tx, self.position)
        if self.period:
            at: datetime = self._closed(tx, programme).cut_at
            return at
        return self.at

    def _end_of_period(self, tx: sa.Connection, programme: str) -> int:
        position: int = self._closed(tx, programme).position
        return position

    def _closed(self, tx: sa.Connection, programme: str) -> sa.Row[Any]:
        found = tx.execute(
            sa.select(PERIOD)
            .join(PROGRAMME, PROGRAMME.c.programme_id == PERIOD.c.programme_id)
            .where(PROGRAMME.c.name == programme, PERIOD.c.name == self.period)
        ).one_or_none()
        if found is None:
            raise NotFound(kind="period", id=self.period)
        return found


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
        end = Cut(period=period).resolve(tx, programme)
        assert end is not None
        return Stretch(_before(tx, programme, period), end)
    after = since.resolve(tx, programme) or 0
    end = until.resolve(tx, programme)
    end = extent(tx).newest if end is None else end
    if end < after:
        raise InvalidRequest([Violation("until", "expected an end that comes after the beginning")])
    return Stretch(after, end)


def _before(tx: sa.Connection, programme: str, period: str) -> int:
    """Where the period before the named one ends; 0 for the first."""
    named = (
        sa.select(PERIOD.c.programme_id, PERIOD.c.number)
        .join(PROGRAMME, PROGRAMME.c.programme_id == PERIOD.c.programme_id)
        .where(PROGRAMME.c.name == programme, PERIOD.c.name == period)
        .subquery("named")
    )
    found: int | None = tx.scalar(
        sa.select(PERIOD.c.position).join(
            named,
            (PERIOD.c.programme_id == named.c.programme_id)
            & (PERIOD.c.number == named.c.number - 1),
        )
    )
    return found or 0
