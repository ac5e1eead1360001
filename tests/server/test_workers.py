"""The loops of a server: none waits for another, and each ends after the step it is in."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack
from functools import partial

import pytest
import sqlalchemy as sa

from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Unit
from handback_server.drain import Drain
from handback_server.workers import Work, Workers

UNIT = table_of(Unit)
# One less than a server has.
LONG = 6


class Long:
    """Steps that hold a lock and read the store for as long as a test wants."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begun, self._end = threading.Semaphore(0), threading.Event()

    def step(self, name: str) -> None:
        """One step, as when a long file is written."""
        with self._store.lock(name), self._store.read() as tx:
            tx.execute(sa.select(UNIT))
            self._begun.release()
            assert self._end.wait(30)

    def begun(self) -> bool:
        """Whether another one has begun, once it has."""
        return self._begun.acquire(timeout=30)

    def end(self) -> None:
        """Let all of them come to their end."""
        self._end.set()


async def test_long_steps_keep_no_other_loop_waiting(store: Store) -> None:
    long, drain, written = Long(store), Drain(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def write() -> None:
        with store.write() as tx:
            tx.execute(sa.insert(UNIT).values(unit_id=1, name="miles"))
        loop.call_soon_threadsafe(written.set)

    works = [Work(f"long {n}", partial(long.step, f"long {n}"), 60) for n in range(LONG)]
    workers = Workers([*works, Work("short", write, 60)], store, drain)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(workers.close)
        stack.callback(long.end)
        workers.start()
        async with asyncio.timeout(30):
            for _ in works:
                assert await asyncio.to_thread(long.begun)
            await written.wait()
        drain.begin()
        long.end()
        await workers.finished()


async def test_a_step_that_fails_is_logged_and_its_loop_goes_on(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    drain, steps = Drain(), 0
    loop = asyncio.get_running_loop()

    def step() -> bool:
        nonlocal steps
        steps += 1
        if steps == 1:
            return True
        if steps == 2:
            loop.call_soon_threadsafe(workers.wake, "failing")
            raise ZeroDivisionError
        loop.call_soon_threadsafe(drain.begin)
        return False

    workers = Workers([Work("failing", step, 3_600)], store, drain)
    workers.start()
    await workers.finished()
    await workers.close()
    assert steps == 3
    assert caplog.messages == ["failing failed"]
