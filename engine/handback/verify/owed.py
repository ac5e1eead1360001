"""Law 8: what is owed, as reports of the liability find it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.journal.names import names
from handback.ledger.outstanding import Open, OpenFilter
from handback.ledger.snapshots import newest, postings, summed
from handback.lifecycle.table import Account
from handback.store.bulk import fetch_frame
from handback.verify.law import Broken, Law, breaches, compared

_KEY: Final = ("partner_id", "unit_id")
_FAULTS: Final = {
    "quantity": "what waits does not hold what the ledger holds",
    "redemptions": "what waits is not as many redemptions as the ledger counts",
}


class Owed(Law):
    """Law 8."""

    number = 8
    text = (
        "The open redemptions that are found where they wait hold what the ledger holds, "
        "and are as many."
    )
    unit = "accounts"

    def close(self, tx: sa.Connection) -> Iterator[Broken]:
        """Looks through the queues as the liability does, programme by programme."""
        for programme, programme_id in sorted(names(tx).programmes.items()):
            held = _held(tx, programme_id)
            self.checked += len(held)
            torn = compared(held, _found(tx, programme), _KEY, _FAULTS)
            named = torn.with_columns(programme=pl.lit(programme))
            yield from breaches(self.number, named, "programme", *_KEY, "stored", "counted")


def _held(tx: sa.Connection, programme_id: int) -> pl.DataFrame:
    """What the ledger holds for open redemptions, and for how many."""
    posted = postings(tx, newest(tx), None)
    held = summed(posted, _KEY, programme_id=programme_id, account=int(Account.HELD))
    return fetch_frame(tx, held)


def _found(tx: sa.Connection, programme: str) -> pl.DataFrame:
    """What open redemptions hold where they wait, and how many they are."""
    found = Open(tx, OpenFilter(programme)).every()
    whose = [found.c[name] for name in _KEY]
    held = sa.func.sum(found.c.held).label("quantity")
    count = sa.func.count().label("redemptions")
    return fetch_frame(tx, sa.select(*whose, held, count).group_by(*whose))
