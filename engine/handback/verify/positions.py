"""Law 6: the order of the journal."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from handback.ids import Prefix, public_id
from handback.store.bulk import Dialect, table_of
from handback.store.tables import Block
from handback.verify.law import Broken, Law

BLOCK = table_of(Block)


class Positions(Law):
    """Law 6."""

    number = 6
    text = "Every block is sequenced exactly once, and positions are dense."
    unit = "positions"

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self._serial = dialect.serial_commits

    def close(self, tx: sa.Connection) -> Iterator[Broken]:
        """Positions that do not follow the one before; blocks without one where none may be.

        Where blocks are sequenced after their commit, those under way have no position yet.
        """
        before = sa.func.lag(BLOCK.c.position, 1, 0).over(order_by=BLOCK.c.position)
        placed = sa.select(BLOCK.c.block_id, BLOCK.c.position, before.label("before"))
        steps = placed.where(BLOCK.c.position.is_not(None)).subquery("steps")
        counted = sa.select(sa.func.count()).where(BLOCK.c.position.is_not(None))
        self.checked = tx.scalars(counted).one()
        torn = sa.select(steps).where(steps.c.position != steps.c.before + 1)
        for row in tx.execute(torn.order_by(steps.c.position)):
            what = "the position is taken twice"
            if row.position != row.before:
                what = f"the position does not follow {row.before}"
            yield self._broken(what, row.block_id, position=row.position)
        if self._serial:
            unplaced = sa.select(BLOCK.c.block_id).where(BLOCK.c.position.is_(None))
            for block_id in tx.scalars(unplaced.order_by(BLOCK.c.block_id)):
                yield self._broken("the block has no position", block_id)

    def _broken(self, what: str, block_id: int, **where: int) -> Broken:
        facts = {"block": public_id(Prefix.BLOCK, block_id)}
        return Broken(self.number, what, facts | {name: str(n) for name, n in where.items()})
