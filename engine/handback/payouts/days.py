"""What has gone to a partner on one of its days, and how much more may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from handback.errors import LimitReached
from handback.partners.agreement import Agreement
from handback.partners.registry import Terms
from handback.store.bulk import table_of
from handback.store.tables import PayoutBatch

BATCH = table_of(PayoutBatch)


@dataclass(frozen=True, slots=True)
class Room:
    """How much the next file may hold at most; any quantity where that is None."""

    records: int
    quantity: int | None


@dataclass(frozen=True, slots=True)
class Day:
    """The batches of a partner's day but for recalled ones, as far as they count.

    `quantities` are by unit. `ordinal` is the number of the day's next file, recalled ones counted,
    so that no name is given twice.
    """

    agreement: Agreement
    on: date
    files: int
    records: int
    quantities: Mapping[int, int]
    ordinal: int

    def room(self, unit_id: int) -> Room:
        """The room there is for the next file. Raises LimitReached where there is none."""
        payout = self.agreement.payout
        records, quantity = [payout.max_records], []
        if payout.day_records is not None:
            records.append(payout.day_records - self.records)
        if payout.max_quantity is not None:
            quantity.append(payout.max_quantity)
        if payout.day_quantity is not None:
            quantity.append(max(payout.day_quantity - self.quantities.get(unit_id, 0), 0))
        room = Room(min(records), min(quantity, default=None))
        if self._has_its_files or room.records <= 0 or room.quantity == 0:
            raise self.full()
        return room

    def check(self) -> None:
        """Raise LimitReached where nothing more may go that day, in whatever unit."""
        most = self.agreement.payout.day_records
        if self._has_its_files or (most is not None and self.records >= most):
            raise self.full()

    @property
    def _has_its_files(self) -> bool:
        most = self.agreement.payout.files_per_day
        return most is not None and self.files >= most

    def full(self) -> LimitReached:
        """What is raised where the day's limits leave no room."""
        return LimitReached(f"what {self.agreement.partner} takes on {self.on}")


def day_of(tx: sa.Connection, terms: Terms, due_by: datetime) -> Day:
    """The partner's day in which an instant lies, as its batches stand.

    A batch belongs to the day of its cut-off, whenever it came to be gathered.
    """
    agreement = terms.agreement
    begins_at, ends_at = agreement.calendar.day_of(due_by)
    select = (
        sa.select(
            BATCH.c.unit_id,
            sa.func.count().label("ordinals"),
            sa.func.count().filter(BATCH.c.recalled_at.is_(None)).label("files"),
            _sum_of(BATCH.c.record_count).label("records"),
            _sum_of(BATCH.c.quantity).label("quantity"),
        )
        .where(BATCH.c.partner_id == terms.partner_id)
        .where(BATCH.c.due_by >= begins_at, BATCH.c.due_by < ends_at)
        .group_by(BATCH.c.unit_id)
    )
    rows = tx.execute(select).all()
    return Day(
        agreement,
        agreement.calendar.date_of(due_by),
        files=sum(row.files for row in rows),
        records=sum(int(row.records) for row in rows),
        quantities={row.unit_id: int(row.quantity) for row in rows},
        ordinal=sum(row.ordinals for row in rows) + 1,
    )


def _sum_of(column: sa.Column[int]) -> sa.ColumnElement[int]:
    counted = sa.case((BATCH.c.recalled_at.is_(None), column), else_=0)
    return sa.func.coalesce(sa.func.sum(counted), 0)
