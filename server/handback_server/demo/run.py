"""One run of the demo, from an empty folder to the comparison with its plan."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from handback_server.demo.children import (
    Child,
    partner_at_work,
    serving,
    settings_of,
    verify,
)
from handback_server.demo.counts import (
    EVENTS,
    FILES,
    OVERDUE,
    Counts,
    differences,
    expected_counts,
    expected_events,
)
from handback_server.demo.failure import DemoFailed
from handback_server.demo.found import Found
from handback_server.demo.pages import Pages
from handback_server.demo.people import Decided, decide
from handback_server.demo.plan import DAYS_LATER, PROGRAMME, Part, Plan, make_plan
from handback_server.demo.screen import Screen, live
from handback_server.demo.stream import Tally, watching
from handback_server.demo.submissions import agreements, submissions

if TYPE_CHECKING:
    from handback_client import Client


def run(
    console: Console, environment: Mapping[str, str], folder: Path, records: int, seed: int
) -> bool:
    """Whether every count was met and every law holds. Raises DemoFailed."""
    from handback_client import Client, HandbackError

    began_at = time.monotonic()
    plan = make_plan(records, seed)
    console.print(Pages(console.width).plan(plan))
    console.print()
    settings = settings_of(environment, folder, console.width)
    with (
        serving(settings, folder) as (server, address),
        Client(address, programme=PROGRAMME, actor="ada") as client,
        Client(address, programme=PROGRAMME, actor="grace") as second,
    ):
        try:
            for document in agreements().values():
                client.partners.apply(document)
            with partner_at_work(settings, folder, records, seed) as partner:
                _say(console, f"server   process {server.popen.pid}, {address}, SQLite in {folder}")
                _say(
                    console, f"partner  process {partner.popen.pid}, reads and writes files only\n"
                )
                events, decided = _play(console, plan, client, second, server, partner)
            found = Found.ask(client, decided)
        except HandbackError as refusal:
            raise server.failed(f"answers with {refusal.reason}: {refusal}") from refusal
        _report(console, found)
        _say(console, "\n[bold]handbackd verify[/bold], on the live database")
        holds = verify(settings)
    met = _compare(console, plan, Counter({**events, **found.counts()}))
    if not met:
        for line in server.last_words():
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    _say(console, f"[dim]{time.monotonic() - began_at:.1f} s in all[/dim]")
    return met and holds


def _play(
    console: Console, plan: Plan, client: Client, second: Client, server: Child, partner: Child
) -> tuple[Counts, Decided]:
    """Submit everything, let partners answer and people decide; the events that were told."""
    decided = Decided((), 0, ())
    with watching(client) as tally, live(console, plan, tally) as screen:
        stage = Stage(client, server, partner, tally, screen, _limit_s(plan))
        stage.submit(plan)
        if not stage.reaches(expected_events(plan, Part.FIRST_DAY), "the partners answer"):
            return tally.events, decided
        partner.tell("next day")
        if not (
            stage.reaches(expected_events(plan, Part.NEXT_DAY), "the next day")
            and stage.closes(_total(plan, FILES), "the last files")
        ):
            return tally.events, decided
        screen.step("two people decide")
        decided = decide(client, second)
        stage.reaches(expected_events(plan, Part.DECISIONS), "what was decided")
        server.tell(str(DAYS_LATER))
        if stage.reaches(
            expected_events(plan, Part.WEEKS_LATER), f"{DAYS_LATER} days later"
        ) and stage.misses(_total(plan, OVERDUE), "the sweep"):
            screen.step("done")
        return tally.events, decided


def _total(plan: Plan, counted: str) -> int:
    return sum(count for key, count in expected_counts(plan).items() if key[0] == counted)


@dataclass(frozen=True, slots=True)
class Stage:
    """Who plays, and how long one may keep the others waiting, in seconds."""

    client: Client
    server: Child
    partner: Child
    tally: Tally
    screen: Screen
    limit_s: float

    def submit(self, plan: Plan) -> None:
        """Submit every redemption of the plan. Raises DemoFailed where one is refused."""
        self.screen.step("submitting")
        outcomes = self.client.submit_many(submissions(plan))
        for count, outcome in enumerate(outcomes, start=1):
            if outcome.error is not None:
                raise DemoFailed(f"{outcome.submission.request_key}: {outcome.error}")
            if count % 100 == 0 or count == len(plan.redemptions):
                self.screen.submitted(count)

    def reaches(self, expected: Counts, what: str) -> bool:
        """Wait until the stream has told of all these events; False where they do not come."""
        return self._wait(lambda: self.tally.has(expected), what)

    def closes(self, count: int, what: str) -> bool:
        """Wait until so many hand-back files are done with; False where they are not."""
        done = ("reconciled", "refused", "quarantined")
        files = self.client.files
        return self._wait(lambda: sum(1 for _ in files.list(states=done)) >= count, what)

    def misses(self, count: int, what: str) -> bool:
        """Wait until so many attempts are overdue; False where they are not."""
        breaks = self.client.breaks

        def outstanding() -> int:
            overdue = breaks.list(kinds=["overdue"])
            return sum(int(one.facts["outstanding"]) for one in overdue)

        return self._wait(lambda: outstanding() >= count, what)

    def _wait(self, until: Callable[[], bool], what: str) -> bool:
        self.screen.step(what)
        came = self.tally.wait(lambda: self._looked() and until(), self.limit_s)
        if not came:
            self.screen.step(f"{what}: not within {self.limit_s:.0f} s")
        return came

    def _looked(self) -> bool:
        """Look after the others while waiting. Raises DemoFailed where one has gone."""
        self.server.check()
        self.partner.check()
        self.screen.say()
        return True


def _limit_s(plan: Plan) -> float:
    return 60 + len(plan.redemptions) / 200


def _report(console: Console, found: Found) -> None:
    pages = Pages(console.width)
    console.print(pages.batches(found.batches))
    console.print(pages.files(found.runs))
    console.print(pages.breaks(found.breaks))
    console.print(pages.decided(found.decided))
    console.print(pages.overdue(found.overdue))
    console.print(pages.balances(found.balances))
    console.print(pages.owed(found.owed))


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)


def _compare(console: Console, plan: Plan, found: Counts) -> bool:
    """Say whether it went as planned."""
    expected = expected_counts(plan)
    wrong = differences(expected, found)
    if wrong:
        console.print(Pages(console.width).differences(wrong))
        _say(
            console,
            f"[bold red]{len(wrong)} of {len(expected)} counts are not as planned.[/bold red]",
        )
        return False
    events = sum(count for key, count in found.items() if key[0] == EVENTS)
    told = f"{len(plan.redemptions):,} redemptions, {events:,} events"
    _say(console, f"\n[bold green]All {len(expected)} counts are as planned: {told}.[/bold green]")
    return True
