"""What is printed before and after the run: the plan, the reports, the breaks, the balances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from handback_server.demo.counts import Difference
from handback_server.demo.found import ANSWERS, FATES
from handback_server.demo.plan import CASES, STRANGERS, TRICKS, Plan
from handback_server.demo.screen import STATES

if TYPE_CHECKING:
    from handback_client.models import Balance, BatchReport, Break, PayoutBatch, RunReport

# From so many columns on there is room between them, and for the partners' codes.
_ROOMY: Final = 100
_WIDE: Final = 115

_COLOURS: Final = {
    **STATES,
    "ACCEPTED": "green",
    "ACCEPTED_WITH_FINDINGS": "yellow",
    "REPEAT": "cyan",
    "TRUNCATED": "red",
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
            record = Text(latest[partner, kind].raw.strip(), no_wrap=True, overflow="ellipsis")
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


def _word(word: str) -> Text:
    return Text(word, style=_COLOURS.get(word, ""))


def _numbers(counts: Iterable[int]) -> list[str]:
    return [f"{count:,}" if count else "–" for count in counts]
