"""Law 8 of verify: what is found where it waits is what the ledger holds."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from engine.test_verify import BREAK, DUE, NOW, TOTAL, Spoiling, redemption, spoilt, told
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import PayoutBatch

__all__ = ["told"]

BATCH = table_of(PayoutBatch)
SPOILT: dict[str, Spoiling] = {
    "nothing is due": lambda ids: sa.delete(DUE),
    "a batch is settled": lambda ids: sa.update(BATCH).values(settled_at=NOW),
    "a break is closed": lambda ids: sa.update(BREAK).values(closed_at=NOW),
    "a held quantity": redemption("rejected", held=9),
    "a delta": lambda ids: (
        sa.update(TOTAL).where(TOTAL.c.block_id == 17).values(delta=TOTAL.c.delta * 2)
    ),
    "a count": lambda ids: (
        sa.update(TOTAL).where(TOTAL.c.block_id == 17).values(redemptions=TOTAL.c.redemptions + 1)
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_not_found_or_not_held_is_told(
    store: Store, told: dict[str, int], name: str
) -> None:
    report = spoilt(store, SPOILT[name](told))
    (verdict,) = (one for one in report.verdicts if one.law == 8)
    assert verdict.broken, report
    for breach in verdict.shown:
        assert breach.where["programme"] == "aurora"
        assert breach.where["stored"] != breach.where["counted"]
