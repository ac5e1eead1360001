"""A batch is settled with the last answer to it, long before its deadline, on both stores."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.test_silence import DEAD, OK, TEMPORARY, Silent
from fake_clock import FakeClock
from handback.lifecycle.table import State
from handback.payouts.states import BatchState
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import PayoutBatch, Redemption

BATCH, REDEMPTION = table_of(PayoutBatch), table_of(Redemption)

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


class Settling(Silent):
    """A world that looks whether its one batch is settled."""

    def batch(self) -> tuple[int | None, datetime | None]:
        """How far it is answered, and since when it is settled."""
        with self.store.read() as tx:
            row = tx.execute(sa.select(BATCH.c.answered_to, BATCH.c.settled_at)).one()
        return row.answered_to, row.settled_at


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> Settling:
    return Settling(store, clock, tmp_path)


def test_a_batch_is_settled_soon_after_its_last_answer(world: Settling) -> None:
    world.agree("full")
    world.sent_out(100, 200, 300)
    world.says(OK, 0, 2)
    world.sweep(MONDAY)
    assert world.batch() == (1, None)
    world.says(TEMPORARY, 1, sequence=2)
    world.clock.advance(minutes=1)
    settled_at = world.clock.now()
    world.sweep(MONDAY)
    assert world.batch() == (3, settled_at)
    world.sweep()
    assert world.batch() == (3, settled_at)
    assert world.all_breaks() == []
    world.assert_laws()


def test_what_is_delivered_and_not_yet_dispatched_is_not_settled(world: Settling) -> None:
    world.agree("full")
    ids = world.sent_out(100)
    with world.store.write() as tx:  # as after a crash right before the dispatch
        tx.execute(sa.update(BATCH).values(state=int(BatchState.DELIVERED)))
        tx.execute(sa.update(REDEMPTION).values(state=int(State.SUBMITTED), attempt=0))
    world.sweep(MONDAY)
    assert world.batch() == (None, None)
    assert world.states(ids) == ["submitted"]


@pytest.mark.parametrize("style", ["exceptions_only", "successes_only"])
def test_what_is_answered_is_settled_whatever_silence_says(world: Settling, style: str) -> None:
    world.agree(style)
    ids = world.sent_out(100, 200)
    world.says(OK, 0)
    world.says(DEAD, 1, sequence=2)
    world.sweep(MONDAY)
    assert world.batch() == (2, world.clock.now())
    assert world.states(ids) == ["confirmed", "failed"]
