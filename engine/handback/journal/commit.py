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
from typing import Any

import polars as pl
import sqlalchemy as sa

from handback.errors import VersionConflict
from handback.journal.changes import Presumed, last_states, without
from handback.lifecycle.table import STANDS
from handback.store.bulk import MOVES, table_of
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
    stayed = pl.concat(
        [
            pl.Series("redemption_id", [], pl.Int64),
            *(store.dialect.move(tx, moves) for moves in presumed.moves),
        ]
    )
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
    _move(store, tx, last.filter(pl.col("was_version") > 0))
    born = last.filter(pl.col("was_version") == 0)
    if len(born):
        assert births is not None, "a submit brings its redemption"
        _insert_redemptions(store, tx, births, born, at)


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
    for some in changes:
        events = some.with_columns(of_block).select(EVENT.columns.keys())
        store.dialect.insert_frame(tx, EVENT, events)
    totals = _totals(pl.concat(map(_posted, changes)))
    store.dialect.insert_frame(tx, BLOCK_TOTAL, totals.with_columns(of_block))
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


_WHOSE = ("programme_id", "partner_id", "unit_id")
_KIND = ("debit", "credit", "from_state", "to_state")
_STANDS = {int(state): int(account) for state, account in STANDS.items()}


def _posted(events: pl.DataFrame) -> pl.DataFrame:
    """What events post, summed up by where it leaves and enters, and from state to state."""
    posted = events.filter(pl.col("debit") != 0)
    return posted.group_by(*_WHOSE, *_KIND).agg(pl.col("quantity").sum(), redemptions=pl.len())


def _totals(posted: pl.DataFrame) -> pl.DataFrame:
    """What a block moves on each account that it touches, and how many redemptions more stand
    there; what comes to nothing is told too, so that the totals name the blocks of an account."""
    nothing, count = pl.lit(0, pl.Int64), pl.col("redemptions").cast(pl.Int64)
    stood, stands = (
        pl.col(name).replace_strict(_STANDS, return_dtype=pl.Int16)
        for name in ("from_state", "to_state")
    )
    sides = (
        ("debit", -pl.col("quantity"), nothing),
        ("credit", pl.col("quantity"), nothing),
        (stood, nothing, -count),
        (stands, nothing, count),
    )
    legs = pl.concat(
        posted.select(*_WHOSE, account=account, delta=delta, redemptions=redemptions)
        for account, delta, redemptions in sides
    )
    return (
        legs.group_by(*_WHOSE, "account")
        .agg(pl.col("delta", "redemptions").sum())
        .sort(*_WHOSE, "account")
    )
