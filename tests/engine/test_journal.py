"""The journal under concurrency: nothing lost, nothing twice, versions in order."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Sequence

import polars as pl
import pytest
import sqlalchemy as sa

from fake_clock import FakeClock
from handback.errors import (
    CursorAhead,
    CursorTooOld,
    VersionConflict,
)
from handback.journal import read
from handback.journal.changes import CHANGES
from handback.journal.commit import BLOCK, Cause, CauseKind, commit
from handback.journal.sequence import sequence_blocks
from handback.lifecycle.table import State, Trigger
from handback.store.session import Store
from handback.verify import verify
from lives import Lives

ACKNOWLEDGE = int(Trigger.ACKNOWLEDGE)
AWAITING = int(State.AWAITING_HANDBACK)


def acknowledgements(versions: dict[int, int], quantity: int = 10) -> pl.DataFrame:
    """One interim answer for each redemption, following the version given."""
    rows = [
        {
            "redemption_id": redemption_id,
            "version": version + 1,
            "trigger": ACKNOWLEDGE,
            "from_state": AWAITING,
            "to_state": AWAITING,
            "attempt": 1,
            "reason_class": 4,
            "quantity": quantity,
            "new_attempt": 1,
            "new_held": quantity,
            "new_fulfilled": 0,
            "programme_id": 1,
            "partner_id": 1,
            "unit_id": 1,
            "debit": 0,
            "credit": 0,
        }
        for redemption_id, version in versions.items()
    ]
    return pl.DataFrame(rows, schema=CHANGES)


def test_a_moved_version_rolls_the_whole_set_back(store: Store, clock: FakeClock) -> None:
    lives = Lives(store, clock)
    ids = lives.submit(10, 10)
    lives.dispatch(ids)
    cause = Cause(CauseKind.COMMAND, None, "tests")
    stale = acknowledgements({ids[0]: 2, ids[1]: 1})
    with pytest.raises(VersionConflict) as raised, store.write() as tx:
        commit(store, tx, cause, stale, clock.now())
    assert raised.value.facts == {"moved": "1", "expected": "2"}
    with store.read() as tx:
        assert tx.scalar(sa.text("select max(version) from event")) == 2


def test_a_reader_sees_whole_blocks_in_order_and_knows_its_place(
    store: Store, clock: FakeClock
) -> None:
    lives = Lives(store, clock)
    ids = lives.submit(*[10] * 5)
    lives.dispatch(ids[:3])
    lives.dispatch(ids[3:])
    sequence_blocks(store)
    seen = []
    after = 0
    with store.read() as tx:
        while len((page := read.read_page(tx, after, 100, 4)).events):
            seen.append(page.events["redemption_id"].to_list())
            after = page.after
        extent = read.extent(tx)
    assert seen == [ids, ids[:3], ids[3:]]
    assert (extent.horizon, extent.newest) == (0, after)
    extent.check(0)
    with pytest.raises(CursorAhead):
        extent.check(after + 1)
    with store.read() as tx, pytest.raises(CursorTooOld) as raised:
        read.extent(tx, keep=1).check(0)
    assert raised.value.facts["horizon"] == str(after - 1)


def test_positions_survive_commits_out_of_order(postgres_url: str, clock: FakeClock) -> None:
    """Blocks that commit after younger ones get later positions, and none is ever passed over."""
    store = Store.open(postgres_url)
    lives = Lives(store, clock)
    first, second = lives.submit(10, 10)
    lives.dispatch([first, second])
    sequence_blocks(store)
    cause = Cause(CauseKind.COMMAND, None, "tests")
    with store.write() as slow:
        older = commit(store, slow, cause, acknowledgements({first: 2}), clock.now())
        with store.write() as quick:
            younger = commit(store, quick, cause, acknowledgements({second: 2}), clock.now())
        assert older < younger
        assert sequence_blocks(store) == 1
    assert sequence_blocks(store) == 1
    assert sequence_blocks(store) == 0
    with store.read() as tx:
        rows = tx.execute(sa.select(BLOCK.c.block_id).order_by(BLOCK.c.position.desc()).limit(2))
        assert list(rows.scalars()) == [older, younger]
    store.close()


def test_a_follower_sees_every_event_once_and_versions_in_order(
    postgres_url: str, clock: FakeClock
) -> None:
    """Eight writers, two sequencers and a reader on one PostgreSQL, with real transactions."""
    store = Store.open(postgres_url)
    lives = Lives(store, clock)
    ids = lives.submit(*[10] * 12)
    lives.dispatch(ids)
    writers_left = threading.Semaphore(0)
    failures: list[BaseException] = []

    def write(seed: int) -> None:
        try:
            chooser = random.Random(seed)
            for _ in range(25):
                _acknowledge_some(store, clock, chooser.sample(ids, 3))
        except BaseException as failure:
            failures.append(failure)
        finally:
            writers_left.release()

    done = threading.Event()

    def sequence() -> None:
        while not done.is_set():
            sequence_blocks(store)

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(8)]
    sequencers = [threading.Thread(target=sequence) for _ in range(2)]
    for thread in (*threads, *sequencers):
        thread.start()
    seen: list[tuple[int, int]] = []
    after, finished = 0, 0
    while finished < len(threads):
        if writers_left.acquire(blocking=False):
            finished += 1
        after = _follow(store, after, seen)
    done.set()
    for thread in (*threads, *sequencers):
        thread.join()
    sequence_blocks(store)
    while (reached := _follow(store, after, seen)) != after:
        after = reached
    assert failures == []
    assert max(Counter(seen).values()) == 1
    versions: dict[int, int] = {}
    for redemption_id, version in seen:
        assert version == versions.get(redemption_id, 0) + 1, "a gap or a step back"
        versions[redemption_id] = version
    with store.read() as tx:
        assert len(seen) == tx.scalar(sa.text("select count(*) from event"))
    assert len(seen) >= 8 * 25 * 3
    assert verify(store).holds
    store.close()


def _acknowledge_some(store: Store, clock: FakeClock, ids: Sequence[int]) -> None:
    cause = Cause(CauseKind.COMMAND, None, "tests")
    while True:
        try:
            with store.write() as tx:
                rows = tx.execute(
                    sa.text(
                        "select redemption_id, version from redemption"
                        " where redemption_id in (:a, :b, :c)"
                    ),
                    dict(zip("abc", ids, strict=True)),
                )
                versions = {row.redemption_id: row.version for row in rows}
                commit(store, tx, cause, acknowledgements(versions), clock.now())
            return
        except VersionConflict:
            continue


def _follow(store: Store, after: int, seen: list[tuple[int, int]]) -> int:
    with store.read() as tx:
        page = read.read_page(tx, after, 10**9, 50)
    seen += page.events.select("redemption_id", "version").rows()
    return page.after
