"""Databases as they are after years: redemptions by the million, loaded by the database itself.

What is written is what submit, payout and reconciliation would have left behind, row for row, but
behind the journal's back: one statement per table and payout batch, and indexes only once the rows
are there. Tests hold it against redemptions that went the whole way.

Personal details of finished redemptions are left out: they may be erased, and here they are. The
bytes of the files are not there either.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from itertools import product
from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlmodel import SQLModel

from handback.clock import SystemClock
from handback.ledger.snapshots import roll_up
from handback.lifecycle.table import State
from handback.store.session import Store
from handback_server.bench.apart import apart
from handback_server.bench.engine import UNIT, engine
from handback_server.bench.ground import Ground, Place, settle
from handback_server.bench.left_behind import rows
from handback_server.bench.past import PER_BREAK, Batch, Owner

# Redemptions of one payout batch, which stands for one day.
PER_BATCH: Final = 1_000_000

TABLES: Final = SQLModel.metadata.tables
# What grows with each redemption. Written at the same time where the store can; the first is
# about as much as all the others.
_LARGE: Final = (("event",), ("redemption", "attempt", "request"))
_SMALL: Final = (
    "payout_batch",
    "handback_file",
    "run_chunk",
    "break",
    "break_note",
    "break_proposal",
    "block",
    "block_total",
    "member_detail",
    "due",
)


def load(place: Place, count: int, state: State = State.CONFIRMED) -> range:
    """Add so many redemptions that have come to `state`, and settle the place; their ids.

    `state` is SUBMITTED (and due), AWAITING_HANDBACK or CONFIRMED. Where there are redemptions
    already, indexes are kept up meanwhile, which takes longer.
    """
    with engine(place) as ours:
        terms = ours.terms()
        owner = Owner(terms.programme_id, terms.partner_id, terms.unit_ids[UNIT], terms.version)
    with _hasty(place) as store:
        batches = _batches(store, owner, count, state)
        _write(store, _SMALL, batches)
        if store.dialect.serial_commits:
            for share in _LARGE:
                _write_large(store, share, batches)
        else:
            with ThreadPoolExecutor(len(_LARGE)) as threads:
                list(threads.map(lambda share: _write_large(store, share, batches), _LARGE))
        _count_on(store)
        while roll_up(store):
            pass
    settle(place)
    return range(batches[0].first, batches[0].first + count)


@contextmanager
def grown(ground: Ground) -> Iterator[Place]:
    """A place with as many finished redemptions as the ground is asked for.

    It is the one that was kept, or is made and then kept. Raises ValueError where that has fewer.
    """
    mark = ground.keep / f"grown-{ground.store}" if ground.keep else None
    there = int(mark.read_text()) if mark and mark.exists() else 0
    if 0 < there < ground.grown:
        raise ValueError(f"{mark} says that there are but {there:,} redemptions")
    with ground.lasting("grown", anew=not there) as place:
        if not there:
            apart(load, place, ground.grown)
            if mark:
                mark.write_text(str(ground.grown))
        yield place


@contextmanager
def _hasty(place: Place) -> Iterator[Store]:
    """The store of a place, safe against nothing where it is a file: what fails is made anew."""
    store = Store.open(place.url)
    if place.store == "sqlite":
        sa.event.listen(store.engine, "connect", _hasten)
    yield store
    store.close()


def _hasten(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in ("journal_mode = off", "synchronous = off", "cache_size = -1048576"):
        connection.execute(f"pragma {pragma}")
    connection.create_function(
        "sha256", 1, lambda content: hashlib.sha256(content).digest(), deterministic=True
    )


def _batches(store: Store, owner: Owner, count: int, state: State) -> Sequence[Batch]:
    number = -(-count // PER_BATCH)
    ids, batch_ids, file_ids, break_ids = (
        store.take_ids(kind, many)
        for kind, many in (
            ("redemption", count),
            ("payout_batch", number),
            ("handback_file", number),
            ("break", count // PER_BREAK + 1),
        )
    )
    block, batch = TABLES["block"], TABLES["payout_batch"]
    with store.read() as tx:
        newest = sa.select(sa.func.max(block.c.block_id), sa.func.max(block.c.position))
        block_id, position = ((value or 0) + 1 for value in tx.execute(newest).one())
        of_partner = sa.select(sa.func.max(batch.c.sequence))
        sequence = (tx.scalar(of_partner.where(batch.c.partner_id == owner.partner_id)) or 0) + 1
    began_at = SystemClock().now() - timedelta(days=number)
    batches: list[Batch] = []
    for day in range(number):
        one = Batch(
            owner,
            state,
            first=ids[day * PER_BATCH],
            count=min(PER_BATCH, count - day * PER_BATCH),
            sequence=sequence + day,
            batch_id=batch_ids[day],
            file_id=file_ids[day],
            break_id=break_ids[day * PER_BATCH // PER_BREAK],
            block_id=block_id,
            position=position,
            submitted_at=began_at + timedelta(days=day),
        )
        block_id, position = block_id + one.blocks, position + one.blocks
        batches.append(one)
    return batches


def _write_large(store: Store, names: Sequence[str], batches: Sequence[Batch]) -> None:
    """Write tables that have no rows yet without their indexes, which are built afterwards."""
    for name in names:
        table = TABLES[name]
        with store.read() as tx:
            bare = tx.scalar(sa.select(sa.literal(1)).select_from(table).limit(1)) is None
        if not bare:
            _write(store, [name], batches)
            continue
        with store.write() as tx:
            if not store.dialect.serial_commits:
                # What is written to a table emptied in the same transaction needs no log.
                tx.execute(sa.text(f'truncate "{name}"'))
                tx.execute(sa.select(sa.func.set_config("maintenance_work_mem", "1GB", True)))
            _strip(tx, table)
            _fill(store, tx, [table], batches)
            _restore(tx, table)


def _write(store: Store, names: Sequence[str], batches: Sequence[Batch]) -> None:
    with store.write() as tx:
        _fill(store, tx, [TABLES[name] for name in names], batches)


def _fill(
    store: Store, tx: sa.Connection, tables: Sequence[sa.Table], batches: Sequence[Batch]
) -> None:
    numbers = pl.DataFrame({"n": pl.int_range(batches[0].count, eager=True)})
    series = store.dialect.stage(tx, "series", numbers)
    for table, batch in product(tables, batches):
        for select in rows(table, batch, series):
            names = [column.name for column in select.selected_columns]
            tx.execute(sa.insert(table).from_select(names, select))


def _strip(tx: sa.Connection, table: sa.Table) -> None:
    for index in table.indexes:
        tx.execute(sa.schema.DropIndex(index))
    if tx.dialect.name == "postgresql":
        for constraint in _keys(table):
            tx.execute(sa.schema.DropConstraint(constraint))


def _restore(tx: sa.Connection, table: sa.Table) -> None:
    if tx.dialect.name == "postgresql":
        for constraint in _keys(table):
            tx.execute(sa.schema.AddConstraint(constraint, isolate_from_table=False))
    for index in table.indexes:
        tx.execute(sa.schema.CreateIndex(index))


def _keys(table: sa.Table) -> list[sa.Constraint]:
    """Primary key and unique constraints; SQLite cannot do without them."""
    kinds = (sa.PrimaryKeyConstraint, sa.UniqueConstraint)
    return [one for one in table.constraints if isinstance(one, kinds)]


def _count_on(store: Store) -> None:
    """Let the database hand out block ids after those that are there."""
    if store.dialect.serial_commits:
        return
    block = TABLES["block"]
    sequence = sa.func.pg_get_serial_sequence("block", "block_id")
    newest = sa.select(sa.func.max(block.c.block_id)).scalar_subquery()
    with store.write() as tx:
        tx.execute(sa.select(sa.func.setval(sequence, newest)))
