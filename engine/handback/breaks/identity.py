"""Which breaks are there already: the same is said only once, unless what was accepted has changed.

A break keeps its identity whatever file, chunk or order its record comes in, and whether it was
closed since. What a person has accepted is asked anew once its redemption has moved on: the record
that says it again opens another break, named after the one that lapsed. So does what is kept from
leaving once more, however the break about that was closed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import polars as pl
import sqlalchemy as sa

from handback.breaks.kinds import KEEPING, LAPSING
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Break, Redemption

BREAK, REDEMPTION = table_of(Break), table_of(Redemption)


class Known(NamedTuple):
    """Of some identities, those whose break is there, and new ones for those that have lapsed."""

    there: list[bytes]
    renewed: Mapping[bytes, bytes]


def known(store: Store, tx: sa.Connection, partner_id: int, identities: pl.Series) -> Known:
    """What there is of these identities (Binary) among the breaks of a partner."""
    there: list[bytes] = []
    names: dict[bytes, bytes] = {}
    asked = {one: one for one in identities.unique()}
    while asked:
        found = dict(_found(store, tx, partner_id, sorted(asked)))
        there += (asked[now] for now, lapsed in found.items() if lapsed is None)
        renewed = {_renewed(now, lapsed): asked[now] for now, lapsed in found.items() if lapsed}
        for now in asked.keys() - found.keys():
            if asked[now] != now:
                names[asked[now]] = now
        asked = renewed
    return Known(there, names)


def _found(
    store: Store, tx: sa.Connection, partner_id: int, identities: list[bytes]
) -> Iterator[tuple[bytes, int | None]]:
    """Those that are breaks, each with its id where what was accepted of it has lapsed."""
    frame = pl.DataFrame({"identity": identities}, schema={"identity": pl.Binary})
    stage = store.dialect.stage(tx, "identities", frame)
    of_partner = (BREAK.c.identity == stage.c.identity) & (BREAK.c.partner_id == partner_id)
    accepted = BREAK.c.resolution.in_([int(one) for one in LAPSING]) | BREAK.c.kind.in_(
        [int(one) for one in KEEPING]
    )
    moved = REDEMPTION.c.version != BREAK.c.closed_version
    lapsed = sa.case((accepted & moved, BREAK.c.break_id))
    # Outer joins, so that no plan begins with the breaks.
    selected = sa.select(BREAK.c.identity, lapsed).select_from(
        stage.outerjoin(BREAK, of_partner).outerjoin(
            REDEMPTION, REDEMPTION.c.redemption_id == BREAK.c.redemption_id
        )
    )
    for identity, break_id in tx.execute(selected):
        if identity is not None:
            yield identity, break_id


def _renewed(identity: bytes, lapsed: int) -> bytes:
    return hashlib.sha256(identity + str(lapsed).encode()).digest()
