"""Closing periods: a cut through the journal that freezes what lies before it.

A close stops nobody. It names the last position that belongs to the period, and keeps what every
account amounted to there. Blocks are only ever added after that, so what a closed period says
cannot change; what is committed later belongs to a later period, whatever day it names.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from handback.clock import Clock
from handback.errors import AlreadyExists, InvalidRequest, PeriodClosed, Violation
from handback.journal.read import extent
from handback.journal.sequence import sequence_blocks
from handback.ledger.cuts import NOW, Cut, closed_periods
from handback.ledger.snapshots import ACCOUNT, KEPT, newest, postings, summed
from handback.partners.queries import number_of_programme
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Period, PeriodBalance, Programme

PERIOD, PERIOD_BALANCE = table_of(Period), table_of(PeriodBalance)
PROGRAMME = table_of(Programme)

MAX_NAME: Final = 63


@dataclass(frozen=True, slots=True)
class PeriodView:
    """A closed period: the blocks after `after_position`, up to and with `position`.

    `cut_at` is the instant that the cut stands for, `closed_at` when and `actor` by whom it was
    made.
    """

    programme: str
    number: int
    name: str
    after_position: int
    position: int
    cut_at: datetime
    closed_at: datetime
    actor: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The period that was closed; `replayed` where it was closed just so before."""

    period: PeriodView
    replayed: bool = False


def close(
    store: Store, clock: Clock, programme: str, name: str, actor: str, cut: Cut = NOW
) -> Closed:
    """Close the period that follows the last one, at a cut, or now.

    Closing it once more under its name and with the same cut gives the first answer.

    Raises InvalidRequest for a name or an instant that cannot be, NotFound for an unknown
    programme, AlreadyExists where the name has another cut, PeriodClosed where the cut lies in a
    period that is closed, and what `Cut.resolve` does.
    """
    now = clock.now()
    _check(name, cut, now)
    sequence_blocks(store)  # what was committed before belongs to it
    with store.write() as tx:
        store.dialect.serialise(tx, "periods")
        programme_id = number_of_programme(tx, programme)
        position = cut.resolve(tx, programme)
        if (before := _named(tx, programme, name)) is not None:
            if position is not None and position != before.position:
                raise AlreadyExists(kind="period", id=name)
            return Closed(before, replayed=True)
        if position is None:
            position = extent(tx).newest
        number = _number_after(tx, programme_id, position)
        row: dict[str, object] = {
            "programme_id": programme_id,
            "number": number,
            "name": name,
            "position": position,
            "cut_at": cut.moment(tx, programme) or now,
            "closed_at": now,
            "actor": actor,
        }
        tx.execute(sa.insert(PERIOD).values(row))
        _freeze(tx, programme_id, number, position)
        made = _named(tx, programme, name)
        assert made is not None
        return Closed(made)


def page(tx: sa.Connection, programme: str, after: int, size: int) -> list[PeriodView]:
    """Up to `size` periods of a programme with a number above `after`, in their order.

    Raises NotFound for a programme that does not exist.
    """
    programme_id = number_of_programme(tx, programme)
    selected = closed_periods().where(
        PERIOD.c.programme_id == programme_id, PERIOD.c.number > after
    )
    return [_view(row) for row in tx.execute(selected.order_by(PERIOD.c.number).limit(size))]


def _check(name: str, cut: Cut, now: datetime) -> None:
    cut.check("cut")
    mistakes = []
    if not (name.strip() and name.isprintable() and len(name) <= MAX_NAME):
        expected = f"expected one line of 1 to {MAX_NAME} characters"
        mistakes.append(Violation("name", expected))
    if cut.at is not None and cut.at > now:
        mistakes.append(Violation("at", "expected an instant that has passed"))
    if cut.period:
        mistakes.append(Violation("cut", "expected a position or an instant, or nothing for now"))
    if mistakes:
        raise InvalidRequest(mistakes)


def _number_after(tx: sa.Connection, programme_id: int, position: int) -> int:
    """The number of the next period. Raises PeriodClosed where its end lies in an earlier one."""
    last = tx.execute(
        sa.select(PERIOD)
        .where(PERIOD.c.programme_id == programme_id)
        .order_by(PERIOD.c.number.desc())
        .limit(1)
    ).one_or_none()
    if last is None:
        return 1
    if position < last.position:
        raise PeriodClosed(period=last.name, position=last.position, cut=position)
    number: int = last.number
    return number + 1


def _freeze(tx: sa.Connection, programme_id: int, number: int, position: int) -> None:
    """Keep what every account of a programme amounts to at a position."""
    posted = postings(tx, newest(tx, position), position)
    rows = summed(posted, programme_id=programme_id).add_columns(sa.literal(number, sa.Integer))
    tx.execute(sa.insert(PERIOD_BALANCE).from_select([*ACCOUNT, *KEPT, "number"], rows))


def _named(tx: sa.Connection, programme: str, name: str) -> PeriodView | None:
    selected = closed_periods().where(PROGRAMME.c.name == programme, PERIOD.c.name == name)
    row = tx.execute(selected).one_or_none()
    return None if row is None else _view(row)


def _view(row: sa.Row[Any]) -> PeriodView:
    return PeriodView(
        programme=row.programme,
        number=row.number,
        name=row.name,
        after_position=row.after_position,
        position=row.position,
        cut_at=row.cut_at,
        closed_at=row.closed_at,
        actor=row.actor,
    )
