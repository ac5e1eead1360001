"""What tests of the intake need: a desk in a folder, and hand-back files of the example airline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fake_clock import FakeClock
from handback.exchange.folder import FolderTransport
from handback.exchange.landing import Landing
from handback.ids import attempt_key
from handback.intake import queries
from handback.intake.desk import Desk
from handback.intake.pickup import pick_up
from handback.intake.queries import FileFilter, FileView, FindingView
from handback.intake.spool import Spool
from handback.partners.registry import Agreements
from handback.store.session import Store


@dataclass
class InTray:
    """A desk at work in a data folder, and the inbound folder of one partner."""

    desk: Desk
    transport: FolderTransport
    inbound: Path

    @classmethod
    def at(cls, folder: Path, store: Store, clock: FakeClock, partner: str = "skyways") -> InTray:
        """The same folder and store give the same tray, in any process."""
        inbound = folder / "exchange" / "inbound" / partner
        inbound.mkdir(parents=True, exist_ok=True)
        desk = Desk(
            store, Landing(folder / "landing"), Spool(folder / "spool"), Agreements(), clock
        )
        return cls(desk, FolderTransport(folder / "exchange"), inbound)

    def put(self, name: str, content: bytes) -> None:
        """Let the partner put a file into its folder."""
        (self.inbound / name).write_bytes(content)

    def pick_up(self) -> list[FileView]:
        """Look once into the folders; the files that were taken in, as they stand."""
        taken = pick_up(self.desk, self.transport)
        return [self.file(file_id) for file_id in taken]

    def take_in(self, name: str, content: bytes) -> FileView:
        """Put a file there and pick it up."""
        self.put(name, content)
        (file,) = self.pick_up()
        return file

    def file(self, file_id: int) -> FileView:
        """A file as it stands."""
        with self.desk.store.read() as tx:
            return queries.by_id(tx, file_id)

    def files(self) -> list[FileView]:
        """Every file, oldest first."""
        with self.desk.store.read() as tx:
            return queries.page(tx, FileFilter("aurora"), 0, 1000)

    def findings(self, file_id: int) -> list[FindingView]:
        """Every stored finding of a file."""
        with self.desk.store.read() as tx:
            return queries.findings_page(tx, "aurora", file_id, 0, 100_000)

    def lying_there(self) -> list[str]:
        """Every file in the partner's folder and below it."""
        paths = self.inbound.rglob("*")
        return sorted(str(path.relative_to(self.inbound)) for path in paths if path.is_file())


def row(redemption_id: int, quantity: int = 100, code: str = "0000") -> str:
    """One answer of the example airline to the first attempt of a redemption."""
    return f"D,HB{attempt_key(redemption_id, 1):018},M{redemption_id},{quantity},{code},P1,20260303"


def handback(
    rows: Sequence[str], *, sequence: int = 1, count: int | None = None, total: int | None = None
) -> bytes:
    """A hand-back file of the example airline; its trailer is right unless told otherwise."""
    quantities = [int(line.split(",")[3]) for line in rows if total is None]
    said = len(rows) if count is None else count
    trailer = f"T,{said},{sum(quantities) if total is None else total}"
    lines = [f"H,aurora,{sequence},20260303", *rows, trailer]
    return "".join(f"{line}\n" for line in lines).encode()


def with_terms(source: str, *replacements: tuple[str, str]) -> str:
    """An agreement with other terms in its hand-back part."""
    payout, mark, rest = source.partition("[handback]")
    for old, new in replacements:
        assert old in rest, old
        rest = rest.replace(old, new)
    return payout + mark + rest
