"""A transaction is there wholly or not at all, wherever its process is killed."""

from __future__ import annotations

import sqlalchemy as sa

from crash.steps import UNIT
from handback.store.session import Store
from killing import moments


def test_a_killed_process_leaves_whole_transactions(store_url: str, store: Store) -> None:
    left = {}
    for moment in moments("crash.steps:name_three_units", store_url):
        with store.write() as tx:
            left[str(moment)] = tx.scalar(sa.select(sa.func.count()).select_from(UNIT))
            tx.execute(sa.delete(UNIT))
    assert left == {
        "moment 1, before commit": 0,
        "moment 2, before commit": 2,
        "moment 3, before commit": 4,
    }
    with store.read() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(UNIT)) == 6
