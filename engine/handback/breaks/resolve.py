"""Opening and closing breaks, always inside the transaction of what caused it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from handback.breaks import queries
from handback.breaks.kinds import HOLDING, Resolution
from handback.errors import BreakClosed, BreakHoldsRedemption, InvalidRequest, Violation
from handback.ids import Prefix, public_id
from handback.lifecycle.table import State
from handback.store import requests
from handback.store.bulk import INSTANT, table_of
from handback.store.requests import Command
from handback.store.session import Store
from handback.store.tables import Break, Redemption

BREAK, REDEMPTION = table_of(Break), table_of(Redemption)

# What a break is opened with. `identity` is a hash of what it says, `facts` is a JSON object of
# text; `quantity` and `raw` are the record's, as far as a record opened it.
OPENED = pl.Schema(
    {
        "break_id": pl.Int64(),
        "programme_id": pl.Int64(),
        "partner_id": pl.Int64(),
        "identity": pl.Binary(),
        "kind": pl.Int16(),
        "redemption_id": pl.Int64(),
        "attempt": pl.Int16(),
        "file_id": pl.Int64(),
        "ordinal": pl.Int64(),
        "quantity": pl.Int64(),
        "reason_code": pl.String(),
        "reason_class": pl.Int16(),
        "raw": pl.String(),
        "facts": pl.String(),
        "opened_at": INSTANT,
    }
)


def insert(store: Store, tx: sa.Connection, opened: pl.DataFrame) -> None:
    """Open breaks: one per row of a frame with the columns of `OPENED`."""
    store.dialect.insert_frame(tx, BREAK, opened.select(OPENED.names()))


@dataclass(frozen=True, slots=True)
class Dismissed:
    """The break as it stands; `replayed` where the same request had been answered before."""

    view: queries.BreakView
    replayed: bool


def dismiss(
    tx: sa.Connection, programme: str, break_id: int, command: Command, at: datetime
) -> Dismissed:
    """Close a break that needs no step on any redemption.

    Raises InvalidRequest without a comment, NotFound, RequestKeyReused, BreakClosed where it was
    closed before, BreakHoldsRedemption where its redemption is rejected and waits for a decision
    in this very break.
    """
    if not command.comment.strip():
        raise InvalidRequest([Violation("comment", "expected why it needs no further step")])
    found = queries.get(tx, programme, break_id)
    owner = sa.select(BREAK.c.programme_id).where(BREAK.c.break_id == break_id)
    programme_id = tx.execute(owner).scalar_one()
    asked = requests.content_hash("dismiss", break_id, command.comment)
    if requests.answered(tx, programme_id, command, asked) is not None:
        return Dismissed(found, replayed=True)
    if found.kind in HOLDING and found.redemption_id is not None:
        # Locked, so that no rejection comes between the look and the step.
        state = sa.select(REDEMPTION.c.state).where(
            REDEMPTION.c.redemption_id == found.redemption_id
        )
        if tx.scalar(state.with_for_update()) == State.REJECTED and found.closed_at is None:
            raise BreakHoldsRedemption(
                break_id=public_id(Prefix.BREAK, break_id),
                redemption=public_id(Prefix.REDEMPTION, found.redemption_id),
            )
    which = BREAK.c.break_id == break_id
    if not _close(tx, which, Resolution.DISMISSED, command.actor, at, command.comment):
        raise BreakClosed(break_id=public_id(Prefix.BREAK, break_id))
    requests.remember(tx, programme_id, command, asked, break_id, at)
    return Dismissed(queries.get(tx, programme, break_id), replayed=False)


def close_for_redemption(
    tx: sa.Connection, redemption_id: int, resolution: Resolution, actor: str, at: datetime
) -> int:
    """Close the open breaks in which a redemption waits for its retry or fail; how many."""
    waits = BREAK.c.kind.in_([int(kind) for kind in HOLDING])
    return _close(tx, (BREAK.c.redemption_id == redemption_id) & waits, resolution, actor, at)


def is_known(tx: sa.Connection, partner_id: int, identity: bytes) -> bool:
    """Whether a break that says this was ever opened, closed since or not."""
    return tx.scalar(sa.select(1).where(_says(partner_id, identity))) is not None


def close_identity(
    tx: sa.Connection,
    partner_id: int,
    identity: bytes,
    resolution: Resolution,
    actor: str,
    at: datetime,
) -> int:
    """Close the break that says this, where it is open; how many were."""
    return _close(tx, _says(partner_id, identity), resolution, actor, at)


def _says(partner_id: int, identity: bytes) -> sa.ColumnElement[bool]:
    return (BREAK.c.partner_id == partner_id) & (BREAK.c.identity == identity)


def _close(
    tx: sa.Connection,
    which: sa.ColumnElement[bool],
    resolution: Resolution,
    actor: str,
    at: datetime,
    comment: str | None = None,
) -> int:
    closing = (
        sa.update(BREAK)
        .where(which, BREAK.c.closed_at.is_(None))
        .values(closed_at=at, closed_by=actor, resolution=int(resolution), comment=comment)
    )
    return tx.execute(closing).rowcount
