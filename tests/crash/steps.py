"""Steps of the engine that are killed; see `killing`. Arguments are texts, as of a command line."""

from __future__ import annotations

import sqlalchemy as sa

from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Unit

UNIT = table_of(Unit)


def name_three_units(url: str) -> None:
    """Three transactions of two rows each."""
    store = Store.open(url)
    for number in (1, 3, 5):
        with store.write() as tx:
            tx.execute(sa.insert(UNIT).values(unit_id=number, name=f"unit {number}"))
            tx.execute(sa.insert(UNIT).values(unit_id=number + 1, name=f"unit {number + 1}"))
    store.close()
