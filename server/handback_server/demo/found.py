"""What the server says of a run once it is over, counted by the same keys as the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handback_server.demo.counts import (
    ATTEMPTS,
    BALANCES,
    BREAKS,
    FILES,
    RECORDS,
    REDEMPTIONS,
    Counts,
)

if TYPE_CHECKING:
    from handback_client import Client
    from handback_client.models import Balance, BatchReport, Break, PayoutBatch, RunReport

FATES = ("records", "events", "repeats", "breaks", "rejects")
ANSWERS = ("sent", "confirmed", "rejected", "open")


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that was asked of the server, for printing and for counting."""

    runs: Sequence[RunReport]
    batches: Sequence[tuple[PayoutBatch, BatchReport]]
    breaks: Sequence[Break]
    balances: Sequence[Balance]
    states: Counts

    @classmethod
    def ask(cls, client: Client) -> Found:
        """Ask for it all."""
        states: Counts = Counter(
            (REDEMPTIONS, one.partner, str(one.state)) for one in client.list()
        )
        return cls(
            runs=[client.files.report(file.file_id) for file in client.files.list()],
            batches=[(one, client.batches.report(one.batch_id)) for one in client.batches.list()],
            breaks=list(client.breaks.list()),
            balances=list(client.ledger.balances()),
            states=states,
        )

    def counts(self) -> Counts:
        """All of it by key."""
        counts: Counts = Counter(self.states)
        counts.update((BREAKS, one.partner, one.kind) for one in self.breaks)
        counts.update((FILES, run.file.partner, run.file.verdict) for run in self.runs)
        for run in self.runs:
            for fate in FATES:
                counts[RECORDS, run.file.partner, fate] += getattr(run, fate).count
        for batch, report in self.batches:
            for answer in ANSWERS:
                counts[ATTEMPTS, batch.partner, answer] += getattr(report, answer).count
        for balance in self.balances:
            for account in ("member", "held", "fulfilled"):
                key = (BALANCES, balance.partner, f"{balance.unit} {account}")
                counts[key] += getattr(balance, account)
        return Counter({key: count for key, count in counts.items() if count})
