"""Reading balances, as of now or as of any position of the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from handback.errors import CursorAhead
from handback.journal.read import extent
from handback.ledger.accounts import Balance
from handback.ledger.snapshots import newest, postings
from handback.ledger.whose import whose
from handback.lifecycle.table import Account
from handback.store.bulk import table_of
from handback.store.tables import Partner, Programme, Unit

PARTNER, PROGRAMME, UNIT = table_of(Partner), table_of(Programme), table_of(Unit)
# Of which accounts the redemptions are counted, and how the count is called.
_STANDING = {"open_redemptions": Account.HELD, "confirmed_redemptions": Account.FULFILLED}


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

    A partner and unit without any posting has no balance. Raises NotFound for the programme or
    its partner, CursorAhead where `at_position` lies after the newest position.
    """
    totals = _totals(tx, wanted).subquery("totals")
    selected = (
        sa.select(
            PROGRAMME.c.name.label("programme"),
            PARTNER.c.name.label("partner"),
            UNIT.c.name.label("unit"),
            *(totals.c[str(account)] for account in Account),
            *(totals.c[name] for name in _STANDING),
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
    if wanted.at_position is not None:
        position = extent(tx).newest
        if wanted.at_position > position:
            raise CursorAhead(cursor=wanted.at_position, position=position)
    snapshot = newest(tx, wanted.at_position)
    posted = postings(tx, snapshot, wanted.at_position).subquery("posted")
    ours = whose(tx, wanted.programme, wanted.partner, wanted.unit)
    owner = (posted.c.programme_id, posted.c.partner_id, posted.c.unit_id)
    sums = [_sum_of(posted, account, "quantity").label(str(account)) for account in Account]
    for name, account in _STANDING.items():
        sums.append(_sum_of(posted, account, "redemptions").label(name))
    return sa.select(*owner, *sums).where(*ours.conditions(posted.c)).group_by(*owner)


def _sum_of(posted: sa.Subquery, account: Account, name: str) -> sa.ColumnElement[int]:
    moved = sa.case((posted.c.account == int(account), posted.c[name]), else_=0)
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
        variance=int(row.variance),
        written_off=int(row.written_off),
        open_redemptions=int(row.open_redemptions),
        confirmed_redemptions=int(row.confirmed_redemptions),
    )
