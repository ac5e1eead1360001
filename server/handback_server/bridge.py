"""The one crossing from asyncio into the synchronous engine.

Engine work runs on a few threads. What waits for a thread is bounded, work whose caller has gone
or whose deadline has passed while it waited never starts, and the current trace goes along.

Single commands cross in groups, on a thread of their own.
"""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Concatenate, Final, Generic, ParamSpec, TypeVar

import sqlalchemy as sa

from handback.errors import LimitReached, ShuttingDown
from handback.journal.group import MAX_GROUP, Entry, Line, Run, run_group
from handback.store.session import Store

# When the present call is over, on the event loop's clock; set for every call that has a deadline.
DEADLINE: Final[ContextVar[float]] = ContextVar("deadline", default=math.inf)

Parameters = ParamSpec("Parameters")
Command = TypeVar("Command")
Answer = TypeVar("Answer")

# Waiting work per thread. At 10 ms a piece the last one in line waits for about a second, which is
# longer than most callers do.
_WAITING_PER_THREAD = 128
# For each caller who is expected, how long a group waits for the next one to come, and for all.
_PATIENCE_S: Final = 0.00003
_PATIENCE_WITH_ALL_S: Final = 0.00012
# How exactly the event loop keeps time; what is shorter is waited for pass by pass.
_TICK_S: Final = 0.001


class Bridge:
    """Runs engine functions on a bounded pool of threads."""

    def __init__(self, store: Store, threads: int) -> None:
        self._store = store
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="engine")
        self._limit = threads * (1 + _WAITING_PER_THREAD)
        self._under_way = 0

    async def run(
        self,
        function: Callable[Parameters, Answer],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Answer:
        """The function's answer.

        Raises LimitReached where too much waits already, TimeoutError where the call's deadline
        passes before a thread is free.

        Where the awaiting task is cancelled, as gRPC does when a caller leaves or its deadline
        passes, work that still waits is dropped. Work that runs is finished, not torn off.
        """
        if self._under_way >= self._limit:
            raise LimitReached(f"{self._limit} calls waiting for the store", retry_after_s=0.5)
        loop, deadline = asyncio.get_running_loop(), DEADLINE.get()

        def begin() -> Answer:
            if loop.time() >= deadline:
                raise TimeoutError
            return function(*args, **kwargs)

        self._under_way += 1
        future = self._pool.submit(copy_context().run, begin)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._leave))
        return await asyncio.wrap_future(future)

    async def read(
        self,
        query: Callable[Concatenate[sa.Connection, Parameters], Answer],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Answer:
        """The answer of a query in a transaction of its own that writes nothing."""

        def within() -> Answer:
            with self._store.read() as tx:
                return query(tx, *args, **kwargs)

        return await self.run(within)

    async def write(
        self,
        command: Callable[Concatenate[sa.Connection, Parameters], Answer],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Answer:
        """The answer of a command in a transaction of its own, committed before it is given."""

        def within() -> Answer:
            with self._store.write() as tx:
                return command(tx, *args, **kwargs)

        return await self.run(within)

    def _leave(self) -> None:
        self._under_way -= 1

    async def close(self) -> None:
        """Let what runs finish; what waits is dropped."""
        loop = asyncio.get_running_loop()
        close = functools.partial(self._pool.shutdown, wait=True, cancel_futures=True)
        await loop.run_in_executor(None, close)


class Groups(Generic[Command, Answer]):
    """Lets callers on the event loop share commits, one group at a time on a thread of its own.

    Callers who have their answer often ask again. So they are expected beside those who wait
    already, and the next group of their key begins when all have come, or nobody else comes for a
    moment, which is longer the more are expected. Groups then grow until loop and thread take turns
    instead of wanting the interpreter at the same moment; a lone caller never waits for company.
    """

    def __init__(self, run: Run[Command, Answer]) -> None:
        self._run = run
        self._line: Line[Command, asyncio.Future[Answer]] = Line()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="group-commit")
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._last_key: Hashable = None
        self._expected = 1
        self._look: asyncio.Handle | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    async def run(self, key: Hashable, command: Command) -> Answer:
        """The answer to a command, once it is committed with others of its key.

        Raises its domain error, LimitReached where too many wait, ShuttingDown after `close`. A
        caller that is cancelled while its command waits takes it back.
        """
        if self._closed:
            raise ShuttingDown()
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._line.join(key, command, future)
        if self._idle.is_set():
            self._idle.clear()
            self._gather()
        elif self._look and len(self._line) >= self._expected:
            self._begin()
        return await future

    def _gather(self) -> None:
        """Begin a group with those who wait, once those who are expected with them have come."""
        if self._line.next_key == self._last_key:
            now = self._loop.time()
            self._wait(0, now, now)
        else:
            self._begin()

    def _wait(self, seen: int, since: float, began: float) -> None:
        """Begin, or look again: `seen` had come by the last look, the last of them at `since`."""
        waiting, now = len(self._line), self._loop.time()
        since = now if waiting > seen else since
        patience = self._expected * _PATIENCE_S
        too_long = self._expected * _PATIENCE_WITH_ALL_S
        if waiting >= self._expected or now - since >= patience or now - began >= too_long:
            self._begin()
        else:
            pause = _TICK_S if patience >= _TICK_S else 0
            self._look = self._loop.call_later(pause, self._wait, waiting, since, began)

    def _begin(self) -> None:
        if self._look:
            self._look.cancel()
            self._look = None
        if group := self._line.take_group():
            self._last_key = group[0].key
            self._thread.submit(self._commit, group)
        else:
            self._idle.set()

    def _commit(self, group: Sequence[Entry[Command, asyncio.Future[Answer]]]) -> None:
        answers = run_group(self._run, group[0].key, [entry.command for entry in group])
        callers = [entry.caller for entry in group]
        self._loop.call_soon_threadsafe(self._tell, callers, answers)

    def _tell(
        self,
        callers: Sequence[asyncio.Future[Answer]],
        answers: Sequence[Answer | BaseException],
    ) -> None:
        for caller, answer in zip(callers, answers, strict=True):
            if caller.done():
                continue  # it has gone
            if isinstance(answer, BaseException):
                caller.set_exception(answer)
            else:
                caller.set_result(answer)
        self._expected = min(len(self._line) + len(callers), MAX_GROUP)
        if self._line:
            self._gather()
        else:
            self._idle.set()

    async def close(self) -> None:
        """Take nothing new, finish what waits."""
        self._closed = True
        await self._idle.wait()
        self._thread.shutdown()
