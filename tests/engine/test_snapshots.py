"""Kept balances change nothing: a balance at any position is what adding everything up says."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import OpenStore
from fake_clock import FakeClock
from handback.journal.sequence import sequence_blocks
from handback.ledger.queries import BalanceFilter, page
from handback.ledger.snapshots import BLOCK, SNAPSHOT, TOTAL, newest, roll_up
from handback.lifecycle.table import Account, Trigger
from handback.store.session import Store
from lives import Lives

AT = datetime(2026, 3, 2, tzinfo=UTC)
PARTNERS = {1: "skyways", 2: "harbour"}
UNITS = {1: "miles", 2: "cents"}
ACCOUNTS = (1, 2, 3)

Moved = dict[tuple[int, int, int], int]
"""What one block moves: (partner, unit, account) and by how much."""
Read = tuple[object, ...]
"""A balance as it is read: partner, unit, member, held, fulfilled."""

BLOCKS = st.lists(
    st.dictionaries(
        st.tuples(
            st.sampled_from(list(PARTNERS)), st.sampled_from(list(UNITS)), st.sampled_from(ACCOUNTS)
        ),
        st.integers(-(10**12), 10**12),
        max_size=4,
    ),
    max_size=12,
)


def add_block(tx: sa.Connection, moved: Moved, position: int | None) -> None:
    """A block that moves so much; nothing else of it matters to balances."""
    row = {"cause_kind": 1, "actor": "tests", "committed_at": AT, "event_count": 1}
    block_id = tx.scalars(
        sa.insert(BLOCK).values(**row, position=position).returning(BLOCK.c.block_id)
    ).one()
    for (partner, unit, account), delta in moved.items():
        whose = {"programme_id": 1, "partner_id": partner, "unit_id": unit}
        tx.execute(
            sa.insert(TOTAL).values(
                block_id=block_id, **whose, account=account, delta=delta, redemptions=0
            )
        )


def added_up(blocks: list[Moved]) -> list[Read]:
    """The balances after those blocks, counted here."""
    sums: Counter[tuple[int, int, int]] = Counter()
    posted = {(partner, unit) for moved in blocks for partner, unit, _ in moved}
    for moved in blocks:
        for whose, delta in moved.items():
            sums[whose] += delta
    return sorted(
        (PARTNERS[partner], UNITS[unit], *(sums[partner, unit, account] for account in ACCOUNTS))
        for partner, unit in posted
    )


def read(store: Store, position: int | None) -> list[Read]:
    """All balances at a position."""
    with store.read() as tx:
        found = page(tx, BalanceFilter("aurora", at_position=position))
    return [(one.partner, one.unit, one.member, one.held, one.fulfilled) for one in found]


def kept(store: Store) -> list[int]:
    """The positions of all snapshots."""
    with store.read() as tx:
        select = sa.select(SNAPSHOT.c.position).distinct().order_by(SNAPSHOT.c.position)
        return list(tx.scalars(select))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(blocks=BLOCKS, every=st.integers(1, 5), rolled=st.sets(st.integers(0, 11)))
def test_a_balance_is_the_same_with_snapshots_and_without(
    open_store: OpenStore, blocks: list[Moved], every: int, rolled: set[int]
) -> None:
    with ExitStack() as stack:
        store = open_store(stack)
        stack.callback(store.close)
        Lives(store, FakeClock())
        for number, moved in enumerate(blocks):
            with store.write() as tx:
                add_block(tx, moved, number + 1)
            if number in rolled:
                roll_up(store, every)
        with store.write() as tx:  # committed, and not yet in the journal's order
            unplaced = None if store.dialect.name == "postgresql" else len(blocks) + 1
            add_block(tx, {(1, 1, 2): 5}, unplaced)
        for position in range(len(blocks) + 1):
            assert read(store, position) == added_up(blocks[:position])
        assert read(store, None) == added_up([*blocks, {(1, 1, 2): 5}])


def test_snapshots_are_written_once_and_at_even_steps(store: Store, clock: FakeClock) -> None:
    lives = Lives(store, clock)
    for _ in range(7):
        lives.submit(10)
    assert [roll_up(store, every=3) for _ in range(4)] == [True, True, False, False]
    assert kept(store) == [3, 6]
    lives.submit(10)
    assert not roll_up(store, every=3)
    lives.submit(10)
    assert roll_up(store, every=3)
    assert kept(store) == [3, 6, 9]


@pytest.mark.parametrize(("position", "snapshot"), [(2, 0), (3, 3), (5, 3), (6, 6), (None, 6)])
def test_a_balance_starts_from_the_newest_snapshot_before_it(
    store: Store, clock: FakeClock, position: int | None, snapshot: int
) -> None:
    lives = Lives(store, clock)
    for _ in range(7):
        lives.submit(10)
    while roll_up(store, every=3):
        pass
    with store.read() as tx:
        assert newest(tx, position) == snapshot
    # What is kept is what is read: nothing before it is added up again.
    with store.write() as tx:
        kept_there = (SNAPSHOT.c.position == snapshot) & (SNAPSHOT.c.account == int(Account.HELD))
        tx.execute(sa.update(SNAPSHOT).where(kept_there).values(quantity=1_000))
    since = 10 * ((position or 7) - snapshot)
    held = (1_000 if snapshot else 0) + since
    member = -10 * (position or 7)
    assert read(store, position) == [("skyways", "miles", member, held, 0)]


def test_an_account_at_nought_is_kept(store: Store, clock: FakeClock) -> None:
    lives = Lives(store, clock)
    ids = lives.submit(10)
    lives.step(Trigger.CANCEL, ids)
    before = read(store, None)
    assert roll_up(store, every=2)
    assert read(store, None) == before == [("skyways", "miles", 0, 0, 0)]


def test_blocks_without_a_position_are_not_rolled_up(postgres_url: str, clock: FakeClock) -> None:
    store = Store.open(postgres_url)
    lives = Lives(store, clock)
    lives.submit(10)
    with store.write() as tx:
        add_block(tx, {(1, 1, 2): 5}, None)
    assert not roll_up(store, every=2)
    sequence_blocks(store)
    assert roll_up(store, every=2)
    store.close()
