"""Reading balances, as of now or as of any position of the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from handback.errors import CursorAhead
from handback.journal.read import extent
from handback.ledger.accounts import Balance
from handback.lifecycle.table import Account
from handback.store.bulk import table_of
from handback.store.tables import Block, BlockTotal, Partner, Programme, Unit

BLOCK, TOTAL = table_of(Block), table_of(BlockTotal)
PARTNER, PROGRAMME, UNIT = table_of(Partner), table_of(Programme), table_of(Unit)


@dataclass(frozen=True, slots=True)
class BalanceFilter:
    """Which balances of a programme are wanted; what is None does not narrow.

    `at_position` asks for the balances right after the block there, None for those of everything
    committed.
    """

    programme: str
    partner: str | None = None
    unit: str | None = None
    at_position: int | None = None


def page(
    tx: sa.Connection, wanted: BalanceFilter, after: tuple[str, str] = ("", ""), size: int = 1_000
) -> list[Balance]:
    """Up to `size` balances that follow (partner, unit) `after`, by these names.

    A partner and unit without any posting has no balance. Raises CursorAhead where `at_position`
    lies after the newest position.
    """
    totals = _totals(tx, wanted).subquery("totals")
    selected = (
        sa.select(
            PROGRAMME.c.name.label("programme"),
            PARTNER.c.name.label("partner"),
            UNIT.c.name.label("unit"),
            *(totals.c[str(account)] for account in Account),
        )
        .join(PROGRAMME, PROGRAMME.c.programme_id == totals.c.programme_id)
        .join(PARTNER, PARTNER.c.partner_id == totals.c.partner_id)
        .join(UNIT, UNIT.c.unit_id == totals.c.unit_id)
        .where(sa.tuple_(PARTNER.c.name, UNIT.c.name) > sa.tuple_(*after))
        .order_by(PARTNER.c.name, UNIT.c.name)
        .limit(size)
    )
    return [_balance(row) for row in tx.execute(selected)]


def _totals(tx: sa.Connection, wanted: BalanceFilter) -> sa.Select[Any]:
    """One row per programme, partner and unit, one column per account."""
    programme = (
        sa.select(PROGRAMME.c.programme_id)
        .where(PROGRAMME.c.name == wanted.programme)
        .scalar_subquery()
    )
    whose = (TOTAL.c.programme_id, TOTAL.c.partner_id, TOTAL.c.unit_id)
    totals = (
        sa.select(*whose, *(_sum_of(account).label(str(account)) for account in Account))
        .where(TOTAL.c.programme_id == programme)
        .group_by(*whose)
    )
    if wanted.partner is not None:
        named = sa.select(PARTNER.c.partner_id).where(PARTNER.c.name == wanted.partner)
        totals = totals.where(TOTAL.c.partner_id.in_(named))
    if wanted.unit is not None:
        named = sa.select(UNIT.c.unit_id).where(UNIT.c.name == wanted.unit)
        totals = totals.where(TOTAL.c.unit_id.in_(named))
    if wanted.at_position is not None:
        newest = extent(tx).newest
        if wanted.at_position > newest:
            raise CursorAhead(cursor=wanted.at_position, position=newest)
        totals = totals.join(BLOCK, BLOCK.c.block_id == TOTAL.c.block_id).where(
            BLOCK.c.position <= wanted.at_position
        )
    return totals


def _sum_of(account: Account) -> sa.ColumnElement[int]:
    moved = sa.case((TOTAL.c.account == int(account), TOTAL.c.delta), else_=0)
    return sa.func.sum(moved)


def _balance(row: sa.Row[Any]) -> Balance:
    # Sums are decimals on PostgreSQL.
    return Balance(
        programme=row.programme,
        partner=row.partner,
        unit=row.unit,
        member=int(row.member),
        held=int(row.held),
        fulfilled=int(row.fulfilled),
    )
