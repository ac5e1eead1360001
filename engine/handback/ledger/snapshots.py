"""Balances kept every so many blocks, so that reading one does not add up the whole journal.

A snapshot at a position is the one before it and what the blocks in between moved; a milestone
beside it says how late it was by then. Blocks keep the positions they were given, so a snapshot is
right for ever, whoever writes it; what any of them says can be counted again from the journal, and
`handbackd verify` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from handback.ledger import instants
from handback.ledger.instants import MILESTONE
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import BalanceSnapshot, Block, BlockTotal

BLOCK, TOTAL, SNAPSHOT = table_of(Block), table_of(BlockTotal), table_of(BalanceSnapshot)

# Blocks from one snapshot to the next. So many are added up in a millisecond or two, and a journal
# of a million blocks has a thousand snapshots.
EVERY: Final = 1_000

ACCOUNT: Final = ("programme_id", "partner_id", "unit_id", "account")

# What is kept of an account: how much stands there, and how many redemptions.
KEPT: Final = ("quantity", "redemptions")

_MOVED = sa.select(
    *(TOTAL.c[name] for name in ACCOUNT), TOTAL.c.delta.label("quantity"), TOTAL.c.redemptions
).join(BLOCK, BLOCK.c.block_id == TOTAL.c.block_id)


def roll_up(store: Store, every: int = EVERY) -> bool:
    """Write the next snapshot if its position has been given; whether it was."""
    with store.read() as tx:
        if not _due(tx, every):
            return False
    with store.write() as tx:
        store.dialect.serialise(tx, "balances")
        if not _due(tx, every):
            return False  # another process was first
        before = newest(tx)
        position = before + every
        rows = summed(postings(tx, before, position)).add_columns(
            sa.literal(position, sa.BigInteger)
        )
        tx.execute(sa.insert(SNAPSHOT).from_select([*ACCOUNT, *KEPT, "position"], rows))
        reached = instants.instant_at(tx, position)
        tx.execute(sa.insert(MILESTONE).values(position=position, latest_at=reached))
    return True


def newest(tx: sa.Connection, at_position: int | None = None) -> int:
    """The position of the newest snapshot, up to and with `at_position`; 0 where there is none."""
    found = sa.select(sa.func.coalesce(sa.func.max(MILESTONE.c.position), 0))
    if at_position is not None:
        found = found.where(MILESTONE.c.position <= at_position)
    position: int = tx.scalars(found).one()
    return position


def postings(tx: sa.Connection, snapshot: int, at_position: int | None) -> sa.CompoundSelect[Any]:
    """Rows of `ACCOUNT` and `KEPT` that add up to the balances right after `at_position`.

    They are those of the snapshot at that position (0 is the empty one) and of each block since.
    Without `at_position` everything committed counts, in the journal's order already or not.
    """
    kept = sa.select(*(SNAPSHOT.c[name] for name in (*ACCOUNT, *KEPT)))
    until = _given(tx) if at_position is None else at_position
    parts = [kept.where(SNAPSHOT.c.position == snapshot), moved(tx, snapshot, until)]
    if at_position is None:
        parts.append(_MOVED.where(BLOCK.c.position.is_(None)))
    return sa.union_all(*parts)


def moved(tx: sa.Connection, after: int, until: int) -> sa.Select[Any]:
    """Rows of `ACCOUNT` and `KEPT`: what each block after one position moved, up to another."""
    placed = BLOCK.c.position > after, BLOCK.c.position <= until
    # Totals are found by a range of block ids, which follow positions but for a few; looked up one
    # by one, or joined as a whole, they would take several times as long. Nothing is added to the
    # ids but the certainty that no plan looks for the ends of all ids first.
    block_id = BLOCK.c.block_id + 0
    ends = sa.select(sa.func.min(block_id), sa.func.max(block_id)).where(*placed)
    first, last = tx.execute(ends).one()
    return _MOVED.where(*placed, TOTAL.c.block_id.between(first, last))


def summed(
    posted: sa.Select[Any] | sa.CompoundSelect[Any], by: Sequence[str] = ACCOUNT, **wanted: int
) -> sa.Select[Any]:
    """What rows of `ACCOUNT` and `KEPT` add up to by some columns of `ACCOUNT`.

    `wanted` gives the columns of which only one value counts.
    """
    rows = posted.subquery("posted")
    key = [rows.c[name] for name in by]
    sums = (sa.func.sum(rows.c[name]).label(name) for name in KEPT)
    conditions = (rows.c[name] == value for name, value in wanted.items())
    return sa.select(*key, *sums).where(*conditions).group_by(*key)


def _given(tx: sa.Connection) -> int:
    """The newest position; 0 where there is none."""
    given: int | None = tx.scalar(sa.select(sa.func.max(BLOCK.c.position)))
    return given or 0


def _due(tx: sa.Connection, every: int) -> bool:
    return _given(tx) >= newest(tx) + every
