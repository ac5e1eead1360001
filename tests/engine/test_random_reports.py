"""Random lives: whatever happens, reports say what the journal says when it is counted by hand."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import OpenStore
from fake_clock import FakeClock
from handback.journal.sequence import sequence_blocks
from handback.lifecycle.table import OPEN_STATES, Trigger
from handback.redemptions.queries import EventView
from handback.redemptions.requests import Cancel, Fail, Retry
from handback.reports.columns import ANSWERS
from reported import assert_followed_down, reported
from world import PROGRAMME, Answer, Sent, World, skyways_file

CODES = ("0000", "0001", "0002", "0101", "0201", "0301", "0302", "0401", "0501", "0601", "7777")
ZONES = ("UTC", "Pacific/Auckland", "America/St_Johns")

submits = st.tuples(st.just("submit"), st.lists(st.integers(1, 10**6), min_size=1, max_size=4))
sends = st.tuples(st.just("send"), st.none())
waits = st.tuples(st.just("wait"), st.sampled_from([1, 3_600, 86_401, 86_400 * 40]))
answers = st.tuples(
    st.just("answer"),
    st.lists(st.tuples(st.integers(0, 99), st.sampled_from(CODES)), min_size=1, max_size=8),
)
commands = st.tuples(
    st.just("command"), st.tuples(st.integers(0, 99), st.sampled_from([Cancel, Retry, Fail]))
)
# Most lives begin with something that was sent.
lives = st.builds(
    lambda first, rest: [first, ("send", None), *rest],
    submits,
    st.lists(st.one_of(submits, sends, answers, answers, waits, commands), max_size=14),
)


class Life:
    """A platform, its partner skyways and an operator, following a list of steps."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ids: list[int] = []
        self.sent: dict[str, Sent] = {}
        self.steps = 0

    def step(self, name: str, given: object) -> None:
        """Take one step."""
        self.steps += 1
        getattr(self, f"_{name}")(given)

    def _submit(self, quantities: list[int]) -> None:
        self.ids += self.world.submit(*quantities)

    def _send(self, _: None) -> None:
        for file in self.world.send():
            self.sent |= {one.reference: one for one in self.world.sent(file)}

    def _answer(self, choices: list[tuple[int, str]]) -> None:
        every = sorted(self.sent.values())
        said = [Answer(*every[at % len(every)], code) for at, code in choices if every]
        if said:
            name = f"answer-{self.steps}.csv"
            self.world.answer(skyways_file(said, sequence=self.steps), name)

    def _wait(self, seconds: int) -> None:
        self.world.clock.advance(timedelta(seconds=seconds))

    def _command(self, given: tuple[int, type[Cancel] | type[Retry] | type[Fail]]) -> None:
        at, kind = given
        if self.ids:
            wanted = kind(PROGRAMME, f"command-{self.steps}", self.ids[at % len(self.ids)])
            self.world.run(wanted)

    def events(self) -> list[EventView]:
        """The journal, read redemption by redemption."""
        return [event for one in self.ids for event in self.world.history(one)]


def check_reasons(life: Life, events: list[EventView], zone: str) -> None:
    by_hand: Counter[tuple[str, ...]] = Counter()
    for event in events:
        if event.trigger in ANSWERS:
            day = event.committed_at.astimezone(ZoneInfo(zone)).date()
            by_hand[str(day), str(event.reason_class), event.reason_code or ""] += event.quantity
    rows = reported(life.world, "reasons", zone=zone).rows
    found = {
        (str(row["period"]), row["reason_class"], row["reason_code"]): row["quantity"]
        for row in rows
    }
    assert found == dict(by_hand)
    shares = Counter[object]()
    for row in rows:
        shares[row["period"]] += row["share"]
    assert all(abs(share - 1_000_000) <= len(CODES) for share in shares.values())


def check_outcomes(life: Life, events: list[EventView]) -> None:
    """Batches and retries against events, attempt by attempt."""
    dispatched = [event for event in events if event.trigger is Trigger.DISPATCH]
    batches = reported(life.world, "batches").rows
    sent = [row for row in batches if row["dispatched_at"] is not None]
    assert sum(row["sent"] for row in sent) == len(dispatched)
    assert sum(row["sent_quantity"] for row in sent) == sum(one.quantity for one in dispatched)
    for part in ("", "_quantity"):
        for row in batches:
            shares = ("confirmed", "rejected", "pending", "remainder")
            assert row[f"sent{part}"] == sum(row[f"{share}{part}"] for share in shares)
    fulfilled = sum(life.world.get(one).fulfilled for one in life.ids)
    assert sum(row["confirmed_quantity"] for row in batches) == fulfilled
    retries = reported(life.world, "retries").rows
    for name, triggers in (
        ("confirmed", {Trigger.CONFIRM}),
        ("rejected", {Trigger.REJECT, Trigger.EXPIRE}),
        ("returned", {Trigger.RETURN}),
    ):
        ours = [event for event in events if event.trigger in triggers]
        assert sum(row[name] for row in retries) == len(ours)
        assert sum(row[f"{name}_quantity"] for row in retries) == sum(
            event.quantity for event in ours
        )
    saved = [one.quantity for one in events if one.trigger is Trigger.CONFIRM and one.attempt > 1]
    assert sum(row["saved_quantity"] for row in retries) == sum(saved)


def check_what_waits(life: Life) -> None:
    views = [life.world.get(one) for one in life.ids]
    held = sum(view.held for view in views if view.state in OPEN_STATES)
    assert sum(row["quantity"] for row in reported(life.world, "liability").rows) == held
    breaks = life.world.breaks()
    assert sum(row["breaks"] for row in reported(life.world, "breaks").rows) == len(breaks)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
    ],
)
@given(steps=lives, zone=st.sampled_from(ZONES))
def test_reports_agree_with_the_journal(
    open_store: OpenStore, steps: list[tuple[str, object]], zone: str
) -> None:
    with ExitStack() as stack:
        store = open_store(stack)
        stack.callback(store.close)
        folder = Path(stack.enter_context(TemporaryDirectory()))
        life = Life(World(store, FakeClock(datetime(2026, 3, 2, 12, tzinfo=UTC)), folder))
        life.world.apply("skyways")
        for name, given_ in steps:
            life.step(name, given_)
        sequence_blocks(store)
        events = life.events()
        assert reported(life.world, "events").row_count == len(events)
        check_reasons(life, events, zone)
        check_outcomes(life, events)
        check_what_waits(life)
        for name in ("batches", "runs", "reasons", "retries", "turnaround", "breaks", "liability"):
            assert_followed_down(life.world, name)
