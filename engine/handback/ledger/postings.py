"""The postings behind every figure of the ledger, page by page: events that moved value.

A posting is named by its redemption and version, and carries the file and line that caused it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from handback.ledger.accounts import EVENT, side, triggers_on
from handback.ledger.cuts import Stretch
from handback.ledger.whose import Whose, whose
from handback.lifecycle.table import Account, Trigger
from handback.store.bulk import table_of
from handback.store.tables import Block, BlockTotal, Partner, Redemption, Unit

BLOCK, TOTAL, REDEMPTION = table_of(Block), table_of(BlockTotal), table_of(Redemption)
PARTNER, UNIT = table_of(Partner), table_of(Unit)

# Of a page; blocks that hold nothing wanted are few, since their totals name the accounts.
_MAX_BLOCKS: Final = 1_000

Place = tuple[int, int, int]
"""Position, redemption and version."""
START: Final[Place] = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class PostingFilter:
    """Which postings of a programme are wanted; what is None or empty does not narrow.

    `accounts` lets those through that debit or credit one of them.
    """

    programme: str
    stretch: Stretch
    partner: str | None = None
    unit: str | None = None
    member_ref: str | None = None
    accounts: Sequence[Account] = ()


@dataclass(frozen=True, slots=True)
class Posting:
    """So much left one account and entered another, by one event."""

    redemption_id: int
    version: int
    partner: str
    unit: str
    member_ref: str
    trigger: Trigger
    debit: Account
    credit: Account
    quantity: int
    position: int
    committed_at: datetime
    file_id: int | None
    ordinal: int | None

    @property
    def place(self) -> Place:
        """Where a page goes on after it."""
        return self.position, self.redemption_id, self.version


def page(
    tx: sa.Connection, wanted: PostingFilter, after: Place = START, size: int = 1_000
) -> list[Posting]:
    """Up to `size` postings that follow a place, in the journal's order.

    Raises NotFound for the programme or its partner.
    """
    ours = whose(tx, wanted.programme, wanted.partner, wanted.unit)
    conditions = _conditions(wanted, ours)
    if wanted.member_ref is not None:
        return _read(tx, wanted, conditions, after, size)
    found: list[Posting] = []
    while len(found) < size:
        blocks = _blocks(tx, wanted, ours, after, size - len(found))
        if not blocks:
            break
        within = EVENT.c.block_id.in_([block_id for block_id, _ in blocks])
        found += _read(tx, wanted, [*conditions, within], after, size - len(found))
        after = (blocks[-1][1] + 1, 0, 0)
    return found


def posted_events(wanted: PostingFilter, ours: Whose) -> sa.Select[Any]:
    """The events behind the postings of a stretch, beside their redemptions and blocks."""
    return (
        sa.select(EVENT.c.redemption_id)
        .join(REDEMPTION, REDEMPTION.c.redemption_id == EVENT.c.redemption_id)
        .join(BLOCK, BLOCK.c.block_id == EVENT.c.block_id)
        .where(BLOCK.c.position > wanted.stretch.after)
        .where(BLOCK.c.position <= wanted.stretch.until)
        .where(*_conditions(wanted, ours))
    )


def _conditions(wanted: PostingFilter, ours: Whose) -> list[sa.ColumnElement[bool]]:
    accounts = list(wanted.accounts or Account)
    conditions = [
        *ours.conditions(REDEMPTION.c),
        EVENT.c.trigger.in_(triggers_on(*accounts)),
        side(EVENT.c, "debit").in_(accounts) | side(EVENT.c, "credit").in_(accounts),
    ]
    if wanted.member_ref is not None:
        conditions.append(REDEMPTION.c.member_ref == wanted.member_ref)
    return conditions


def touching(wanted: PostingFilter, ours: Whose) -> list[sa.ColumnElement[bool]]:
    """Which totals are of blocks in which some of the postings may be."""
    accounts = [TOTAL.c.account.in_(list(wanted.accounts))] if wanted.accounts else []
    return [*ours.conditions(TOTAL.c), *accounts]


def _blocks(
    tx: sa.Connection, wanted: PostingFilter, ours: Whose, after: Place, size: int
) -> list[tuple[int, int]]:
    """The next blocks (id, position) that touch what is wanted: as many as may fill a page."""
    touched = sa.exists().where(TOTAL.c.block_id == BLOCK.c.block_id, *touching(wanted, ours))
    begin = max(wanted.stretch.after + 1, after[0])
    selected = (
        sa.select(BLOCK.c.block_id, BLOCK.c.position, BLOCK.c.event_count)
        .where(BLOCK.c.position >= begin, BLOCK.c.position <= wanted.stretch.until, touched)
        .order_by(BLOCK.c.position)
        .limit(_MAX_BLOCKS)
    )
    found, events = [], 0
    for row in tx.execute(selected):
        found.append((row.block_id, row.position))
        events += row.event_count
        if events >= size:
            break
    return found


def _read(
    tx: sa.Connection,
    wanted: PostingFilter,
    conditions: Sequence[sa.ColumnElement[bool]],
    after: Place,
    size: int,
) -> list[Posting]:
    place = (BLOCK.c.position, EVENT.c.redemption_id, EVENT.c.version)
    selected = (
        sa.select(
            EVENT,
            side(EVENT.c, "debit").label("debit"),
            side(EVENT.c, "credit").label("credit"),
            BLOCK.c.position,
            BLOCK.c.committed_at,
            REDEMPTION.c.member_ref,
            PARTNER.c.name.label("partner"),
            UNIT.c.name.label("unit"),
        )
        .join(REDEMPTION, REDEMPTION.c.redemption_id == EVENT.c.redemption_id)
        .join(BLOCK, BLOCK.c.block_id == EVENT.c.block_id)
        .join(PARTNER, PARTNER.c.partner_id == REDEMPTION.c.partner_id)
        .join(UNIT, UNIT.c.unit_id == REDEMPTION.c.unit_id)
        .where(BLOCK.c.position > wanted.stretch.after)
        .where(BLOCK.c.position <= wanted.stretch.until)
        .where(*conditions)
        .where(sa.tuple_(*place) > sa.tuple_(*(sa.literal(n, sa.BigInteger) for n in after)))
        .order_by(*place)
        .limit(size)
    )
    return [_posting(row) for row in tx.execute(selected)]


def _posting(row: sa.Row[Any]) -> Posting:
    return Posting(
        redemption_id=row.redemption_id,
        version=row.version,
        partner=row.partner,
        unit=row.unit,
        member_ref=row.member_ref,
        trigger=Trigger(row.trigger),
        debit=Account(row.debit),
        credit=Account(row.credit),
        quantity=row.quantity,
        position=row.position,
        committed_at=row.committed_at,
        file_id=row.file_id,
        ordinal=row.ordinal,
    )
