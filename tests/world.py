"""A whole engine on one store and one folder, and a partner who answers as told.

The partner reads the payout files that were really delivered and writes hand-back files in the
layout of its agreement, with the engine's own encoder or byte by byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from agreements import apply_example
from fake_clock import FakeClock
from handback.breaks import queries as break_queries
from handback.breaks.queries import BreakFilter, BreakView
from handback.errors import HandbackError
from handback.exchange.folder import FolderTransport
from handback.exchange.landing import Landing
from handback.intake import queries as file_queries
from handback.intake.desk import Desk
from handback.intake.pickup import pick_up
from handback.intake.queries import FileView
from handback.intake.spool import Spool
from handback.journal.sequence import sequence_blocks
from handback.ledger import queries as ledger
from handback.ledger.queries import BalanceFilter
from handback.partners.registry import Agreements
from handback.payouts.deliver import deliver, sealed_batches
from handback.payouts.gather import gather
from handback.reconcile.report import RunReport, run_report
from handback.reconcile.run import reconcile
from handback.redemptions import queries
from handback.redemptions.commands import Caller, execute
from handback.redemptions.draft import Outcome
from handback.redemptions.queries import EventView, RedemptionView
from handback.redemptions.requests import Command, Submit
from handback.store.session import Store
from handback.verify import verify

PROGRAMME = "aurora"


class Sent(NamedTuple):
    """One detail of a payout file, as the partner reads it."""

    reference: str
    member_ref: str
    quantity: int


@dataclass(frozen=True)
class Answer:
    """One record of a hand-back file, in the vocabulary of skyways."""

    reference: str
    member_ref: str
    quantity: int
    code: str
    fee: str | None = None
    """What was taken off, None where the layout has no cell for it."""

    @property
    def line(self) -> str:
        """The detail line."""
        told = f"D,{self.reference},{self.member_ref},{self.quantity},{self.code},P1,20260303"
        return told if self.fee is None else f"{told},{self.fee}"


def skyways_file(answers: Iterable[Answer], sequence: int = 1) -> bytes:
    """A hand-back file of skyways with right totals."""
    details = list(answers)
    total = sum(answer.quantity for answer in details)
    lines = [
        f"H,{PROGRAMME},{sequence},20260303",
        *(answer.line for answer in details),
        f"T,{len(details)},{total}",
    ]
    return ("\n".join(lines) + "\n").encode()


class World:
    """The engine, driven step by step by a test."""

    def __init__(self, store: Store, clock: FakeClock, root: Path) -> None:
        self.store, self.clock, self.root = store, clock, root
        self.exchange = root / "exchange"
        self.exchange.mkdir(parents=True, exist_ok=True)
        self.agreements = Agreements()
        self.landing = Landing(root / "landing")
        self.transport = FolderTransport(self.exchange)
        self.desk = Desk(store, self.landing, Spool(root / "spool"), self.agreements, clock)
        self._keys = 0

    def apply(self, name: str) -> None:
        """Make an example the partner's agreement."""
        apply_example(self.store, self.clock, name)

    def run(self, *commands: Command) -> list[Outcome | HandbackError]:
        """The answers to commands of one caller."""
        return execute(self.store, self.clock, self.agreements, Caller("tests"), commands)

    def submit(self, *quantities: int, partner: str = "skyways", **changes: object) -> list[int]:
        """New redemptions; their ids. Member numbers count up."""
        commands = []
        for quantity in quantities:
            self._keys += 1
            commands.append(
                Submit(
                    PROGRAMME,
                    partner,
                    f"key-{self._keys}",
                    f"M{self._keys:06}",
                    quantity,
                    "miles",
                    {"surname": "Example"},
                )
            )
        answers = self.run(*(replace(one, **changes) for one in commands))  # type: ignore[arg-type]
        return [_outcome(answer).redemption.redemption_id for answer in answers]

    def send(self, partner: str = "skyways") -> list[Path]:
        """Gather what is due and deliver every sealed batch; the delivered files."""
        gather(self.store, self.landing, self.agreements, self.clock, PROGRAMME, partner)
        with self.store.read() as tx:
            batches = sealed_batches(tx)
        for batch_id in batches:
            deliver(
                self.store,
                self.landing,
                self.transport,
                self.agreements,
                self.clock,
                batch_id,
                "tests",
            )
        return self.delivered(partner)

    def delivered(self, partner: str = "skyways") -> list[Path]:
        """Every payout file in the partner's folder, oldest name first."""
        return sorted((self.exchange / "outbound" / partner).glob("*.*"))

    def sent(self, file: Path) -> list[Sent]:
        """The details of a payout file of skyways."""
        rows = [line.split(",") for line in file.read_text().splitlines()]
        return [Sent(row[1], row[2], int(row[5])) for row in rows if row[0] == "D"]

    def sent_one(self, quantity: int = 100) -> tuple[int, Sent]:
        """A redemption of skyways that awaits its answer, and how the partner knows it."""
        (one,) = self.submit(quantity)
        self.send()
        return one, self.sent(self.delivered()[-1])[-1]

    def hand_back(self, content: bytes, name: str = "answer.csv", partner: str = "skyways") -> None:
        """Put a file into the partner's folder as an uploader does: whole, by renaming."""
        folder = self.exchange / "inbound" / partner
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f".{name}.part"
        unfinished.write_bytes(content)
        unfinished.rename(folder / name)

    def take_in(self) -> list[FileView]:
        """Pick up and reconcile what lies there; the files as they then stand."""
        ids = pick_up(self.desk, self.transport)
        for file_id in ids:
            reconcile(self.desk, file_id, "tests")
        sequence_blocks(self.store)
        return [self.file(file_id) for file_id in ids]

    def answer(self, content: bytes, name: str = "answer.csv") -> FileView:
        """Hand one file back and take it in."""
        self.hand_back(content, name)
        (file,) = self.take_in()
        return file

    def answer_all(self, code_of: Callable[[Sent], str], sequence: int = 1) -> FileView:
        """Answer every detail of the newest payout file."""
        details = self.sent(self.delivered()[-1])
        answers = [Answer(*one, code_of(one)) for one in details]
        return self.answer(skyways_file(answers, sequence), f"answer-{sequence}.csv")

    def file(self, file_id: int) -> FileView:
        """A hand-back file as it stands."""
        with self.store.read() as tx:
            return file_queries.by_id(tx, file_id)

    def report(self, file_id: int) -> RunReport:
        """The report of a file's run."""
        with self.store.read() as tx:
            return run_report(tx, PROGRAMME, file_id)

    def get(self, redemption_id: int) -> RedemptionView:
        """A redemption as it stands."""
        with self.store.read() as tx:
            return queries.get(tx, PROGRAMME, redemption_id)

    def history(self, redemption_id: int) -> list[EventView]:
        """Every step of a redemption."""
        with self.store.read() as tx:
            return queries.history(tx, PROGRAMME, redemption_id)

    def balance(self) -> dict[str, int]:
        """What stands on the accounts of the one partner, but for those with nothing."""
        with self.store.read() as tx:
            (found,) = ledger.page(tx, BalanceFilter(PROGRAMME))
        names = ("member", "held", "fulfilled", "variance", "written_off")
        return {name: getattr(found, name) for name in names if getattr(found, name)}

    def breaks(self, **narrowed: object) -> list[BreakView]:
        """The open breaks."""
        wanted = BreakFilter(PROGRAMME, **narrowed)  # type: ignore[arg-type]
        with self.store.read() as tx:
            return break_queries.page(tx, wanted, 0, 1000)

    def states(self, ids: Sequence[int]) -> list[str]:
        """The states of some redemptions, by name."""
        return [str(self.get(redemption_id).state) for redemption_id in ids]

    def assert_laws(self) -> None:
        """Every law holds on what is stored."""
        report = verify(self.store)
        assert report.holds, report


def counts(report: RunReport) -> Mapping[str, tuple[int, int]]:
    """Count and quantity by what the records became."""
    shares = {
        "records": report.records,
        "events": report.events,
        "repeats": report.repeats,
        "breaks": report.breaks,
        "rejects": report.rejects,
    }
    return {name: (share.count, share.quantity) for name, share in shares.items()}


def _outcome(answer: Outcome | HandbackError) -> Outcome:
    assert isinstance(answer, Outcome), answer
    return answer
