"""The work a server does by itself, in loops of bounded steps.

A step does one bounded piece of work (seals a batch, applies a chunk) and says whether there may
be more. Several server processes on one store share the work: the engine locks what must be done
by one at a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from handback.errors import HandbackError, ShuttingDown
from handback.store.session import Store
from handback_server.bridge import Bridge
from handback_server.drain import Drain

_LOG: Final = logging.getLogger(__name__)

Step = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Work:
    """One loop: what its step is, and how long it pauses where there was nothing to do."""

    name: str
    step: Step
    pause_s: float


class Worker:
    """Repeats one step: at once while it finds work, else after a pause or when woken."""

    def __init__(self, work: Work, bridge: Bridge, drain: Drain) -> None:
        self._work = work
        self._bridge = bridge
        self._drain = drain
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """End the present pause, or do without the next one. Only from the event loop."""
        self._woken.set()

    async def run(self) -> None:
        """Work until the server drains; a step under way is finished first."""
        while not self._drain.begun:
            self._woken.clear()
            if not await self._step():
                await self._pause()

    async def _step(self) -> bool:
        """Do one step; whether it found work. What it raises is logged, and tried again later."""
        try:
            return bool(await self._bridge.run(self._work.step))
        except HandbackError as failure:
            _LOG.warning("%s: %s: %s", self._work.name, failure.reason, failure)
        except Exception:
            _LOG.exception("%s failed", self._work.name)
        return False

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._work.pause_s):
                await self._drain.first(self._woken.wait())
        except (TimeoutError, ShuttingDown):
            return


class Workers:
    """All loops of one process, with a thread for each.

    So a long file takes no caller's turn, and no other loop's. A loop has one step under way at
    most; where steps write to the embedded store they take turns there, commit by commit.
    """

    def __init__(self, works: Sequence[Work], store: Store, drain: Drain) -> None:
        self._bridge = Bridge(store, max(1, len(works)))
        self._workers = {work.name: Worker(work, self._bridge, drain) for work in works}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin every loop."""
        self._tasks = [
            asyncio.create_task(worker.run(), name=name) for name, worker in self._workers.items()
        ]

    def wake(self, name: str) -> None:
        """Let a loop look for work at once. Only from the event loop."""
        if name in self._workers:
            self._workers[name].wake()

    async def finished(self) -> None:
        """Return when every loop has ended, as they do once the server drains."""
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Let the steps that run finish, however long they take."""
        await self._bridge.close()
