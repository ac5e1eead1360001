"""The end of the journal: giving positions to new blocks, and reading them once for all who watch.

One task follows the journal and keeps its newest stretches in memory. A watcher asks for what comes
after its position: from memory where it is still there, else from the journal itself. So a slow
watcher costs no memory and loses nothing, it only reads for itself until it has caught up.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.errors import HandbackError, ShuttingDown
from handback.journal import read
from handback.journal.names import Names, names
from handback.journal.read import Extent
from handback.journal.sequence import listening, sequence_blocks
from handback.store.session import Store
from handback_server.bridge import Bridge
from handback_server.drain import Drain

_LOG: Final = logging.getLogger(__name__)

# Events of a page, unless one block holds more, and of all pages in memory together: at some 200
# bytes an event in columns, 20 MB.
PAGE_EVENTS: Final = 5_000
KEPT_EVENTS: Final = 100_000
# What commits in quick succession is read together: it costs this much latency and saves most of
# the reads.
_GATHER_S: Final = 0.005
# How long the listener stays deaf to the server's stopping.
_LISTEN_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Stretch:
    """Whole blocks in a row: those after position `before`, up to `after`.

    `events` are those of `journal.read.Page`, each with its `place` in its block, from 1.
    """

    before: int
    after: int
    events: pl.DataFrame

    def beyond(self, position: int) -> Stretch:
        """What of it comes after a position inside it."""
        if position == self.before:
            return self
        return Stretch(position, self.after, self.events.filter(pl.col("position") > position))


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
        self._stretches: deque[Stretch] = deque()
        self._newest = 0
        self._moved = asyncio.Event()
        self._woken = asyncio.Event()
        self.watchers = 0

    async def start(self) -> None:
        """Find the end of the journal, and follow it from now on until the server drains."""
        self._newest = (await self.extent()).newest
        self._store.on_commit(self._committed)
        self._tasks.append(asyncio.create_task(self._follow(), name="follow"))
        if not self._store.dialect.serial_commits:
            listen = asyncio.to_thread(self._listen)
            self._tasks.append(asyncio.create_task(listen, name="listen"))

    async def finished(self) -> None:
        """Return when nothing of it runs any more; the server has begun to drain."""
        await asyncio.gather(*self._tasks)

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
        await self._bridge.run(self._sequence)
        newest = (await self.extent()).newest
        if newest <= self._newest:
            return
        if not self.watchers:
            self._stretches.clear()
            self._tell(newest)
            return
        while self._newest < newest:
            stretch = await self._read(self._newest)
            self._stretches.append(stretch)
            self._forget()
            self._tell(stretch.after)

    def _forget(self) -> None:
        """Drop the oldest stretches beyond the bound; the newest stays however large it is."""
        kept = sum(len(stretch.events) for stretch in self._stretches)
        while kept > KEPT_EVENTS and len(self._stretches) > 1:
            kept -= len(self._stretches.popleft().events)

    def _tell(self, newest: int) -> None:
        self._newest = newest
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def extent(self) -> Extent:
        """Which positions are served now."""
        return await self._bridge.read(read.extent, self._keep)

    async def settled_extent(self) -> Extent:
        """The same, once everything committed by now has its position."""
        await self._bridge.run(self._sequence)
        self._woken.set()
        return await self.extent()

    async def after(self, position: int) -> Stretch | None:
        """What comes after a position, None at the end. Raises CursorTooOld, CursorAhead."""
        if position == self._newest:
            return None
        for stretch in self._stretches:
            if stretch.before <= position < stretch.after:
                return stretch.beyond(position)
        (await self.extent()).check(position)
        stretch = await self._read(position)
        return stretch if stretch.after > position else None

    async def moved(self, position: int) -> None:
        """Return once there is something after a position."""
        while self._newest <= position:
            await self._moved.wait()

    async def _read(self, position: int) -> Stretch:
        return await self._bridge.read(_stretch, position)

    async def names(self, stretch: Stretch | None = None) -> Names:
        """The names behind the numbers, at least all that a stretch needs; all anew without one."""
        if stretch is None or not _known(stretch, self._names):
            self._names = await self._bridge.read(names)
        return self._names


def _known(stretch: Stretch, known: Names) -> bool:
    partners = set(stretch.events["partner_id"].unique())
    return partners <= known.partners.keys() and (
        set(stretch.events["unit_id"].unique()) <= known.units.keys()
    )


def _stretch(tx: sa.Connection, position: int) -> Stretch:
    page = read.read_page(tx, position, PAGE_EVENTS)
    place = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("position")
    return Stretch(position, page.after, page.events.with_columns(place=place))
