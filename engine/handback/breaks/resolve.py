"""Opening and closing breaks, always inside the transaction of what caused it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from handback.breaks import notes, proposals
from handback.breaks.decisions import Approval
from handback.breaks.due import with_due
from handback.breaks.kinds import HOLDING, KEEPING, Resolution
from handback.breaks.notes import NoteKind
from handback.partners.agreement import Agreement
from handback.store.bulk import INSTANT, table_of
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


def insert(
    store: Store, tx: sa.Connection, opened: pl.DataFrame, agreement: Agreement | None = None
) -> None:
    """Open breaks: one per row of a frame with the columns of `OPENED`.

    The partner's agreement says when they are due.
    """
    reference = pl.col("facts").str.json_path_match("$.reference")
    rows = with_due(opened.select(OPENED.names()), agreement).with_columns(reference=reference)
    store.dialect.insert_frame(tx, BREAK, rows)


def close_for_redemption(
    tx: sa.Connection,
    redemption_id: int,
    resolution: Resolution,
    actor: str,
    at: datetime,
    comment: str | None = None,
) -> None:
    """Close the open breaks in which a redemption waits, for a decision or to leave."""
    waits = BREAK.c.kind.in_([int(kind) for kind in (*HOLDING, *KEEPING)])
    of_redemption = BREAK.c.redemption_id == redemption_id
    _close(tx, of_redemption & waits, resolution, actor, at, comment)


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
    comment: str | None = None,
) -> bool:
    """Close the break that says this; whether it was open."""
    return _close(tx, _says(partner_id, identity), resolution, actor, at, comment) > 0


def close(
    tx: sa.Connection,
    break_id: int,
    resolution: Resolution,
    actor: str,
    at: datetime,
    comment: str | None = None,
) -> None:
    """Close one break, where it is open."""
    _close(tx, BREAK.c.break_id == break_id, resolution, actor, at, comment)


def close_all(
    tx: sa.Connection,
    break_ids: Sequence[int],
    resolution: Resolution,
    actor: str,
    at: datetime,
    comment: str | None = None,
) -> None:
    """Close some breaks, where they are open."""
    _close(tx, BREAK.c.break_id.in_(break_ids), resolution, actor, at, comment)


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
    stands = sa.select(REDEMPTION.c.version).where(
        REDEMPTION.c.redemption_id == BREAK.c.redemption_id
    )
    closing = (
        sa.update(BREAK)
        .where(which, BREAK.c.closed_at.is_(None))
        .values(
            closed_at=at,
            closed_by=actor,
            closed_version=stands.scalar_subquery(),
            resolution=int(resolution),
            comment=comment,
        )
        .returning(BREAK.c.break_id)
    )
    closed = list(tx.scalars(closing))
    if closed:
        said = f"{resolution}: {comment}" if comment else str(resolution)
        notes.write(tx, closed, NoteKind.CLOSED, actor, said, at)
        proposals.close(tx, closed, Approval.LAPSED, actor, at)
    return len(closed)
