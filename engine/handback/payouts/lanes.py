"""Lanes: what of a partner goes out in files of its own, by unit and by the field that splits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.partners.registry import Terms
from handback.store.among import among
from handback.store.bulk import fetch_frame, table_of
from handback.store.json_text import text_in
from handback.store.tables import Due, Instant, MemberDetail

DETAIL, DUE = table_of(MemberDetail), table_of(Due)

Place = tuple[datetime, int]
"""When a redemption is due, and its id."""

BY_PLACE: Final = (DUE.c.due_at, DUE.c.redemption_id)
_FROM_BEHIND: Final = tuple(column.desc() for column in BY_PLACE)
_here: Final = sa.tuple_(*BY_PLACE)
# Rows of the queue whose values are looked up at once.
_PAGE: Final = 50_000


@dataclass(frozen=True, slots=True)
class Lane:
    """What is due to a partner in one unit by an instant."""

    partner_id: int
    unit_id: int
    unit: str
    due_by: datetime

    @property
    def split_value(self) -> str | None:
        """What all in it have in the field that splits; None where none does."""
        return None

    def rows(self, after: Place | None = None, end: Place | None = None) -> sa.ColumnElement[bool]:
        """Which rows of the due queue stand in it, from behind one place up to another."""
        # One bound at each end: of two, a plan may walk up to the farther one.
        ends = DUE.c.due_at <= self.due_by if end is None else _here <= _place(end)
        own = (DUE.c.partner_id == self.partner_id) & (DUE.c.unit_id == self.unit_id) & ends
        return own if after is None else own & (_here > _place(after))

    def reach(self, tx: sa.Connection, after: Place | None, count: int) -> Place | None:
        """The place of the last of up to so many rows behind one, None where there is none."""
        places = sa.select(*BY_PLACE).where(self.rows(after))
        last = tx.execute(places.order_by(*BY_PLACE).offset(count - 1).limit(1)).one_or_none()
        last = last or tx.execute(places.order_by(*_FROM_BEHIND).limit(1)).one_or_none()
        return None if last is None else (last.due_at, last.redemption_id)


@dataclass(frozen=True, slots=True)
class SplitLane(Lane):
    """Of a lane, what has one value in the field that splits.

    Nothing in the queue says which that is. So it is looked up once, and kept as `waiting`: due_at
    and redemption_id in the order of the queue. Whatever has left the queue since, or is back there
    and due later, is not among its `rows`.
    """

    value: str
    waiting: pl.DataFrame = field(compare=False, repr=False)

    @property
    def split_value(self) -> str | None:
        """See `Lane.split_value`."""
        return self.value

    def rows(self, after: Place | None = None, end: Place | None = None) -> sa.ColumnElement[bool]:
        """See `Lane.rows`."""
        some = self._behind(after)
        if end is not None:
            some = some.remove(_is_behind(end))
        return among(DUE.c.redemption_id, some["redemption_id"]) & (DUE.c.due_at <= self.due_by)

    def reach(self, tx: sa.Connection, after: Place | None, count: int) -> Place | None:
        """See `Lane.reach`."""
        last = self._behind(after).head(count).tail(1)
        return next(last.iter_rows(), None)

    def _behind(self, place: Place | None) -> pl.DataFrame:
        return self.waiting if place is None else self.waiting.filter(_is_behind(place))


def is_due(tx: sa.Connection, terms: Terms, due_by: datetime) -> bool:
    """Whether anything is due to a partner by then."""
    return any(whole.reach(tx, None, 1) is not None for whole in _wholes(terms, due_by))


def lanes(tx: sa.Connection, terms: Terms, due_by: datetime) -> list[Lane]:
    """The lanes in which something is due by then; what waits longest is in the first."""
    split_by = terms.agreement.payout.split_by
    found: list[Lane] = []
    for whole in _wholes(terms, due_by):
        found += [whole] if split_by is None else _split(tx, whole, split_by)
    firsts = ((lane.reach(tx, None, 1), lane) for lane in found)
    waiting = [(place, lane) for place, lane in firsts if place is not None]
    return [lane for _, lane in sorted(waiting, key=lambda one: one[0])]


def _wholes(terms: Terms, due_by: datetime) -> Iterator[Lane]:
    for unit, unit_id in terms.unit_ids.items():
        yield Lane(terms.partner_id, unit_id, unit, due_by)


def _split(tx: sa.Connection, whole: Lane, split_by: str) -> Iterator[Lane]:
    """A lane for each value of the field that splits, one walk for all of them."""
    pages, after = [], None
    while (end := whole.reach(tx, after, _PAGE)) is not None:
        select = sa.select(*BY_PLACE, _says(split_by).label("value"))
        pages.append(fetch_frame(tx, select.where(whole.rows(after, end)).order_by(*BY_PLACE)))
        after = end
    if not pages:
        return
    values = pl.concat(pages).partition_by("value", as_dict=True, include_key=False)
    for (value,), waiting in values.items():
        yield SplitLane(
            whole.partner_id, whole.unit_id, whole.unit, whole.due_by, str(value), waiting
        )


def _says(field: str) -> sa.ColumnElement[str]:
    """What a row of the due queue has in a field; nothing where it was submitted without it."""
    # A scalar, which every plan looks up by its key: a join could walk all that is known of people.
    told = (
        sa.select(text_in(DETAIL.c.fields, field))
        .where(DETAIL.c.redemption_id == DUE.c.redemption_id)
        .correlate(DUE)
        .scalar_subquery()
    )
    return sa.func.coalesce(told, "")


def _place(place: Place) -> sa.Tuple:
    at, redemption_id = place
    return sa.tuple_(sa.literal(at, Instant), sa.literal(redemption_id, sa.BigInteger))


def _is_behind(place: Place) -> pl.Expr:
    at, redemption_id = place
    due_at = pl.col("due_at")
    return (due_at > at) | ((due_at == at) & (pl.col("redemption_id") > redemption_id))
