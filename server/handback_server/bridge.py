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

from handback.errors import HandbackError, LimitReached
from handback.journal.group import GroupCommit
from handback.store.session import Store

# When the present call is over, on the event loop's clock; set for every call that has a deadline.
DEADLINE: Final[ContextVar[float]] = ContextVar("deadline", default=math.inf)

Parameters = ParamSpec("Parameters")
Command = TypeVar("Command")
Answer = TypeVar("Answer")

# Waiting work per thread. At 10 ms a piece the last one in line waits for about a second, which is
# longer than most callers do.
_WAITING_PER_THREAD = 128


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
            raise LimitReached("calls waiting for the store", retry_after_s=0.5)
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
    """Lets callers on the event loop share commits; see `GroupCommit` for `run`.

    The loop is woken once for a group. Waking it for each caller costs more than deciding what one
    of them asks for.
    """

    def __init__(
        self, run: Callable[[Hashable, Sequence[Command]], Sequence[Answer | HandbackError]]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._commit: GroupCommit[Command, asyncio.Future[Answer], Answer] = GroupCommit(
            run, self._deliver
        )

    async def run(self, key: Hashable, command: Command) -> Answer:
        """The answer to a command, once it is committed with others of its key.

        Raises its domain error, LimitReached where too many wait, ShuttingDown after `close`. A
        caller that is cancelled while its command waits takes it back.
        """
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._commit.submit(key, command, future)
        return await future

    def _deliver(
        self, answers: Sequence[tuple[asyncio.Future[Answer], Answer | BaseException]]
    ) -> None:
        self._loop.call_soon_threadsafe(_tell, answers)

    async def close(self) -> None:
        """Take nothing new, finish what waits."""
        await asyncio.to_thread(self._commit.close)


def _tell(answers: Sequence[tuple[asyncio.Future[Answer], Answer | BaseException]]) -> None:
    for future, answer in answers:
        if future.done():
            continue  # the caller has gone
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)
