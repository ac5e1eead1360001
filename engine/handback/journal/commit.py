"""The one door: nothing changes a redemption's state except `commit`, `commit_presumed` and, for
one step of many, `steps.commit_steps`.

They write, in the transaction they are given, the new states, one block, its events and its totals.
What else belongs to the same instant (queue rows, breaks, the checkpoint of a file) is written by
the caller in the same transaction.

Rows are locked first and the block takes its number after that, so that blocks which touch the
same redemption are numbered in the order of its versions, and a reader who follows positions sees
them so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback.errors import VersionConflict
from handback.journal.changes import Presumed, last_states, without
from handback.journal.totals import ALIKE, Total, totals_of
from handback.store.bulk import MOVES, schema_of, table_of
from handback.store.session import Store
from handback.store.tables import Block, BlockTotal, Event, Redemption

BLOCK, BLOCK_TOTAL, EVENT = table_of(Block), table_of(BlockTotal), table_of(Event)
REDEMPTION = table_of(Redemption)

# A reader takes a block whole, so a block is never larger than a reader wants to hold.
MAX_EVENTS = 200_000


class CauseKind(IntEnum):
    """What made a block: whose id its cause carries."""

    COMMAND = 1
    PAYOUT_BATCH = 2
    HANDBACK_FILE = 3
    BREAK = 4
    POLICY = 5

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a block is written, and by whom."""

    kind: CauseKind
    id: int | None
    actor: str
    trace_context: str | None = None


def commit(
    store: Store,
    tx: sa.Connection,
    cause: Cause,
    changes: pl.DataFrame,
    at: datetime,
    births: pl.DataFrame | None = None,
) -> int:
    """Write decided changes as one block; returns its id.

    `changes` has the columns of `CHANGES` and at least one row; `births` those of `BIRTHS`, a row
    for every redemption whose first event is among the changes.

    Raises VersionConflict, and nothing may then be committed, where a redemption is no longer at
    the version its first change follows.
    """
    assert 0 < len(changes) <= MAX_EVENTS, len(changes)
    ordered = changes.sort("redemption_id", "version")
    last = last_states(ordered)
    _enter(store, tx, last, births, at)
    return _write(store, tx, cause, [ordered], at)


_NONE: Final = pl.Series("redemption_id", [], pl.Int64)


@dataclass(frozen=True, slots=True)
class Committed:
    """The changes that were written, and their block; None where there was nothing to write."""

    changes: Sequence[pl.DataFrame]
    block_id: int | None


def commit_presumed(
    store: Store,
    tx: sa.Connection,
    cause: Cause,
    presumed: Presumed,
    decide_rest: Callable[[pl.Series], tuple[pl.DataFrame, pl.DataFrame]],
    at: datetime,
) -> Committed:
    """Write changes decided on what redemptions are presumed to be, and what those ask for that
    were something else, as one block.

    Those that are as presumed are moved first. `decide_rest` is given the ids (Int64) of all
    others, and answers with further changes, decided on what it reads in the same transaction, and
    with the births (columns of `BIRTHS`) among them.

    Raises VersionConflict, and nothing may then be committed, where one of the latter moves.
    """
    moved = (store.dialect.move(tx, moves) for moves in presumed.moves)
    stayed = pl.concat([_NONE, *moved])
    rest, births = decide_rest(stayed)
    rest = rest.sort("redemption_id", "version")
    _enter(store, tx, last_states(rest), births, at)
    every = [*(without(some, stayed) for some in presumed.changes), rest]
    changes = [some for some in every if len(some)]
    if not changes:
        return Committed((), None)
    return Committed(changes, _write(store, tx, cause, changes, at))


def _enter(
    store: Store,
    tx: sa.Connection,
    last: pl.DataFrame,
    births: pl.DataFrame | None,
    at: datetime,
) -> None:
    """Move the redemptions that were there, or raise VersionConflict, and insert the others."""
    is_born = last["was_version"] == 0
    if not is_born.any():
        _move(store, tx, last)
        return
    assert births is not None, "a submit brings its redemption"
    _move(store, tx, last.filter(~is_born))
    _insert_redemptions(store, tx, births, last.filter(is_born), at)


def _move(store: Store, tx: sa.Connection, last: pl.DataFrame) -> None:
    """Move all of these redemptions, or raise VersionConflict."""
    if last.is_empty():
        return
    stayed = store.dialect.move(tx, last.select(MOVES.names()))
    if len(stayed):
        raise VersionConflict(moved=len(last) - len(stayed), expected=len(last))


def _write(
    store: Store, tx: sa.Connection, cause: Cause, changes: Sequence[pl.DataFrame], at: datetime
) -> int:
    """The block of changes whose redemptions have moved, its events and its totals."""
    event_count = sum(map(len, changes))
    assert 0 < event_count <= MAX_EVENTS, event_count
    block_id = insert_block(store, tx, cause, event_count, at)
    of_block = pl.lit(block_id, pl.Int64).alias("block_id")
    columns = [of_block if one is EVENT.c.block_id else one.name for one in EVENT.columns]
    for some in changes:
        store.dialect.insert_frame(tx, EVENT, some.select(columns))
    store.dialect.insert_frame(tx, BLOCK_TOTAL, _totals(pl.concat(changes), block_id))
    return block_id


def _insert_redemptions(
    store: Store, tx: sa.Connection, births: pl.DataFrame, born: pl.DataFrame, at: datetime
) -> None:
    rows = born.drop("was_version").join(
        births, on="redemption_id", how="left", maintain_order="left"
    )
    assert len(rows) == len(births) == len(born), "every birth has its submit, and no other"
    submitted = pl.lit(at).dt.cast_time_unit("us").alias("submitted_at")
    store.dialect.insert_frame(tx, REDEMPTION, rows.with_columns(submitted))


def insert_block(
    store: Store, tx: sa.Connection, cause: Cause, event_count: int, at: datetime
) -> int:
    """A block for events of redemptions whose rows are locked by now; returns its id."""
    row = {
        "cause_kind": int(cause.kind),
        "cause_id": cause.id,
        "actor": cause.actor,
        "committed_at": at,
        "trace_context": cause.trace_context,
        "event_count": event_count,
    }
    statement = _insert_of_block(tuple(row), store.dialect.serial_commits)
    block_id: int = tx.execute(statement, row).scalar_one()
    return block_id


@lru_cache(maxsize=2)
def _insert_of_block(given: tuple[str, ...], positioned: bool) -> sa.Insert:
    """Made once: making it anew costs more than running it, and every group of commands does."""
    values: dict[str, sa.ColumnElement[Any]] = {name: sa.bindparam(name) for name in given}
    if positioned:
        newest = sa.func.coalesce(sa.func.max(BLOCK.c.position), 0)
        values["position"] = sa.select(newest + 1).scalar_subquery()
    return sa.insert(BLOCK).values(values).returning(BLOCK.c.block_id)


_SUMS: Final = (pl.col("quantity").sum(), pl.len().alias("redemptions"))
_TOTALS: Final = schema_of([BLOCK_TOTAL.c.block_id, *(BLOCK_TOTAL.c[one] for one in Total._fields)])


def _totals(events: pl.DataFrame, block_id: int) -> pl.DataFrame:
    """Rows of `block_total` for all events of a block."""
    posting = events.select(*ALIKE, "quantity").filter(events["debit"] != 0)
    posted = posting.group_by(ALIKE).agg(_SUMS)
    rows = [(block_id, *total) for total in totals_of(posted.iter_rows())]
    return pl.DataFrame(rows, _TOTALS, orient="row")
