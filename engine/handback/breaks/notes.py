"""The history of a break: what was done with it, by whom and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

import sqlalchemy as sa

from handback.store.bulk import table_of
from handback.store.tables import Break, BreakNote

BREAK, NOTE = table_of(Break), table_of(BreakNote)


class NoteKind(IntEnum):
    """What was done. Numbers are stored and never given anew."""

    ASSIGNED = 1
    """The text is the new owner, none where it has none any more."""
    COMMENTED = 2
    PROPOSED = 3
    APPROVED = 4
    DECLINED = 5
    CLOSED = 6
    """The text begins with the resolution."""
    REOPENED = 7

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Note:
    """One entry of the history, numbered from 1."""

    number: int
    kind: NoteKind
    actor: str
    text: str | None
    at: datetime


_COLUMNS: Final = ("break_id", "number", "kind", "actor", "text", "at")


def write(
    tx: sa.Connection,
    break_ids: Sequence[int],
    kind: NoteKind,
    actor: str,
    text: str | None,
    at: datetime,
) -> None:
    """Add the same entry to the history of each break; their rows are locked by now."""
    last = sa.select(sa.func.coalesce(sa.func.max(NOTE.c.number), 0))
    written = sa.select(
        BREAK.c.break_id,
        last.where(NOTE.c.break_id == BREAK.c.break_id).scalar_subquery() + 1,
        sa.literal(int(kind), NOTE.c.kind.type),
        sa.literal(actor, NOTE.c.actor.type),
        sa.literal(text or None, NOTE.c.text.type),
        sa.literal(at, NOTE.c.at.type),
    ).where(BREAK.c.break_id.in_(break_ids))
    tx.execute(sa.insert(NOTE).from_select(_COLUMNS, written))


def history(tx: sa.Connection, break_id: int) -> list[Note]:
    """Everything that was done with a break, in order."""
    selected = sa.select(NOTE).where(NOTE.c.break_id == break_id).order_by(NOTE.c.number)
    return [
        Note(row.number, NoteKind(row.kind), row.actor, row.text, row.at)
        for row in tx.execute(selected)
    ]
