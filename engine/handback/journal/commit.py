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

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

import polars as pl
import sqlalchemy as sa

from handback.errors import VersionConflict
from handback.journal.changes import CHANGES
from handback.store.bulk import MOVES, WAS, table_of
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
    last = _last_states(ordered)
    _move(store, tx, last.filter(pl.col("was_version") > 0))
    born = last.filter(pl.col("was_version") == 0)
    if len(born):
        assert births is not None, "a submit brings its redemption"
        _insert_redemptions(store, tx, births, born, at)
    return _write(store, tx, cause, ordered, at)


@dataclass(frozen=True, slots=True)
class Committed:
    """The changes that were written, and their block; None where there was nothing to write."""

    changes: pl.DataFrame
    block_id: int | None


def commit_presumed(
    store: Store,
    tx: sa.Connection,
    cause: Cause,
    presumed: pl.DataFrame,
    decide_rest: Callable[[pl.Series], pl.DataFrame],
    at: datetime,
) -> Committed:
    """Write changes decided on what redemptions are presumed to be, and what those ask for that
    were something else, as one block.

    `presumed` has one change for a redemption: the columns of `CHANGES`, and for each column that
    the decision rests on one named `was_…`. `decide_rest` is given the ids (Int64) of those that
    were as presumed, which are moved by then, and answers with further changes, decided on what
    it reads in the same transaction.

    Raises VersionConflict, and nothing may then be committed, where one of the latter moves.
    """
    conditions = [name for name in presumed.columns if name.startswith(WAS)]
    moved = pl.Series("redemption_id", [], pl.Int64)
    if len(presumed):
        ordered = presumed.sort("redemption_id").select(
            "redemption_id", "version", *_AFTER, *conditions, was_version=pl.col("version") - 1
        )
        moved = store.dialect.move(tx, ordered)
    rest = decide_rest(moved)
    if len(rest):
        _move(store, tx, _last_states(rest.sort("redemption_id", "version")))
    held = presumed.select(CHANGES.names())
    if len(moved) < len(presumed):
        held = held.join(moved.to_frame(), on="redemption_id", how="semi")
    changes = pl.concat([held, rest]).sort("redemption_id", "version")
    if changes.is_empty():
        return Committed(changes, None)
    return Committed(changes, _write(store, tx, cause, changes, at))


# The redemption after an event, by the names that it has in its own table.
_AFTER = (
    pl.col("to_state").alias("state"),
    pl.col("new_attempt").alias("attempt"),
    pl.col("new_held").alias("held"),
    pl.col("new_fulfilled").alias("fulfilled"),
)


def _move(store: Store, tx: sa.Connection, last: pl.DataFrame) -> None:
    """Move all of these redemptions, or raise VersionConflict."""
    if last.is_empty():
        return
    moved = store.dialect.move(tx, last.select(MOVES.names()))
    if len(moved) != len(last):
        raise VersionConflict(moved=len(moved), expected=len(last))


def _write(
    store: Store, tx: sa.Connection, cause: Cause, ordered: pl.DataFrame, at: datetime
) -> int:
    """The block of changes whose redemptions have moved, its events and its totals."""
    assert 0 < len(ordered) <= MAX_EVENTS, len(ordered)
    block_id = insert_block(store, tx, cause, len(ordered), at)
    events = ordered.with_columns(block_id=pl.lit(block_id, pl.Int64))
    store.dialect.insert_frame(tx, EVENT, events.select(EVENT.columns.keys()))
    store.dialect.insert_frame(tx, BLOCK_TOTAL, _totals(events))
    return block_id


def _last_states(ordered: pl.DataFrame) -> pl.DataFrame:
    """One row per redemption: the version its first change follows, and where its last leads."""
    return (
        ordered.group_by("redemption_id", maintain_order=True)
        .agg(
            pl.col("version").last(),
            *(column.last() for column in _AFTER),
            was_version=pl.col("version").first() - 1,
        )
        .select(pl.col(name).cast(kind) for name, kind in MOVES.items())
    )


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
    row: dict[str, object] = {
        "cause_kind": int(cause.kind),
        "cause_id": cause.id,
        "actor": cause.actor,
        "committed_at": at,
        "trace_context": cause.trace_context,
        "event_count": event_count,
    }
    if store.dialect.serial_commits:
        newest = sa.func.coalesce(sa.func.max(BLOCK.c.position), 0)
        row["position"] = sa.select(newest + 1).scalar_subquery()
    block_id: int = tx.scalars(sa.insert(BLOCK).values(**row).returning(BLOCK.c.block_id)).one()
    return block_id


def _totals(events: pl.DataFrame) -> pl.DataFrame:
    """What the block moves on each account, zeros left out."""
    whose = ("block_id", "programme_id", "partner_id", "unit_id")
    posted = events.filter(pl.col("debit") != 0)
    legs = pl.concat(
        [
            posted.select(*whose, account="debit", delta=-pl.col("quantity")),
            posted.select(*whose, account="credit", delta="quantity"),
        ]
    )
    return (
        legs.group_by(*whose, "account")
        .agg(pl.col("delta").sum())
        .filter(pl.col("delta") != 0)
        .sort(*whose, "account")
    )
