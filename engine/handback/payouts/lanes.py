"""Lanes: what of a partner goes out in files of its own, by unit and by the field that splits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from handback.partners.registry import Terms
from handback.store.bulk import table_of
from handback.store.json_text import text_in
from handback.store.tables import Due, MemberDetail

DETAIL, DUE = table_of(MemberDetail), table_of(Due)


@dataclass(frozen=True, slots=True)
class Lane:
    """What is due to a partner in one unit; of that, where `split_by` is a field, what has
    `split_value` there."""

    partner_id: int
    unit_id: int
    unit: str
    split_by: str | None = None
    split_value: str | None = None

    @property
    def rows(self) -> sa.ColumnElement[bool]:
        """Which rows of the due queue stand in it."""
        own = (DUE.c.partner_id == self.partner_id) & (DUE.c.unit_id == self.unit_id)
        return own if self.split_by is None else own & (_says(self.split_by) == self.split_value)


def lanes(tx: sa.Connection, terms: Terms, due_by: datetime) -> list[Lane]:
    """The lanes in which something is due by then; what waits longest is in the first."""
    if terms.agreement.payout.split_by is not None:
        return _split(tx, terms, terms.agreement.payout.split_by, due_by)
    found = []
    for unit, unit_id in terms.unit_ids.items():
        lane = Lane(terms.partner_id, unit_id, unit)
        due = sa.select(DUE.c.due_at).where(lane.rows, DUE.c.due_at <= due_by)
        first_at = tx.scalar(due.order_by(DUE.c.due_at).limit(1))
        if first_at is not None:
            found.append((first_at, unit, lane))
    return [lane for _, _, lane in sorted(found, key=lambda one: one[:2])]


def _split(tx: sa.Connection, terms: Terms, split_by: str, due_by: datetime) -> list[Lane]:
    value = _says(split_by).label("split_value")
    due = sa.select(DUE.c.unit_id, DUE.c.due_at, DUE.c.redemption_id, value).where(
        DUE.c.partner_id == terms.partner_id, DUE.c.due_at <= due_by
    )
    each = due.subquery("each")
    first = sa.func.min(each.c.due_at), sa.func.min(each.c.redemption_id)
    select = sa.select(each.c.unit_id, each.c.split_value).group_by(
        each.c.unit_id, each.c.split_value
    )
    units = {unit_id: unit for unit, unit_id in terms.unit_ids.items()}
    return [
        Lane(terms.partner_id, row.unit_id, units[row.unit_id], split_by, row.split_value)
        for row in tx.execute(select.order_by(*first))
        if row.unit_id in units
    ]


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
