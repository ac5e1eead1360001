"""What the server says of a run once it is over, counted by the same keys as the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handback_server.demo.counts import (
    AGES,
    ATTEMPTS,
    BALANCES,
    BREAKS,
    DECISIONS,
    FILES,
    OVERDUE,
    OWED,
    RECORDS,
    REDEMPTIONS,
    Counts,
)
from handback_server.demo.people import Decided

if TYPE_CHECKING:
    from handback_client import Client
    from handback_client.models import Balance, BatchReport, Break, PayoutBatch, RunReport
    from handback_client.models.ledger import Liability
    from handback_client.models.reports import ReportRow

FATES = ("records", "events", "repeats", "breaks", "rejects")
ANSWERS = ("sent", "confirmed", "rejected", "open")


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that was asked of the server, for printing and for counting."""

    runs: Sequence[RunReport]
    batches: Sequence[tuple[PayoutBatch, BatchReport]]
    breaks: Sequence[Break]
    balances: Sequence[Balance]
    owed: Sequence[Liability]
    overdue: Sequence[ReportRow]
    """The batch that is overdue first, reconciled; none where no batch is."""
    decided: Decided
    states: Counts

    @classmethod
    def ask(cls, client: Client, decided: Decided) -> Found:
        """Ask for it all."""
        breaks = list(client.breaks.list())
        overdue = [one.facts["batch"] for one in breaks if one.kind == "overdue"]
        states: Counts = Counter(
            (REDEMPTIONS, one.partner, str(one.state)) for one in client.list()
        )
        return cls(
            runs=[client.files.report(file.file_id) for file in client.files.list()],
            batches=[(one, client.batches.report(one.batch_id)) for one in client.batches.list()],
            breaks=breaks,
            balances=list(client.ledger.balances()),
            owed=list(client.ledger.liability(bucket_days=list(AGES)[:-1])),
            overdue=[
                row
                for batch_id in overdue[:1]
                for row in client.reports.run("batches", {"batch": batch_id})
            ],
            decided=decided,
            states=states,
        )

    def counts(self) -> Counts:
        """All of it by key."""
        counts: Counts = Counter(self.states)
        for one in self.breaks:
            if one.kind == "overdue":
                # How many batches it took is the server's affair, not the plan's.
                counts[OVERDUE, one.partner, "unanswered"] += int(one.facts["outstanding"])
            else:
                counts[BREAKS, one.partner, one.kind] += 1
        for line in self.owed:
            for age, bucket in zip(AGES.values(), line.buckets, strict=True):
                counts[OWED, line.partner, f"{line.unit} {age}"] += bucket.quantity
        decided = self.decided
        counts.update((DECISIONS, one.partner, "proposed") for one in decided.proposed)
        counts.update((DECISIONS, one.partner, "approved") for one in decided.approved)
        if decided.proposed:
            counts[DECISIONS, decided.proposed[0].partner, "refused"] += decided.refused
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
