"""What is printed before and after the run: the plan, the reports, the breaks, the balances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from handback_server.demo.counts import AGES, Difference
from handback_server.demo.found import ANSWERS, FATES
from handback_server.demo.people import Decided
from handback_server.demo.plan import CASES, DAYS_LATER, STRANGERS, TRICKS, Plan
from handback_server.demo.screen import STATES

if TYPE_CHECKING:
    from handback_client.models import Balance, BatchReport, Break, PayoutBatch, RunReport
    from handback_client.models.ledger import Liability
    from handback_client.models.reports import ReportRow

# From so many columns on there is room between them, and for the partners' codes.
_ROOMY: Final = 100
_WIDE: Final = 115

SHARES: Final = ("sent", "confirmed", "rejected", "pending", "remainder")

_COLOURS: Final = {
    **STATES,
    "ACCEPTED": "green",
    "ACCEPTED_WITH_FINDINGS": "yellow",
    "REPEAT": "cyan",
    "TRUNCATED": "red",
    "NOT_ALLOWED": "yellow",
}


@dataclass(frozen=True, slots=True)
class Pages:
    """Tables for a screen of so many columns; 80 are enough."""

    width: int

    def plan(self, plan: Plan) -> Table:
        """How many redemptions meet which answers, and where that leads."""
        title = f"What is going to happen to {len(plan.redemptions):,} redemptions"
        table = self._table(title, "the partner …", "ends as", "break", numbers=("so often",))
        is_wide = self.width >= _WIDE
        if is_wide:
            table.add_column("its answers: | again, > next day", overflow="fold")
        counts = Counter((planned.partner, planned.case) for planned in plan.redemptions)
        for partner, cases in CASES.items():
            table.add_row(Text(partner, style="bold"), "", "", f"{len(plan.of(partner)):,}")
            for case in cases:
                row = (f"  {case.does}", _word(case.end), case.opens, f"{counts[partner, case]:,}")
                table.add_row(*row, *((case.answers,) if is_wide else ()))
            if partner in STRANGERS:
                table.add_row("  quotes what it never got", "", "unknown_reference", "1")
            for trick, verdict in TRICKS.get(partner, {}).items():
                table.add_row(f"  {trick}", _word(verdict), "", "1")
        return table

    def files(self, runs: Sequence[RunReport]) -> Table:
        """Every hand-back file: records = events + repeats + breaks + rejects."""
        table = self._table("Hand-back files", "partner", "file", "verdict", numbers=FATES)
        table.columns[1].no_wrap = True
        for run in runs:
            shares = (getattr(run, fate).count for fate in FATES)
            verdict = _word(run.file.verdict)
            table.add_row(run.file.partner, run.file.file_name, verdict, *_numbers(shares))
        return table

    def batches(self, batches: Sequence[tuple[PayoutBatch, BatchReport]]) -> Table:
        """Every payout batch: sent = confirmed + rejected + open."""
        table = self._table("Payout batches", "partner", "file", "unit", numbers=ANSWERS)
        for batch, report in batches:
            shares = (getattr(report, answer).count for answer in ANSWERS)
            table.add_row(batch.partner, batch.file_name, batch.unit, *_numbers(shares))
        return table

    def breaks(self, breaks: Sequence[Break]) -> Table:
        """The open breaks by kind, with the newest record of each."""
        table = self._table("Open breaks", "partner", "kind", "such as", numbers=("open",))
        counts = Counter((one.partner, one.kind) for one in breaks)
        latest = {(one.partner, one.kind): one for one in breaks}
        for (partner, kind), count in sorted(counts.items()):
            newest = latest[partner, kind]
            record = Text(_said(newest), no_wrap=True, overflow="ellipsis")
            table.add_row(partner, kind, record, f"{count:,}")
        return table

    def balances(self, balances: Sequence[Balance]) -> Table:
        """What members, open redemptions and partners hold: each line adds up to nothing."""
        accounts = ("member", "held", "fulfilled")
        table = self._table("Balances", "partner", "unit", numbers=accounts)
        for one in balances:
            shares = _numbers((one.member, one.held, one.fulfilled))
            table.add_row(one.partner, one.unit, *shares)
        return table

    def decided(self, decided: Decided) -> Table:
        """What took two people."""
        columns = ("decided", "proposed by", "approved by her too", "by another")
        table = self._table("Decided by two people", *columns, numbers=("redemptions",))
        for proposed, approved in list(zip(decided.proposed, decided.approved, strict=True))[:1]:
            assert proposed.proposal is not None
            row = (f"{proposed.kind}: {approved.resolution}", proposed.proposal.actor)
            refused = _word("NOT_ALLOWED") if decided.refused else Text("yes")
            table.add_row(*row, refused, approved.closed_by, f"{len(decided.approved):,}")
        return table

    def overdue(self, rows: Sequence[ReportRow]) -> Table:
        """One batch, reconciled: sent = confirmed + rejected + pending + remainder."""
        title = "One batch that is overdue, reconciled"
        table = self._table(title, "", numbers=SHARES)
        for row in rows:
            title = f"{title}: {row['file_name']} of {row['partner']}"
            counts, quantities = SHARES, [f"{share}_quantity" for share in SHARES]
            for name, figures in (("redemptions", counts), (str(row["unit"]), quantities)):
                table.add_row(name, *_numbers(int(str(row[figure])) for figure in figures))
        table.title = f"\n{title}"
        return table

    def owed(self, lines: Sequence[Liability]) -> Table:
        """What is owed for open redemptions, by how long they have been open."""
        title = f"What is owed, {DAYS_LATER} days later"
        table = self._table(title, "partner", "unit", numbers=("open", *AGES.values()))
        for one in lines:
            shares = (one.total.count, *(bucket.quantity for bucket in one.buckets))
            table.add_row(one.partner, one.unit, *_numbers(shares))
        return table

    def differences(self, differences: Sequence[Difference]) -> Table:
        """Every count that is not as planned."""
        columns = ("counted", "partner", "which")
        table = self._table("Not as planned", *columns, numbers=("expected", "found"))
        for one in differences:
            counts = f"{one.expected:,}", f"{one.found:,}"
            table.add_row(one.counted, one.partner, one.which, *counts)
        return table

    def _table(self, title: str, *columns: str, numbers: Iterable[str] = ()) -> Table:
        table = Table(
            title=f"\n{title}",
            title_justify="left",
            title_style="bold",
            box=SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            padding=(0, 1) if self.width >= _ROOMY else 0,
        )
        for column in columns:
            table.add_column(column, overflow="fold")
        for column in numbers:
            table.add_column(column, justify="right", no_wrap=True)
        return table


def _said(one: Break) -> str:
    """The record that a break is about, or else what is known of it."""
    if one.kind == "overdue":
        return f"{one.facts['outstanding']} of a batch are not answered"
    return one.raw.strip() or "(a reason that only few may see)"


def _word(word: str) -> Text:
    return Text(word, style=_COLOURS.get(word, ""))


def _numbers(counts: Iterable[int]) -> list[str]:
    return [f"{count:,}" if count else "–" for count in counts]
