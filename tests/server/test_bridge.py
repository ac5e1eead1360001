"""The crossing into the engine: bounded, with deadlines, and nothing done for those who left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Hashable, Sequence
from contextvars import ContextVar

import pytest
import pytest_asyncio
import sqlalchemy as sa

from handback.errors import HandbackError, LimitReached, ShuttingDown
from handback.store.session import Store
from handback_server import bridge as bridge_module
from handback_server.bridge import DEADLINE, Bridge, Groups


@pytest_asyncio.fixture
async def bridge(sqlite_url: str) -> AsyncIterator[Bridge]:
    """A bridge with one thread."""
    store = Store.open(sqlite_url)
    opened = Bridge(store, 1)
    yield opened
    await opened.close()
    store.close()


class Gate:
    """Work that takes as long as a test wants."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.open.wait(30)
        return "done"


async def test_work_waits_for_its_turn(bridge: Bridge) -> None:
    gate = Gate()
    first = asyncio.create_task(bridge.run(gate))
    second = asyncio.create_task(bridge.run(lambda: "second"))
    await asyncio.to_thread(gate.begun.wait)
    assert not second.done()
    gate.open.set()
    assert await asyncio.gather(first, second) == ["done", "second"]


async def test_waiting_work_whose_caller_has_gone_never_starts(bridge: Bridge) -> None:
    gate, started = Gate(), []
    first = asyncio.create_task(bridge.run(gate))
    await asyncio.to_thread(gate.begun.wait)
    others = [asyncio.create_task(bridge.run(started.append, n)) for n in range(20)]
    await asyncio.sleep(0)
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    gate.open.set()
    await first
    await bridge.run(started.append, "last")
    assert started == ["last"]


async def test_running_work_is_finished_though_its_caller_has_gone(bridge: Bridge) -> None:
    gate, finished = Gate(), []
    task = asyncio.create_task(bridge.run(lambda: finished.append(gate())))
    await asyncio.to_thread(gate.begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.open.set()
    await bridge.run(lambda: None)
    assert finished == ["done"]


async def test_work_whose_deadline_passed_while_it_waited_never_starts(bridge: Bridge) -> None:
    started: list[str] = []
    DEADLINE.set(asyncio.get_running_loop().time())
    with pytest.raises(TimeoutError):
        await bridge.run(started.append, "late")
    assert started == []


async def test_too_much_waiting_work_is_refused(bridge: Bridge) -> None:
    gate = Gate()
    tasks = [asyncio.create_task(bridge.run(gate)) for _ in range(1_000)]
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert all(isinstance(task.exception(), LimitReached) for task in done)
    gate.open.set()
    await asyncio.wait(waiting)
    outcomes = {type(task.exception()) for task in tasks}
    assert outcomes == {type(None), LimitReached}


async def test_the_current_context_goes_along(bridge: Bridge) -> None:
    trace: ContextVar[str] = ContextVar("trace")
    trace.set("abc")
    assert await bridge.run(trace.get) == "abc"


async def test_reads_and_writes_have_a_transaction_of_their_own(bridge: Bridge) -> None:
    def add(tx: sa.Connection, name: str) -> None:
        tx.execute(sa.text("insert into unit (unit_id, name) values (1, :name)"), {"name": name})

    await bridge.write(add, "miles")
    assert await bridge.read(lambda tx: tx.scalar(sa.text("select name from unit"))) == "miles"


async def test_what_the_work_raises_reaches_its_caller(bridge: Bridge) -> None:
    with pytest.raises(ZeroDivisionError):
        await bridge.run(lambda: 1 // 0)


async def test_commands_that_gather_share_a_commit() -> None:
    gate, groups = Gate(), []

    def run(key: Hashable, words: Sequence[str]) -> Sequence[str | HandbackError]:
        gate()
        groups.append((key, list(words)))
        return [LimitReached(word) if word == "refused" else word.upper() for word in words]

    shared: Groups[str, str] = Groups(run)
    first = asyncio.create_task(shared.run("a", "first"))
    await asyncio.to_thread(gate.begun.wait)
    others = [asyncio.create_task(shared.run("a", word)) for word in ("x", "refused", "gone", "y")]
    await asyncio.sleep(0)
    others[2].cancel()
    await asyncio.wait(others[2:3])
    gate.open.set()
    assert await first == "FIRST"
    x, refused, gone, y = await asyncio.gather(*others, return_exceptions=True)
    assert (x, y) == ("X", "Y")
    assert isinstance(refused, LimitReached)
    assert isinstance(gone, asyncio.CancelledError)
    await shared.close()
    assert groups == [("a", ["first"]), ("a", ["x", "refused", "y"])]
    with pytest.raises(ShuttingDown):
        await shared.run("a", "late")


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is expected is waited for, however long it takes."""
    monkeypatch.setattr(bridge_module, "_PATIENCE_S", 1_000)
    monkeypatch.setattr(bridge_module, "_PATIENCE_WITH_ALL_S", 1_000)


@pytest.mark.usefixtures("patient")
async def test_callers_who_ask_again_end_in_one_group() -> None:
    sizes = []

    def run(_: Hashable, words: Sequence[str]) -> Sequence[str]:
        sizes.append(len(words))
        return words

    async def ask(times: int) -> None:
        for _ in range(times):
            await shared.run("a", "word")

    shared: Groups[str, str] = Groups(run)
    await asyncio.gather(ask(5), ask(4), ask(4))
    await shared.close()
    assert sizes == [1, 3, 3, 3, 3]


@pytest.mark.usefixtures("patient")
async def test_nobody_waits_for_callers_of_another_key() -> None:
    gate, groups = Gate(), []

    def run(key: Hashable, words: Sequence[str]) -> Sequence[str]:
        gate()
        groups.append((key, list(words)))
        return words

    shared: Groups[str, str] = Groups(run)
    first = asyncio.create_task(shared.run("a", "first"))
    await asyncio.to_thread(gate.begun.wait)
    other = asyncio.create_task(shared.run("b", "other"))
    await asyncio.sleep(0)
    gate.open.set()
    assert await asyncio.gather(first, other) == ["first", "other"]
    await shared.close()
    assert groups == [("a", ["first"]), ("b", ["other"])]


async def test_a_caller_that_goes_while_its_command_runs_is_not_missed() -> None:
    gate = Gate()

    def run(_: Hashable, words: Sequence[str]) -> Sequence[str]:
        gate()
        return words

    shared: Groups[str, str] = Groups(run)
    gone = asyncio.create_task(shared.run("a", "gone"))
    await asyncio.to_thread(gate.begun.wait)
    gone.cancel()
    await asyncio.wait([gone])
    stays = asyncio.create_task(shared.run("a", "stays"))
    gate.open.set()
    assert await stays == "stays"
    await shared.close()
