"""The journal as its watchers read it: once for all who want the same, and kept while there is
room."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import Final

from handback.journal import read
from handback.journal.names import Names, names
from handback.journal.read import Extent
from handback.store.session import Store
from handback_server.bridge import Bridge
from handback_server.cursors import Cursor
from handback_server.stretches import Kept, Stretch, stretches_of

# Events read at a time, unless one block holds more.
PAGE_EVENTS: Final = 8_192
# Of stretches in memory: some 400,000 events.
KEPT_BYTES: Final = 128 << 20


class Pages:
    """Reads the journal by the page. Belongs to one event loop."""

    def __init__(self, store: Store, bridge: Bridge, keep: int) -> None:
        """Serves the newest `keep` positions."""
        self._store = store
        self._bridge = bridge
        self._keep = keep
        self._kept = Kept(KEPT_BYTES)
        self._loading: dict[int, asyncio.Task[list[Stretch]]] = {}
        self._names = Names()

    async def after(self, cursor: Cursor, until: int) -> Stretch | None:
        """The stretch with what comes after a cursor; None where nothing does up to a position.

        Raises CursorTooOld, CursorAhead.
        """
        stretch = self._kept.get(cursor)
        if stretch is None:
            (await self.extent()).check(cursor.position)
            page = await self.load(cursor.position, until)
            stretch = next((one for one in page if one.end > cursor), None)
        if stretch is not None:
            self._read_ahead(stretch.page.after, until)
        return stretch

    async def load(self, position: int, until: int) -> list[Stretch]:
        """A page after a position and up to another, in stretches; none where there is nothing."""
        # Who stops waiting does not stop it for the others.
        return await asyncio.shield(self._begun(position, until))

    def _read_ahead(self, position: int, until: int) -> None:
        """Have the next page ready while this one is sent."""
        if position < until and Cursor(position) not in self._kept:
            self._begun(position, until)

    def _begun(self, position: int, until: int) -> asyncio.Task[list[Stretch]]:
        task = self._loading.get(position)
        if task is None:
            # A task of nobody's call: its trace and its deadline are not those of one of them.
            task = asyncio.create_task(self._read(position, until), context=Context())
            self._loading[position] = task
            task.add_done_callback(lambda done: self._loaded(position, done))
        return task

    async def _read(self, position: int, until: int) -> list[Stretch]:
        stretches, self._names = await self._bridge.run(
            _stretches, self._store, position, until, self._names
        )
        return stretches

    def _loaded(self, position: int, done: asyncio.Task[list[Stretch]]) -> None:
        del self._loading[position]
        # Where it failed, who waits is told and who comes next tries again.
        if not done.cancelled() and done.exception() is None:
            for stretch in done.result():
                self._kept.add(stretch)

    async def extent(self) -> Extent:
        """Which positions are served now."""
        return await self._bridge.read(read.extent, self._keep)

    async def names(self) -> Names:
        """The names of programmes and partners as of now."""
        self._names = await self._bridge.read(names)
        return self._names

    async def finished(self) -> None:
        """Return when nothing is read any more."""
        await asyncio.gather(*self._loading.values(), return_exceptions=True)


def _stretches(
    store: Store, position: int, until: int, known: Names
) -> tuple[list[Stretch], Names]:
    """A page after a position, and all the names that it needs."""
    with store.read() as tx:
        page = read.read_page(tx, position, until, PAGE_EVENTS)
        try:
            return stretches_of(page, known), known
        except KeyError:
            known = names(tx)
            return stretches_of(page, known), known
