"""Proof that the laws of the journal hold on what is stored, on a live database, at any time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from handback.store.bulk import Dialect
from handback.store.session import Store
from handback.verify.balances import Balances
from handback.verify.law import Broken, Law
from handback.verify.lives import Quantities, Steps
from handback.verify.owed import Owed
from handback.verify.positions import Positions
from handback.verify.queues import Queues
from handback.verify.runs import Runs
from handback.verify.totals import Totals
from handback.verify.walk import PAGE_EVENTS, pages

# Of each law's breaches so many are reported; all are counted.
SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one law: how much was `checked`, in `unit`s, and how much is broken."""

    law: int
    text: str
    unit: str
    checked: int
    broken: int
    shown: Sequence[Broken]


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on every law, in the order of their numbers."""

    verdicts: Sequence[Verdict]

    @property
    def holds(self) -> bool:
        """Whether no law is broken."""
        return not any(verdict.broken for verdict in self.verdicts)


def verify(store: Store) -> Report:
    """Check every law in one transaction that sees one state of the database and writes nothing.

    Memory is bounded by the page of events. Others may go on writing meanwhile.
    """
    with store.read() as tx:
        return examine(tx, store.dialect)


def examine(tx: sa.Connection, dialect: Dialect, page_events: int = PAGE_EVENTS) -> Report:
    """Check every law on what this transaction sees."""
    laws = (
        Steps(),
        Totals(),
        Quantities(),
        Runs(),
        Queues(),
        Positions(dialect),
        Balances(),
        Owed(),
    )
    counts: Counter[int] = Counter()
    shown: dict[int, list[Broken]] = {law.number: [] for law in laws}
    for breach in _breaches(tx, laws, page_events):
        counts[breach.law] += 1
        if counts[breach.law] <= SHOWN:
            shown[breach.law].append(breach)
    return Report(
        [
            Verdict(n := law.number, law.text, law.unit, law.checked, counts[n], shown[n])
            for law in laws
        ]
    )


def _breaches(tx: sa.Connection, laws: Sequence[Law], page_events: int) -> Iterator[Broken]:
    for page in pages(tx, page_events):
        for law in laws:
            yield from law.read(page)
    for law in laws:
        yield from law.close(tx)
