"""Reads: how long each takes on a small database, and on one with many finished redemptions."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import sqlalchemy as sa

from handback.breaks import queries as breaks
from handback.breaks.queries import BreakFilter
from handback.journal.read import extent
from handback.ledger import queries as ledger
from handback.ledger.queries import BalanceFilter
from handback.redemptions import queries as redemptions
from handback.redemptions.queries import RedemptionFilter
from handback.store.session import Store
from handback_server.bench.apart import apart
from handback_server.bench.engine import MEMBERS, PROGRAMME, engine
from handback_server.bench.ground import Ground, Place
from handback_server.bench.grown import grown, load

_CALLS: Final = 2_000
_WARM_UP: Final = 100
_PAGE: Final = 101  # a page of the default size, and one more to see whether another follows

# Does one read, with numbers of its own choice.
Read = Callable[[sa.Connection, random.Random], object]


def reads(ground: Ground, records: int, order: str) -> Mapping[str, object]:
    """Time every read, one after the other; `order` means nothing here."""
    with ground.place("small") as place:
        apart(load, place, records)
        told: dict[str, object] = {"records": records, **apart(_timed, place)}
    if ground.grown:
        with grown(ground) as place:
            large = apart(_timed, place)
        told["grown"] = ground.grown
        told |= {f"grown_{name}": value for name, value in large.items()}
    return told


def _timed(place: Place) -> dict[str, float]:
    """Median and 99th percentile of each read, in milliseconds."""
    told: dict[str, float] = {}
    with engine(place) as ours:
        for name, read in _reads(ours.store).items():
            taken = _times(ours.store, read)
            for percent in (50, 99):
                told[f"{name}_p{percent}_ms"] = float(np.percentile(taken, percent) * 1_000)
    return told


def _times(store: Store, read: Read) -> list[float]:
    chance = random.Random(1)
    taken = []
    for _ in range(_WARM_UP + _CALLS):
        began = time.perf_counter()
        with store.read() as tx:
            read(tx, chance)
        taken.append(time.perf_counter() - began)
    return taken[_WARM_UP:]


def _reads(store: Store) -> Mapping[str, Read]:
    with store.read() as tx:
        table = redemptions.REDEMPTION.c.redemption_id
        last = tx.scalars(sa.select(sa.func.max(table))).one()
        newest = extent(tx).newest

    def some_id(chance: random.Random) -> int:
        return chance.randint(1, last)

    return {
        "get": lambda tx, chance: redemptions.get(tx, PROGRAMME, some_id(chance)),
        "history": lambda tx, chance: redemptions.history(tx, PROGRAMME, some_id(chance)),
        "page": lambda tx, chance: redemptions.page(
            tx, RedemptionFilter(PROGRAMME), some_id(chance), _PAGE
        ),
        "member": lambda tx, chance: redemptions.page(
            tx, RedemptionFilter(PROGRAMME, member_ref=_member(chance)), 0, _PAGE
        ),
        "breaks": lambda tx, chance: breaks.page(tx, BreakFilter(PROGRAMME), 0, _PAGE),
        "balances": lambda tx, chance: ledger.page(tx, BalanceFilter(PROGRAMME)),
        "balances_at": lambda tx, chance: ledger.page(
            tx, BalanceFilter(PROGRAMME, at_position=chance.randint(0, newest))
        ),
    }


def _member(chance: random.Random) -> str:
    return f"M{chance.randrange(MEMBERS):08}"
