"""A transaction is there wholly or not at all, wherever its process is killed."""

from __future__ import annotations

import sqlalchemy as sa

from crash.conftest import Copies
from crash.steps import UNIT
from handback.store.session import Store
from killing import Moment, Place, at_every_moment


def test_a_killed_process_leaves_whole_transactions(copies: Copies) -> None:
    left = {}

    def count(moment: Moment, place: Place) -> None:
        store = Store.open(place.url)
        with store.read() as tx:
            left[moment.number] = tx.scalar(sa.select(sa.func.count()).select_from(UNIT))
        store.close()

    tried = at_every_moment("crash.steps:name_three_units", copies, count)
    assert [moment.about_to for moment in tried] == ["commit"] * 3
    assert left == {1: 0, 2: 2, 3: 4}
