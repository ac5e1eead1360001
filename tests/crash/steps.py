"""What the engine's workers do in one look, as steps that are killed (see `killing`), and resumed.

Chunks hold three records, so that a handful of redemptions makes several.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from fake_clock import FakeClock
from handback.intake import prepare, queries
from handback.intake.pickup import pick_up
from handback.journal.sequence import sequence_blocks
from handback.payouts import deliver, gather
from handback.reconcile.run import reconcile
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Unit
from world import World

UNIT = table_of(Unit)

# A pipe, which opens when both of its ends are there.
GATE = "gate"
SMALL_CHUNKS = ((gather, "_CHUNK"), (deliver, "CHUNK"), (prepare, "CHUNK_RECORDS"))


def name_three_units(url: str, _folder: str) -> None:
    """Three transactions of two rows each."""
    store = Store.open(url)
    for number in (1, 3, 5):
        with store.write() as tx:
            tx.execute(sa.insert(UNIT).values(unit_id=number, name=f"unit {number}"))
            tx.execute(sa.insert(UNIT).values(unit_id=number + 1, name=f"unit {number + 1}"))
    store.close()


def send(url: str, folder: str) -> None:
    """Gather what is due, deliver and dispatch every batch."""
    for module, name in SMALL_CHUNKS:
        setattr(module, name, 3)
    resume_sending(World(Store.open(url), FakeClock(), Path(folder)))


def take_in(url: str, folder: str) -> None:
    """Pick up what partners have put there, and reconcile it."""
    for module, name in SMALL_CHUNKS:
        setattr(module, name, 3)
    resume_taking_in(World(Store.open(url), FakeClock(), Path(folder)))


def take_part(url: str, folder: str) -> None:
    """Reconcile what is ready, from the moment on that another process looks into the gate."""
    for module, name in SMALL_CHUNKS:
        setattr(module, name, 3)
    world = World(Store.open(url), FakeClock(), Path(folder))
    (Path(folder) / GATE).read_bytes()
    reconcile_ready(world)


def resume_sending(world: World) -> None:
    """What the next process does about payouts."""
    world.send()
    sequence_blocks(world.store)


def resume_taking_in(world: World) -> None:
    """What the next process does about hand-back files."""
    pick_up(world.desk, world.transport)
    reconcile_ready(world)
    sequence_blocks(world.store)


def reconcile_ready(world: World) -> None:
    """Apply what there is to apply, beside any other process that does."""
    with world.store.read() as tx:
        ready = queries.ready(tx)
    for file_id in ready:
        reconcile(world.desk, file_id, "tests")
