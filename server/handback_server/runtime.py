"""The parts of one server process, opened together and closed in order."""

from __future__ import annotations

import gc
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from handback.clock import Clock
from handback.errors import HandbackError
from handback.exchange.folder import FolderTransport
from handback.exchange.landing import Landing
from handback.intake.desk import Desk
from handback.intake.spool import Spool
from handback.partners.registry import Agreements
from handback.redemptions.commands import Caller, execute
from handback.redemptions.draft import Outcome
from handback.redemptions.requests import Command
from handback.settings import Settings
from handback.store.session import Store
from handback_server.bridge import Bridge, Groups
from handback_server.drain import Drain
from handback_server.tail import Tail


def spare_collector() -> None:
    """Let the garbage collector pass over all that a process has loaded, which stays to its end.

    It walked some hundred thousand objects of libraries again and again: a quarter of the time of
    a server under load. To be called once, when everything is open.
    """
    gc.freeze()


@dataclass(frozen=True, slots=True)
class Runtime:
    """What services and workers work with. Belongs to the event loop it was opened on."""

    settings: Settings
    clock: Clock
    store: Store
    agreements: Agreements
    desk: Desk
    transport: FolderTransport
    commands: Groups[Command, Outcome]
    drain: Drain
    bridge: Bridge
    tail: Tail

    @classmethod
    async def open(cls, settings: Settings, clock: Clock) -> Runtime:
        """Open everything on a store that is at the newest schema.

        Raises InvalidSettings, StoreUnavailable.
        """
        settings.exchange.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = Store.open(settings.store.text)
        agreements, drain = Agreements(), Drain()
        desk = Desk(
            store=store,
            landing=Landing(settings.landing),
            spool=Spool(settings.home / "spool"),
            agreements=agreements,
            clock=clock,
            max_file_bytes=settings.max_file_bytes,
        )
        bridge = Bridge(store, settings.workers)

        def run(actor: Hashable, commands: Sequence[Command]) -> list[Outcome | HandbackError]:
            return execute(store, clock, agreements, Caller(str(actor)), commands)

        runtime = cls(
            settings=settings,
            clock=clock,
            store=store,
            agreements=agreements,
            desk=desk,
            transport=FolderTransport(settings.exchange),
            commands=Groups(run),
            drain=drain,
            bridge=bridge,
            tail=Tail(store, bridge, drain, settings.horizon, settings.sequence_s),
        )
        try:
            await runtime.tail.start()
        except BaseException:
            await runtime.close()
            raise
        return runtime

    async def close(self) -> None:
        """Drain, finish what runs, and close the store; calls have ended."""
        self.drain.begin()
        await self.tail.finished()
        await self.commands.close()
        await self.bridge.close()
        self.store.close()
