"""What is owed: the quantity that open redemptions hold, by how long they have been open.

Lines add up to the account `held`, now and right after any position; `handbackd verify` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

import sqlalchemy as sa

from handback.ledger.accounts import Tally
from handback.ledger.ages import BUCKETS, youngest_end
from handback.ledger.outstanding import Open, OpenFilter, Standing
from handback.store.bulk import table_of
from handback.store.tables import Partner, Unit

PARTNER, UNIT = table_of(Partner), table_of(Unit)


class By(IntEnum):
    """What a line of the liability is about, in each unit."""

    PARTNER = 1
    BATCH = 2
    STANDING = 3
    MEMBER = 4

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Liability:
    """What one group of open redemptions holds; `buckets` go from the youngest to the oldest.

    `partner` is empty in lines of members, `standing` and `member_ref` in lines of others;
    `batch_id` is None outside lines of batches, and there for what is in no batch.
    """

    partner: str
    unit: str
    batch_id: int | None
    standing: Standing | None
    member_ref: str
    total: Tally
    buckets: Sequence[Tally]

    def place(self, by: By) -> list[str]:
        """Where a page of these lines may go on."""
        if by is By.MEMBER:
            return [str(self.total.quantity), self.member_ref, self.unit]
        return [self.partner, self.unit, str(self._key(by))]

    def _key(self, by: By) -> int:
        if by is By.BATCH:
            return self.batch_id or 0
        return int(self.standing or 0) if by is By.STANDING else 0


def liability(
    tx: sa.Connection,
    wanted: OpenFilter,
    by: By,
    at: datetime,
    days: Sequence[int] = BUCKETS,
    after: Sequence[str] = (),
    size: int = 1_000,
) -> list[Liability]:
    """Up to `size` lines that follow the place `after`.

    Ages are those at the instant `at`: a redemption is as many days old as have passed in whole
    since its submission. Lines go by partner, unit, and batch or standing; those of members by
    quantity, the largest first. Raises NotFound for the programme or its partner.
    """
    grouped = _grouped(Open(tx, wanted).every(), wanted, by, at, days).subquery("grouped")
    selected = sa.select(
        grouped, UNIT.c.name.label("unit"), _partner_name(by).label("partner")
    ).join(UNIT, UNIT.c.unit_id == grouped.c.unit_id)
    if by is not By.MEMBER:
        selected = selected.join(PARTNER, PARTNER.c.partner_id == grouped.c.partner_id)
    ordered = _ordered(selected, grouped, by, after).limit(size)
    return [_line(row, by, len(days) + 1) for row in tx.execute(ordered)]


def _grouped(
    found: sa.Subquery, wanted: OpenFilter, by: By, at: datetime, days: Sequence[int]
) -> sa.Select[Any]:
    """The sums by unit, and what a line is about."""
    groups: dict[By, list[sa.ColumnElement[Any]]] = {
        By.PARTNER: [found.c.partner_id],
        By.BATCH: [found.c.partner_id, sa.func.coalesce(found.c.batch_id, 0).label("key")],
        By.STANDING: [found.c.partner_id, found.c.standing.label("key")],
        By.MEMBER: [found.c.member_ref],
    }
    columns = [found.c.unit_id, *groups[by]]
    sums = [sa.func.count().label("count"), sa.func.sum(found.c.held).label("held")]
    for place, inside in enumerate(_ages(found.c.submitted_at, at, days)):
        sums.append(sa.func.count(sa.case((inside, 1))).label(f"count_{place}"))
        sums.append(sa.func.sum(sa.case((inside, found.c.held), else_=0)).label(f"held_{place}"))
    selected = sa.select(*columns, *sums).group_by(*columns)
    if wanted.batch_id is not None:
        selected = selected.where(found.c.batch_id == wanted.batch_id)
    if wanted.standing is not None:
        selected = selected.where(found.c.standing == int(wanted.standing))
    return selected


def _ages(
    submitted_at: sa.ColumnElement[datetime], at: datetime, days: Sequence[int]
) -> list[sa.ColumnElement[bool]]:
    """Whether a redemption is in each bucket."""
    ends = [youngest_end(at, day) for day in days]
    within = [submitted_at > end for end in ends]
    older = [sa.true(), *(submitted_at <= end for end in ends)]
    return [old & young for old, young in zip(older, [*within, sa.true()], strict=True)]


def _partner_name(by: By) -> sa.ColumnElement[str]:
    return sa.literal("", sa.Text) if by is By.MEMBER else PARTNER.c.name


def _ordered(
    selected: sa.Select[Any], grouped: sa.Subquery, by: By, after: Sequence[str]
) -> sa.Select[Any]:
    if by is By.MEMBER:
        order = [-grouped.c.held, grouped.c.member_ref, UNIT.c.name]
        place: list[object] = [-int(after[0]), *after[1:]] if after else []
    elif by is By.PARTNER:
        order, place = [PARTNER.c.name, UNIT.c.name], list(after[:2])
    else:
        order = [PARTNER.c.name, UNIT.c.name, grouped.c.key]
        place = [*after[:2], int(after[2])] if after else []
    if place:
        typed = [
            sa.literal(one, sa.BigInteger if isinstance(one, int) else sa.Text) for one in place
        ]
        selected = selected.where(sa.tuple_(*order) > sa.tuple_(*typed))
    return selected.order_by(*order)


def _line(row: sa.Row[Any], by: By, buckets: int) -> Liability:
    found = row._mapping
    return Liability(
        partner=found["partner"],
        unit=found["unit"],
        batch_id=(found["key"] or None) if by is By.BATCH else None,
        standing=Standing(found["key"]) if by is By.STANDING else None,
        member_ref=found["member_ref"] if by is By.MEMBER else "",
        total=Tally(found["count"], int(found["held"])),
        buckets=[
            Tally(found[f"count_{place}"], int(found[f"held_{place}"])) for place in range(buckets)
        ],
    )
