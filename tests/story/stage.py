"""A running server, its callers, and partners who read and write files: where stories play.

Time passes when a story says so, and the server works when it is given a day's work.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agreements import source_of
from fake_clock import FakeClock
from handback.journal.sequence import sequence_blocks
from handback.settings import Settings
from handback.verify import verify
from handback_client import Client
from handback_client.models import HandbackFile, Redemption
from handback_server.app import Server
from handback_server.demo.layouts import (
    Answer,
    Layout,
    Northbank,
    Payout,
    Request,
    Skyways,
    Staywell,
)
from handback_server.runtime import Runtime
from handback_server.workers import Work
from handback_server.works import works

_FIELDS: Mapping[str, Callable[[int], dict[str, str]]] = {
    "skyways": lambda number: {"surname": "Hopper"},
    "northbank": lambda number: {"account_number": f"{number:012}", "holder_name": "Hopper"},
    "staywell": lambda number: {"guest_name": "Hopper"},
}
_LIMIT_S = 60.0
_UNITS = {"skyways": "miles", "northbank": "cad_cents", "staywell": "nights"}


@dataclass
class Desk:
    """A partner at its desk: what it was sent, and how it answers."""

    stage: Stage
    layout: Layout
    files: int = 0
    read: set[str] = field(default_factory=set)
    seen: list[Request] = field(default_factory=list)

    def letters(self) -> list[Request]:
        """The requests that have come since it last looked."""
        come = [request for payout in self._payouts() for request in payout.requests]
        self.seen += come
        return come

    def answer(self, *answers: tuple[Request, str], day: str = "20260302") -> HandbackFile:
        """Hand back a file with a code for each request; the file once it is taken in."""
        self.files += 1
        records = [Answer(request, code, str(request.quantity)) for request, code in answers]
        content = self.layout.write(records, self.files, day)
        inbound = self.stage.exchange / "inbound" / self.layout.partner
        inbound.mkdir(parents=True, exist_ok=True)
        name = self.layout.name(self.files)
        (inbound / name).write_bytes(content.encode(self.layout.encoding))
        if self.layout.complete == "marker":
            (inbound / f"{name}.ok").touch()
        self.stage.work()
        (file,) = (one for one in self.stage.ada.files.list() if one.file_name == name)
        return file

    def _payouts(self) -> Iterator[Payout]:

        for path in self.stage.outbound(self.layout.partner):
            if path.name not in self.read:
                self.read.add(path.name)
                with path.open(encoding=self.layout.encoding, newline="") as file:
                    yield self.layout.read(path.name, file.read())


class Stage:
    """The programme aurora: ada and grace at their screens, three partners at their desks."""

    def __init__(self, runtime: Runtime, clock: FakeClock, target: str, closing: ExitStack) -> None:
        self._runtime = runtime
        self._closing = closing
        self.target = target
        self._members = 0
        self.clock = clock
        self.exchange = runtime.settings.exchange
        self.ada, self.grace = self._caller("ada"), self._caller("grace")
        self.skyways = Desk(self, Skyways())
        self.northbank = Desk(self, Northbank())
        self.staywell = Desk(self, Staywell())

    def _caller(self, actor: str) -> Client:
        return self._closing.enter_context(Client(self.target, programme="aurora", actor=actor))

    def agree(self, partner: str, edits: Mapping[str, str] | None = None) -> None:
        """Apply an example agreement, with some texts replaced."""
        source = source_of(partner)
        for old, new in (edits or {}).items():
            assert old in source, old
            source = source.replace(old, new, 1)
        self.ada.partners.apply(source)

    def submit(self, partner: str, *quantities: int, **fields: str) -> list[Redemption]:
        """Redemptions of members M00000001 and so on, in the partner's usual unit."""
        return [self._submit(partner, quantity, fields) for quantity in quantities]

    def _submit(self, partner: str, quantity: int, fields: Mapping[str, str]) -> Redemption:
        self._members += 1
        return self.ada.submit(
            partner=partner,
            member_ref=f"M{self._members:08}",
            quantity=quantity,
            unit=_UNITS[partner],
            fields={**_FIELDS[partner](self._members), **fields},
        )

    def work(self) -> None:
        """Let the server do all there is to do now."""
        loops = [one for one in works(self._runtime) if one.name not in ("retention", "roll up")]
        self.clock.advance(seconds=5)
        while sum(bool(one.step()) for one in loops):
            pass
        sequence_blocks(self._runtime.store)

    def outbound(self, partner: str) -> list[Path]:
        """The payout files in a partner's folder, by name."""
        return sorted((self.exchange / "outbound" / partner).glob("[!.]*"))

    def batches(self) -> list[str]:
        """The payout batches, oldest first."""
        return [one.batch_id for one in self.ada.batches.list()]

    def states(self, redemptions: Sequence[Redemption]) -> list[str]:
        """Where redemptions stand now."""
        return [str(self.ada.get(one.redemption_id).state) for one in redemptions]

    def triggers(self, redemption: Redemption) -> list[str]:
        """What a redemption went through."""
        return [str(one.trigger) for one in self.ada.history(redemption.redemption_id)]

    def open_breaks(self) -> list[str]:
        """The kinds of the open breaks, oldest first."""
        return [one.kind for one in self.ada.breaks.list()]

    def report(self, name: str, **asked: str) -> list[dict[str, object]]:
        """The rows of a report."""
        with self.ada.reports.run(name, asked) as run:
            return [{name: row[name] for name in row.header.places} for row in run]

    def assert_laws(self) -> None:
        """Every law holds on what is stored."""
        report = verify(self._runtime.store)
        assert report.holds, report


@contextmanager
def staged(store_url: str, home: Path, clock: FakeClock) -> Iterator[Stage]:
    """A server on a thread of its own, for as long as the story lasts."""
    settings = Settings.read(
        {
            "HANDBACK_STORE": store_url,
            "HANDBACK_HOME": str(home),
            "HANDBACK_LISTEN": "127.0.0.1:0",
            "HANDBACK_SEQUENCE_S": "0.02",
        }
    )
    runtimes: list[Runtime] = []
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="server")
    thread.start()

    def nothing_by_itself(runtime: Runtime) -> Sequence[Work]:
        runtimes.append(runtime)
        return ()

    opening = Server.open(settings, clock, nothing_by_itself)
    try:
        server = asyncio.run_coroutine_threadsafe(opening, loop).result(_LIMIT_S)
        try:
            with ExitStack() as closing:
                yield Stage(runtimes[0], clock, f"127.0.0.1:{server.port}", closing)
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result(_LIMIT_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
