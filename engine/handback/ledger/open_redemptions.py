"""The redemptions behind a line of the liability, page by page.

A page goes on in the queue where the one before ended, so a list of all that is open costs as much
as it is long: what is due, then batch by batch, then what a person has to decide on. Of an earlier
position, those that have moved since come last, as they stood then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from handback.ids import MAX_ID
from handback.ledger.outstanding import ATTEMPT, BATCH, Open, OpenFilter, Standing
from handback.store.bulk import table_of
from handback.store.tables import Partner, Programme, Unit

PARTNER, PROGRAMME, UNIT = table_of(Partner), table_of(Programme), table_of(Unit)

# Queues in their order; those of batches have the number of the batch.
_DUE: Final = 0
_UNDECIDED: Final = MAX_ID - 1
_MOVED: Final = MAX_ID
START: Final = (_DUE, 0)


@dataclass(frozen=True, slots=True)
class OpenView:
    """An open redemption: what it holds, and where it waits.

    `place` is where the next page goes on after it: a queue, and a place in it.
    """

    redemption_id: int
    partner: str
    unit: str
    member_ref: str
    standing: Standing
    batch_id: int | None
    held: int
    submitted_at: datetime
    place: tuple[int, int]


def page(
    tx: sa.Connection, wanted: OpenFilter, after: tuple[int, int] = START, size: int = 1_000
) -> list[OpenView]:
    """Up to `size` open redemptions that follow a place, each once.

    Raises NotFound for the programme or its partner.
    """
    found: list[OpenView] = []
    for queue, selected in _queues(tx, wanted, after[0]):
        since = after[1] if queue == after[0] else 0
        left = size - len(found)
        ordered = selected.where(selected.selected_columns.place > since)
        for row in tx.execute(ordered.order_by("place").limit(left)):
            found.append(_view(row, queue))
        if len(found) == size:
            break
    return found


def _queues(
    tx: sa.Connection, wanted: OpenFilter, begin: int
) -> Iterator[tuple[int, sa.Select[Any]]]:
    """The queues from one on that may hold what is wanted, with a `place` in each."""
    open_now = Open(tx, wanted)
    if wanted.member_ref is not None:
        if begin == _DUE:
            yield _DUE, _named(open_now.of_member(), wanted)
    else:
        if begin == _DUE and wanted.batch_id is None:
            yield _DUE, _named(open_now.due(), wanted)
        for batch_id in _unsettled(tx, wanted, max(begin, 1)):
            in_batch = open_now.in_batches(batch_id).add_columns(ATTEMPT.c.ordinal.label("place"))
            yield batch_id, _named(in_batch, wanted)
        if begin <= _UNDECIDED and wanted.batch_id is None:
            yield _UNDECIDED, _named(open_now.undecided(), wanted)
    for moved in open_now.moved_since():
        yield _MOVED, _named(moved, wanted)


def _unsettled(tx: sa.Connection, wanted: OpenFilter, begin: int) -> list[int]:
    """The batches in which something may be open, from a number on."""
    if begin > _UNDECIDED - 1:
        return []
    selected = (
        sa.select(BATCH.c.batch_id)
        .join(PROGRAMME, PROGRAMME.c.programme_id == BATCH.c.programme_id)
        .where(PROGRAMME.c.name == wanted.programme, BATCH.c.batch_id >= begin)
        .where(BATCH.c.settled_at.is_(None), BATCH.c.recalled_at.is_(None))
        .order_by(BATCH.c.batch_id)
    )
    if wanted.batch_id is not None:
        selected = selected.where(BATCH.c.batch_id == wanted.batch_id)
    return list(tx.scalars(selected))


def _named(found: sa.Select[Any], wanted: OpenFilter) -> sa.Select[Any]:
    """The rows of one queue with the names that people read, narrowed by where they stand."""
    if "place" not in found.selected_columns:
        found = found.add_columns(found.selected_columns.redemption_id.label("place"))
    rows = found.subquery("queue")
    selected = (
        sa.select(rows, PARTNER.c.name.label("partner"), UNIT.c.name.label("unit"))
        .join(PARTNER, PARTNER.c.partner_id == rows.c.partner_id)
        .join(UNIT, UNIT.c.unit_id == rows.c.unit_id)
    )
    if wanted.batch_id is not None:
        selected = selected.where(rows.c.batch_id == wanted.batch_id)
    if wanted.standing is not None:
        selected = selected.where(rows.c.standing == int(wanted.standing))
    return selected


def _view(row: sa.Row[Any], queue: int) -> OpenView:
    return OpenView(
        redemption_id=row.redemption_id,
        partner=row.partner,
        unit=row.unit,
        member_ref=row.member_ref,
        standing=Standing(row.standing),
        batch_id=row.batch_id,
        held=int(row.held),
        submitted_at=row.submitted_at,
        place=(queue, row.place),
    )
