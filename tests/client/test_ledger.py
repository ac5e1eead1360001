"""The ledger through both clients and the command line, against a running server on each store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner

from client.conftest import ALWAYS_AT_ONCE, MakeClient
from client.test_against_server import SOURCE, answers, events, submission
from fake_clock import FakeClock
from handback.settings import Settings
from handback_client import errors
from handback_client.cli.app import handback

DAY = timedelta(days=1)


@pytest_asyncio.fixture
async def client(
    target: str, make_client: MakeClient, settings: Settings, clock: FakeClock
) -> AsyncIterator[Any]:
    """Four redemptions over ten days: M-1 confirmed, M-2 given up, M-3 undecided, M-4 due.

    The first three were sent as 101, 102 and 103 miles; the period `first` was closed then.
    """
    client = make_client(target, actor="ada")
    await client.partners.apply(SOURCE)
    async with client.watch(retry=ALWAYS_AT_ONCE) as watch:
        async for _ in client.submit_many(map(submission, (1, 2, 3))):
            pass
        (batch,) = await client.batches.gather("skyways")
        await events(watch, 6)
        assert (await client.ledger.close_period("first")).number == 1
        clock.advance(days=10)
        sent = (settings.exchange / "outbound/skyways" / batch.file_name).read_text()
        content = answers(sent, {"M-2": "0201", "M-3": "0101"}, sequence=1)
        client.file = await client.files.upload("skyways", content, file_name="a.csv")
        await events(watch, 4)
        async for _ in client.submit_many([submission(4)]):
            pass
        await events(watch, 1)
    yield client


async def listed(found: Any) -> list[Any]:
    return [one async for one in found]


async def test_balances_of_now_and_of_a_closed_period(client: Any) -> None:
    (now,) = await listed(client.ledger.balances())
    assert (now.held, now.fulfilled, now.member) == (103 + 104, 101, -308)
    assert (now.open_redemptions, now.confirmed_redemptions) == (2, 1)
    (then,) = await listed(client.ledger.balances(as_of="first"))
    assert (then.held, then.fulfilled, then.open_redemptions) == (306, 0, 3)
    assert [then] == await listed(client.ledger.balances(as_of=2))
    with pytest.raises(errors.NotFound):
        await listed(client.ledger.balances(as_of="second"))
    with pytest.raises(errors.CursorAhead):
        await listed(client.ledger.balances(as_of=999))


async def test_balances_of_an_instant(client: Any, clock: FakeClock) -> None:
    (then,) = await listed(client.ledger.balances(as_of=clock.now() - DAY))
    assert then.held == 306
    assert await listed(client.ledger.balances(as_of=clock.now() - 11 * DAY)) == []
    (now,) = await listed(client.ledger.balances(as_of=clock.now()))
    assert now.held == 207


async def test_what_is_owed_can_be_followed_to_its_redemptions(client: Any) -> None:
    (line,) = await listed(client.ledger.liability())
    assert (line.total.count, line.total.quantity) == (2, 207)
    assert [one.quantity for one in line.buckets] == [104, 103, 0, 0, 0]
    assert line.bucket_days == (7, 30, 60, 90)
    (old,) = await listed(client.ledger.open(min_days=8, max_days=30))
    assert (old.member_ref, old.held, old.standing) == ("M-3", 103, "undecided")
    (history,) = [
        one for one in await listed(client.history(old.redemption_id)) if one.version == 3
    ]
    assert history.trigger == "reject"
    members = await listed(client.ledger.liability(by="member"))
    assert [one.member_ref for one in members] == ["M-4", "M-3"]
    (batch,) = await listed(client.ledger.liability(by="batch", as_of="first"))
    assert batch.batch_id
    assert len(await listed(client.ledger.open(batch_id=batch.batch_id, as_of="first"))) == 3


async def test_the_cut_off_of_a_closed_period(client: Any) -> None:
    (line,) = await listed(client.ledger.liability(by="standing", as_of="first"))
    assert (line.standing, line.total.count, line.total.quantity) == ("sent", 3, 306)
    assert line.position == 2
    now = await listed(client.ledger.liability(by="standing"))
    assert [(one.standing.value, one.total.quantity) for one in now] == [
        ("due", 104),
        ("undecided", 103),
    ]


async def test_a_members_statement(client: Any) -> None:
    told = await client.ledger.statement("M-2", page_size=1)
    assert told.opening == ()
    assert [(one.posting.trigger.value, one.after.held) for one in told.lines] == [
        ("submit", 102),
        ("fail", 0),
    ]
    assert told.lines[-1].posting.file_id == client.file.file_id
    (closing,) = told.closing
    assert (closing.member, closing.held) == (0, 0)
    later = await client.ledger.statement("M-2", since="first")
    assert [one.held for one in later.opening] == [102]
    assert len(later.lines) == 1
    assert (await client.ledger.statement("M-2", period="first")).closing == later.opening


async def test_a_partners_statement_beside_its_invoice(client: Any) -> None:
    told = await client.ledger.invoice("skyways")
    (day,) = told.days
    assert (day.on.isoformat(), day.confirmed.count, day.net.quantity) == ("2026-03-12", 1, 101)
    assert told.time_zone == "Europe/London"
    behind = await listed(
        client.ledger.postings(
            partner="skyways",
            accounts=["fulfilled"],
            since=day.after_position,
            until=day.until_position,
        )
    )
    assert [(one.quantity, one.ordinal) for one in behind] == [(101, 1)]
    assert (await client.ledger.invoice("skyways", period="first")).days == ()
    with pytest.raises(errors.NotFound):
        await client.ledger.invoice("nobody")
    with pytest.raises(errors.InvalidRequest):
        await client.ledger.invoice("skyways", time_zone="Nowhere/At_all")


async def test_periods_are_closed_in_order_and_once(client: Any, clock: FakeClock) -> None:
    again = await client.ledger.close_period("first")
    assert (again.replayed, again.actor) == (True, "ada")
    with pytest.raises(errors.PeriodClosed):
        await client.ledger.close_period("second", at=1)
    with pytest.raises(errors.AlreadyExists):
        await client.ledger.close_period("first", at=3)
    with pytest.raises(errors.InvalidRequest):
        await client.ledger.close_period("second", at=clock.now() + DAY)
    second = await client.ledger.close_period("second", at=clock.now() - DAY)
    assert (second.after_position, second.position) == (2, 2)
    assert [one.name for one in await listed(client.ledger.periods(page_size=1))] == [
        "first",
        "second",
    ]


async def test_a_run_report_joins_what_was_before_to_what_came_after(client: Any) -> None:
    told = (await client.files.report(client.file.file_id)).continuity
    held = next(one for one in told.movements if one.account == "held")
    assert (held.opening.quantity, held.left.quantity, held.closing.quantity) == (306, 203, 103)
    assert (held.opening.count, held.left.count, held.closing.count) == (3, 2, 1)


COMMANDS = {
    "balances": ["balances", "--period", "first"],
    "liability": ["liability", "--days", "7", "--days", "30"],
    "liability_by_member": ["liability", "--by", "member"],
    "liability_by_batch": ["liability", "--by", "batch", "--at-position", "2"],
    "open": ["open", "--standing", "undecided", "--min-days", "1"],
    "postings": ["postings", "--account", "fulfilled", "--period", "second"],
    "statement": ["statement", "M-2"],
    "invoice": ["invoice", "skyways", "--from", "2026-03-01", "--to", "2026-03-31"],
    "close": ["close", "second"],
    "periods": ["periods"],
    "cut-off": ["cut-off", "--period", "first"],
}
TOLD = {
    "balances": "skyways miles -306 306 0 0 0",
    "liability": "skyways miles 2 207 104 103 0",
    "liability_by_member": "M-4 miles 1 104 104 0 0 0 0",
    "liability_by_batch": "skyways miles bat_… 3 306 306 0 0 0 0",
    "open": "rdm_… undecided skyways M-3 103 miles … 2026-03-02 12:00:00Z",
    "postings": "… confirm held fulfilled 101 miles skyways hbf_… 1",
    "statement": "… fail 102 miles 0 0 0",
    "invoice": "2026-03-12 miles 101 0 0 0 101 1",
    "close": "position 4",
    "periods": "1 first 0 2 2026-03-02 12:00:00Z",
    "cut-off": "skyways miles sent 3 306 306 0 0 0 0",
}


async def test_the_command_line_tells_the_same(client: Any, target: str) -> None:
    environment = {"HANDBACK_SERVER": target, "HANDBACK_PROGRAMME": "aurora"}
    runner = CliRunner(env=environment)

    async def run(*args: str) -> str:
        result = await asyncio.to_thread(runner.invoke, handback, ["ledger", *args])
        assert result.exit_code == 0, result.output
        return result.stdout

    for name in sorted(COMMANDS):  # `close` comes before `postings`, which asks for what it closed
        printed = " ".join((await run(*COMMANDS[name])).split())
        for part in TOLD[name].split("…"):
            assert part.strip() in printed, (name, printed)
        lines = (await run(*COMMANDS[name], "--json")).splitlines()
        assert all(isinstance(json.loads(line), dict) for line in lines), name
        assert lines, name


@pytest.mark.parametrize(
    "wrong",
    [
        ["balances", "--at-position", "1", "--at", "2026-03-01"],
        ["balances", "--at", "yesterday"],
        ["postings", "--from", "2026-03-01", "--after-position", "1"],
        ["postings", "--to", "2026-03-01", "--period", "first"],
        ["close", "x", "--at", "2026-03-01", "--at-position", "1"],
    ],
)
def test_moments_that_contradict_are_refused(wrong: list[str]) -> None:
    result = CliRunner().invoke(handback, ["--programme", "aurora", "ledger", *wrong])
    assert result.exit_code == 2
