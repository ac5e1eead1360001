"""Alarms: breaks that no record opened, about a partner or one of its files.

Each is told once, however often it is looked at, and closes by itself when what it is about is
mended.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from handback.breaks import resolve
from handback.breaks.kinds import BreakKind, Resolution
from handback.partners.codes import ReasonClass
from handback.partners.registry import Terms
from handback.store.session import Store


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is wrong: a kind of break, and the number or instant of what it is about.

    `quantity` is how much is at stake, None where nothing is known to be.
    """

    kind: BreakKind
    about: int | str
    facts: Mapping[str, str] = field(default_factory=dict)
    quantity: int | None = None

    @property
    def identity(self) -> bytes:
        """SHA-256 of what it says, whatever the facts and the quantity."""
        said = json.dumps(["alarm", int(self.kind), self.about])
        return hashlib.sha256(said.encode()).digest()


def sound(store: Store, tx: sa.Connection, terms: Terms, alarm: Alarm, at: datetime) -> bool:
    """Open the break of an alarm about a partner, unless it ever was; whether it is new."""
    if resolve.is_known(tx, terms.partner_id, alarm.identity):
        return False
    told: dict[str, object] = dict.fromkeys(resolve.OPENED)
    told |= {
        "break_id": store.take_ids("break", 1, tx)[0],
        "programme_id": terms.programme_id,
        "partner_id": terms.partner_id,
        "identity": alarm.identity,
        "kind": int(alarm.kind),
        "quantity": alarm.quantity,
        "reason_class": int(ReasonClass.NONE),
        "facts": json.dumps({**alarm.facts, "agreement_version": str(terms.version)}),
        "opened_at": at,
    }
    opened = pl.DataFrame([told], schema=resolve.OPENED)
    resolve.insert(store, tx, opened, terms.agreement)
    return True


def settle(
    tx: sa.Connection, partner_id: int, alarm: Alarm, actor: str, at: datetime, comment: str = ""
) -> None:
    """Close the break of an alarm, for what the comment says, where it is open."""
    settled = Resolution.SETTLED
    resolve.close_identity(tx, partner_id, alarm.identity, settled, actor, at, comment or None)
