"""The end of the journal: giving positions to new blocks, and reading them once for all who watch.

One task follows the journal and keeps its newest stretches in memory. A watcher asks for what comes
after its cursor: from memory where it is still there, else from the journal itself, and that too is
kept for others as long as there is room. So a slow watcher costs no memory and loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from contextvars import Context
from typing import Final

from handback.errors import HandbackError, ShuttingDown
from handback.journal import read
from handback.journal.names import Names, names
from handback.journal.read import Extent, Page
from handback.journal.sequence import listening, sequence_blocks
from handback.store.session import Store
from handback_server.bridge import Bridge
from handback_server.cursors import Cursor
from handback_server.drain import Drain
from handback_server.stretches import Kept, Stretch, stretches_of

_LOG: Final = logging.getLogger(__name__)

# Events read at a time, unless one block holds more.
PAGE_EVENTS: Final = 8_192
# Of stretches in memory: some 400,000 events.
KEPT_BYTES: Final = 128 << 20
# What commits in quick succession is read together: it costs this much latency and saves most of
# the reads.
_GATHER_S: Final = 0.005
# How long the listener stays deaf to the server's stopping.
_LISTEN_S: Final = 0.25


class Tail:
    """Follows the journal of one store for the watchers of one process."""

    def __init__(
        self, store: Store, bridge: Bridge, drain: Drain, keep: int, pause_s: float
    ) -> None:
        """Serves the newest `keep` positions.

        It looks for new blocks after every commit of this process, where another process gives
        notice, and after a pause in any case.
        """
        self._store = store
        self._bridge = bridge
        self._drain = drain
        self._keep = keep
        self._pause_s = pause_s
        self._loop = asyncio.get_running_loop()
        self._sequencing = threading.local()
        self._tasks: list[asyncio.Task[None]] = []
        self._names = Names()
        self._kept = Kept(KEPT_BYTES)
        self._loading: dict[int, asyncio.Task[list[Stretch]]] = {}
        self._settling: asyncio.Task[Extent] | None = None
        self._one_settles = asyncio.Lock()
        self._newest = 0
        self._moved = asyncio.Event()
        self._woken = asyncio.Event()
        self.watchers = 0

    async def start(self) -> None:
        """Find the end of the journal, and follow it from now on until the server drains."""
        self._newest = (await self._bridge.read(read.extent, self._keep)).newest
        self._store.on_commit(self._committed)
        self._tasks.append(asyncio.create_task(self._follow(), name="follow"))
        if not self._store.dialect.serial_commits:
            listen = asyncio.to_thread(self._listen)
            self._tasks.append(asyncio.create_task(listen, name="listen"))

    async def finished(self) -> None:
        """Return when nothing of it runs any more; the server has begun to drain."""
        await asyncio.gather(*self._tasks)
        await asyncio.gather(*self._loading.values(), return_exceptions=True)

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
                async with asyncio.timeout(self._pause_s):
                    await self._drain.first(self._woken.wait())
                await asyncio.sleep(_GATHER_S)
            except TimeoutError:
                pass
            except ShuttingDown:
                return
            self._woken.clear()
            try:
                await self._advance()
            except HandbackError as failure:
                _LOG.warning("following the journal: %s: %s", failure.reason, failure)
            except Exception:
                _LOG.exception("following the journal failed")

    async def _advance(self) -> None:
        """Take in what was committed since, and tell who waits."""
        extent = await self.settled_extent()
        # Nobody is sent what is beyond the horizon, and without watchers nothing is read.
        missed = extent.horizon if self.watchers else extent.newest
        if missed > self._newest:
            self._tell(missed)
        while self._newest < extent.newest:
            stretches = await self._load(self._newest, extent.newest)
            self._tell(stretches[-1].page_after)

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
            return await self._bridge.read(read.extent, self._keep)

    async def after(self, cursor: Cursor) -> Stretch | None:
        """The stretch with what comes after a cursor, None at the end of the journal.

        Raises CursorTooOld, CursorAhead.
        """
        if cursor.position == self._newest:
            return None
        stretch = self._kept.get(cursor)
        if stretch is None:
            loaded = await asyncio.shield(self._load(cursor.position, self._newest))
            stretch = next((one for one in loaded if one.end > cursor), None)
        if stretch is not None:
            self._read_ahead(stretch.page_after)
        return stretch

    async def moved(self, position: int) -> None:
        """Return once there is something after a position."""
        while self._newest <= position:
            await self._moved.wait()

    def _read_ahead(self, position: int) -> None:
        """Have the next page ready while this one is sent."""
        if position < self._newest and Cursor(position) not in self._kept:
            self._load(position, self._newest)

    def _load(self, position: int, until: int) -> asyncio.Task[list[Stretch]]:
        """A page of the journal after a position, in stretches; read once for all who ask."""
        task = self._loading.get(position)
        if task is None:
            # A task of nobody's call: its trace and its deadline are not those of one of them.
            task = asyncio.create_task(self._read(position, until), context=Context())
            self._loading[position] = task
            task.add_done_callback(lambda done: self._loaded(position, done))
        return task

    def _loaded(self, position: int, done: asyncio.Task[list[Stretch]]) -> None:
        del self._loading[position]
        # Where it failed, who waits is told and who comes next tries again.
        if not done.cancelled() and done.exception() is None:
            for stretch in done.result():
                self._kept.add(stretch)

    async def _read(self, position: int, until: int) -> list[Stretch]:
        stretches, self._names = await self._bridge.run(
            _stretches, self._store, position, until, self._keep, self._names
        )
        return stretches

    async def names(self) -> Names:
        """The names of programmes and partners as of now."""
        self._names = await self._bridge.read(names)
        return self._names


def _stretches(
    store: Store, position: int, until: int, keep: int, known: Names
) -> tuple[list[Stretch], Names]:
    """A page after a position, none of it beyond another, and all the names that it needs."""
    with store.read() as tx:
        read.extent(tx, keep).check(position)
        page = read.read_page(tx, position, until, PAGE_EVENTS)
        if not _names_all(page, known):
            known = names(tx)
    return stretches_of(page, known), known


def _names_all(page: Page, known: Names) -> bool:
    partners = set(page.events["partner_id"].unique())
    units = set(page.events["unit_id"].unique())
    return partners <= known.partners.keys() and units <= known.units.keys()
