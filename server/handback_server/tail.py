"""The end of the journal: giving positions to new blocks, and reading them once for all who watch.

One task follows the journal and reads what is new for all watchers. Each of them asks for what
comes after its cursor, and is given it from memory where it is still there, else from the journal.
So a slow watcher costs no memory and loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from contextvars import Context
from typing import Final

from handback.errors import HandbackError, ShuttingDown
from handback.journal.names import Names
from handback.journal.read import Extent
from handback.journal.sequence import listening, sequence_blocks
from handback.store.session import Store
from handback_server.bridge import Bridge
from handback_server.cursors import Cursor
from handback_server.drain import Drain
from handback_server.pages import Pages
from handback_server.stretches import Stretch

_LOG: Final = logging.getLogger(__name__)

# Beyond every position.
_NO_END: Final = 2**62
# Without watchers here, how long commits gather before they are given positions together. Giving
# them costs a durable commit, which each submit would otherwise have to share the log with.
_GATHER_S: Final = 0.02
# How long the listener stays deaf to the server's stopping.
_LISTEN_S: Final = 0.25


class Tail:
    """Follows the journal of one store for the watchers of one process."""

    def __init__(
        self, store: Store, bridge: Bridge, drain: Drain, keep: int, pause_s: float
    ) -> None:
        """Serves the newest `keep` positions.

        It looks for new blocks after every commit of this process, where another process gives
        notice, and after a pause in any case; a moment later where nobody here watches.
        """
        self._store = store
        self._bridge = bridge
        self._drain = drain
        self._pause_s = pause_s
        self._loop = asyncio.get_running_loop()
        self._sequencing = threading.local()
        self._tasks: list[asyncio.Task[None]] = []
        self._pages = Pages(store, bridge, keep)
        self._settling: asyncio.Task[Extent] | None = None
        self._one_settles = asyncio.Lock()
        self._newest = 0
        self._behind = False
        self._moved = asyncio.Event()
        self._woken = asyncio.Event()
        self.watchers = 0

    async def start(self) -> None:
        """Find the end of the journal, and follow it from now on until the server drains."""
        self._newest = (await self._pages.extent()).newest
        self._store.on_commit(self._committed)
        self._tasks.append(asyncio.create_task(self._follow(), name="follow"))
        if not self._store.dialect.serial_commits:
            listen = asyncio.to_thread(self._listen)
            self._tasks.append(asyncio.create_task(listen, name="listen"))

    async def finished(self) -> None:
        """Return when nothing of it runs any more; the server has begun to drain."""
        await asyncio.gather(*self._tasks)
        await self._pages.finished()

    def _committed(self) -> None:
        """There may be new blocks; called by whatever thread has committed."""
        # Sequencing commits too, and would never come to rest if it woke itself.
        if not self._woken.is_set() and not getattr(self._sequencing, "now", False):
            self._loop.call_soon_threadsafe(self._woken.set)

    def _listen(self) -> None:
        """Hear of the positions that other processes give, on a thread of its own."""
        while not self._drain.begun:
            try:
                with listening(self._store) as heard:
                    while not self._drain.begun:
                        if heard(_LISTEN_S):
                            self._loop.call_soon_threadsafe(self._woken.set)
            except Exception as failure:
                # Nothing is lost by it: the pause between two looks goes on as before.
                _LOG.warning("listening for new positions: %s", type(failure).__name__)
                threading.Event().wait(_LISTEN_S)

    def _sequence(self) -> None:
        self._sequencing.now = True
        try:
            sequence_blocks(self._store)
        finally:
            self._sequencing.now = False

    async def _follow(self) -> None:
        while not self._drain.begun:
            try:
                await self._drain.first(self._wait())
            except ShuttingDown:
                return
            self._woken.clear()
            try:
                await self._advance()
            except HandbackError as failure:
                _LOG.warning("following the journal: %s: %s", failure.reason, failure)
            except Exception:
                _LOG.exception("following the journal failed")

    async def _wait(self) -> None:
        """Return when it is time to look."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pause_s):
                await self._woken.wait()
        if not self.watchers:
            await asyncio.sleep(_GATHER_S)

    async def _advance(self) -> None:
        """Take in what was committed since, and tell who waits.

        What commits meanwhile is taken in together next time.
        """
        if not self._store.dialect.serial_commits:
            await self._bridge.run(self._sequence)
        if not self.watchers:
            self._behind = True
            return
        more = True
        while more:
            stretches = await self._pages.load(self._newest, _NO_END)
            more = bool(stretches) and stretches[-1].page.more
            if stretches:
                self._tell(stretches[-1].page.after)

    def _tell(self, newest: int) -> None:
        self._newest = newest
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def settled_extent(self) -> Extent:
        """Which positions are served; everything committed by now has its position.

        Who asks while an answer is made shares the next one.
        """
        if self._settling is None:
            self._settling = asyncio.create_task(self._settle(), context=Context())
        return await asyncio.shield(self._settling)

    async def _settle(self) -> Extent:
        async with self._one_settles:
            self._settling = None
            await self._bridge.run(self._sequence)
            extent = await self._pages.extent()
        if self._behind:
            # The first to watch after a time without watchers: what came then is not read for it.
            self._behind = False
            self._tell(extent.newest)
        self._woken.set()
        return extent

    async def after(self, cursor: Cursor) -> Stretch | None:
        """The stretch with what comes after a cursor, None at the end of the journal.

        Raises CursorTooOld, CursorAhead.
        """
        if cursor.position == self._newest:
            return None
        return await self._pages.after(cursor, self._newest)

    async def moved(self, position: int) -> None:
        """Return once there is something after a position."""
        while self._newest <= position:
            await self._moved.wait()

    async def names(self) -> Names:
        """The names of programmes and partners as of now."""
        return await self._pages.names()
