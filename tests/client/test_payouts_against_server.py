"""Both clients and the command line against the real server: what goes out, and what stops it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner

from agreements import EXAMPLES
from client.conftest import ALWAYS_AT_ONCE, MakeClient
from fake_clock import FakeClock
from handback.settings import Settings
from handback_client import Submission, errors
from handback_client.cli.app import handback

SOURCE = (EXAMPLES / "skyways.toml").read_text()
INTERVAL = "interval_s = 2 "
CUT_OFFS = SOURCE.replace(INTERVAL, 'cut_offs = ["11:00", "16:30"]\nfiles_per_day = 1\n#')


@dataclass
class Desk:
    """An operator at a server that delivers by itself, and gathers when told to."""

    client: Any
    target: str
    outbound: Path
    submitted: int = 0

    async def submit(self) -> Any:
        """A new redemption."""
        self.submitted += 1
        return await self.client.submit(
            partner="skyways",
            member_ref=f"M-{self.submitted}",
            quantity=100,
            unit="miles",
            fields={"surname": "Lovelace"},
            request_key=f"order-{self.submitted}",
        )

    async def dispatched(self) -> None:
        """Return when one redemption more was dispatched."""
        async with asyncio.timeout(30):
            watch = self.client.watch(triggers=["dispatch"], retry=ALWAYS_AT_ONCE)
            async with watch:
                async for _ in watch:
                    return

    async def run(self, *args: str) -> Any:
        """What a command prints as JSON, a result or several."""
        named = ("--server", self.target, "--programme", "aurora", "--actor", "ada", "--json")
        result = await asyncio.to_thread(CliRunner().invoke, handback, [*named, *args])
        assert result.exit_code == 0, result.stderr
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        return lines[0] if len(lines) == 1 else lines


@pytest_asyncio.fixture
async def desk(target: str, settings: Settings, make_client: MakeClient) -> Desk:
    """A server with an example partner."""
    client = make_client(target, actor="ada")
    await client.partners.apply(SOURCE)
    return Desk(client, target, settings.exchange / "outbound/skyways")


async def test_a_held_partner_gets_nothing_and_a_recalled_batch_never_leaves(desk: Desk) -> None:
    redemption = await desk.submit()
    # Held before, so that the server cannot be faster than the recall.
    hold = await desk.client.partners.hold("skyways", comment="a wrong rate", request_key="h")
    assert (hold.partner, hold.held_by, hold.released_at) == ("skyways", "ada", None)
    again = await desk.client.partners.hold("skyways", comment="a wrong rate", request_key="h")
    assert again.replayed
    with pytest.raises(errors.AlreadyExists):
        await desk.client.partners.hold("skyways", comment="twice")
    with pytest.raises(errors.PartnerHeld) as held:
        await desk.client.batches.gather("skyways")
    assert held.value.facts["why"] == "a wrong rate"
    assert (await desk.client.get(redemption.redemption_id)).state == "submitted"
    released = await desk.client.partners.release("skyways", comment="mended")
    assert (released.released_by, released.release_comment) == ("ada", "mended")
    with pytest.raises(errors.NotFound):
        await desk.client.partners.release("skyways", comment="twice")
    (batch,) = await desk.client.batches.gather("skyways")
    await desk.dispatched()
    with pytest.raises(errors.WrongBatchState):
        await desk.client.batches.recall(batch.batch_id, comment="too late")
    assert [one.reason async for one in desk.client.partners.holds("skyways")] == ["a wrong rate"]


async def test_what_is_undeliverable_is_recalled_and_goes_out_anew(desk: Desk) -> None:
    await desk.submit()
    desk.outbound.mkdir(parents=True)
    taken = desk.outbound / "SKY_20260302_000001.csv"
    taken.write_text("somebody else's")
    (batch,) = await desk.client.batches.gather("skyways")
    async with asyncio.timeout(30):
        while not [one async for one in desk.client.breaks.list(kinds=["undeliverable"])]:
            await asyncio.sleep(0.01)
    await desk.client.partners.hold("skyways", comment="so that nothing is faster")
    recalled = await _recalled(desk, batch.batch_id)
    assert (recalled.state, recalled.recall_reason) == ("recalled", "the name is taken")
    report = await desk.client.batches.report(batch.batch_id)
    assert report.sent.count == 0
    assert [one async for one in desk.client.breaks.list()] == []
    await desk.client.partners.release("skyways", comment="go on")
    (second,) = await desk.client.batches.gather("skyways")
    assert (second.sequence, second.record_count) == (2, 1)
    await desk.dispatched()
    states = [one.state async for one in desk.client.batches.list()]
    assert states[0] == "recalled"
    assert states[1] in ("delivered", "dispatched")


async def _recalled(desk: Desk, batch_id: str) -> Any:
    """The batch recalled, as soon as no try to deliver it is under way."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await desk.client.batches.recall(batch_id, comment="the name is taken")
            except errors.WrongBatchState:
                await asyncio.sleep(0.01)


async def test_a_file_is_sent_again_byte_for_byte(desk: Desk) -> None:
    await desk.submit()
    (batch,) = await desk.client.batches.gather("skyways")
    await desk.dispatched()
    file = desk.outbound / batch.file_name
    content = file.read_bytes()
    file.unlink()
    again = await desk.client.batches.resend(
        batch.batch_id, file_name="SKY_again.csv", comment="lost", request_key="r"
    )
    assert (again.resent_by, again.resent_as, again.replayed) == ("ada", "SKY_again.csv", False)
    assert (desk.outbound / "SKY_again.csv").read_bytes() == content
    same = {"file_name": "SKY_again.csv", "comment": "lost", "request_key": "r"}
    assert (await desk.client.batches.resend(batch.batch_id, **same)).replayed
    with pytest.raises(errors.InvalidRequest):
        await desk.client.batches.resend(batch.batch_id, file_name="../out.csv")


async def test_batches_past_their_deadline_are_listed(desk: Desk, clock: FakeClock) -> None:
    await desk.submit()
    await desk.client.batches.gather("skyways")
    await desk.dispatched()
    assert [one async for one in desk.client.batches.list(overdue=True)] == []
    clock.advance(days=9)
    (late,) = [one async for one in desk.client.batches.list(overdue=True)]
    assert late.deadline_at == datetime(2026, 3, 10, tzinfo=UTC)
    assert late.settled_at is None


async def test_a_submit_is_told_the_next_cut_off(desk: Desk) -> None:
    assert (await desk.submit()).next_cut_off_at is None
    await desk.client.partners.apply(CUT_OFFS)
    told = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)
    first = await desk.submit()
    assert first.next_cut_off_at == told
    many = [
        Submission(
            partner="skyways",
            member_ref="M-9",
            quantity=5,
            unit="miles",
            fields={"surname": "Hopper"},
            request_key=key,
        )
        for key in ("order-8", "order-9")
    ]
    outcomes = [one.redemption async for one in desk.client.submit_many(many)]
    assert [one.next_cut_off_at for one in outcomes] == [told, told]
    assert (await desk.client.get(first.redemption_id)).next_cut_off_at is None
    assert len(await desk.client.batches.gather("skyways")) == 1
    await desk.submit()
    with pytest.raises(errors.LimitReached):
        await desk.client.batches.gather("skyways")


async def test_the_command_line_steers_what_goes_out(desk: Desk) -> None:
    await desk.submit()
    held = await desk.run("partner", "hold", "skyways", "--comment", "their server moves")
    assert held["held_by"] == "ada"
    (listed,) = [await desk.run("partner", "holds")]
    assert listed["reason"] == "their server moves"
    await desk.run("partner", "release", "skyways", "--comment", "it has moved")
    (batch,) = await desk.client.batches.gather("skyways")
    await desk.dispatched()
    again = await desk.run("batches", "resend", batch.batch_id, "--as", "SKY_again.csv")
    assert again["resent_as"] == "SKY_again.csv"
    assert await desk.run("batches", "list", "--overdue") == []
