"""Both clients against the real server, on each store: the whole life of some redemptions."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner

from agreements import EXAMPLES
from client.conftest import ALWAYS_AT_ONCE, MakeClient
from handback.settings import Settings
from handback_client import AsyncClient, Submission, errors
from handback_client.cli.app import handback
from handback_client.models import Event, HandbackFile, PayoutBatch, Redemption

README = Path(__file__).parents[2] / "clients/python/README.md"
SOURCE = (EXAMPLES / "skyways.toml").read_text()


@pytest_asyncio.fixture
async def client(target: str, make_client: MakeClient) -> AsyncIterator[Any]:
    """A client of the real server, with the example partner applied."""
    client = make_client(target, actor="ada")
    await client.partners.apply(SOURCE)
    yield client


def submission(number: int, **changes: Any) -> Submission:
    values: dict[str, Any] = {
        "request_key": f"order-{number}",
        "partner": "skyways",
        "member_ref": f"M-{number}",
        "quantity": 100 + number,
        "unit": "miles",
        "fields": {"surname": "Lovelace"},
    }
    return Submission(**(values | changes))


async def events(watch: Any, count: int) -> list[Event]:
    """The next so many events."""
    found: list[Event] = []
    async with asyncio.timeout(30):
        async for event in watch:
            found.append(event)
            if len(found) == count:
                break
    return found


def answers(sent: str, codes: dict[str, str], sequence: int) -> bytes:
    """A hand-back file for what was sent: `ok` but for the members that get another code."""
    details = [line.split(",") for line in sent.splitlines() if line.startswith("D,")]
    lines = [f"H,aurora,{sequence},20260302"]
    for _, reference, member, _, _, quantity in details:
        lines.append(
            f"D,{reference},{member},{quantity},{codes.get(member, '0000')},P{member},20260302"
        )
    total = sum(int(detail[5]) for detail in details)
    lines.append(f"T,{len(details)},{total}")
    return ("\n".join(lines) + "\n").encode()


@dataclass
class Answered:
    """Three redemptions, of which one was confirmed, one failed, and one waits for an operator."""

    redemptions: list[Redemption]
    batch: PayoutBatch
    file: HandbackFile


@pytest_asyncio.fixture
async def answered(client: Any, settings: Settings) -> Answered:
    """What was submitted and sent, and a hand-back file that was reconciled."""
    async with client.watch(retry=ALWAYS_AT_ONCE) as watch:
        outcomes = [one async for one in client.submit_many(map(submission, (1, 2, 3)))]
        (batch,) = await client.batches.gather("skyways")
        sent = await events(watch, 6)
        assert [event.trigger for event in sent] == ["submit"] * 3 + ["dispatch"] * 3
        assert sent[0].actor == "ada"
        outbound = (settings.exchange / "outbound/skyways" / batch.file_name).read_text()
        codes = {"M-2": "0201", "M-3": "0101"}  # an account is closed, a member number is wrong
        inbound = answers(outbound, codes, sequence=1)
        file = await client.files.upload("skyways", inbound, file_name="SKY_1.csv")
        steps = await events(watch, 4)
        assert sorted(step.trigger for step in steps) == ["confirm", "fail", "reject", "reject"]
    return Answered([one.redemption for one in outcomes], batch, file)


async def test_many_are_submitted_each_with_its_own_outcome(client: Any) -> None:
    first, unknown, again = [
        one
        async for one in client.submit_many(
            [submission(1), submission(2, partner="nobody"), submission(1)]
        )
    ]
    assert first.redemption.state == "submitted"
    assert isinstance(unknown.error, errors.NotFound)
    assert unknown.error.facts["kind"] == "partner"
    assert again.redemption == first.redemption
    assert again.redemption.replayed


async def test_redemptions_stand_where_their_answers_put_them(
    client: Any, answered: Answered
) -> None:
    ids = [one.redemption_id for one in answered.redemptions]
    assert [(await client.get(one)).state for one in ids] == ["confirmed", "failed", "rejected"]
    listed = [one async for one in client.list(states=["rejected"], page_size=1)]
    assert [one.redemption_id for one in listed] == [ids[2]]
    steps = [one async for one in client.history(ids[0])]
    assert [one.trigger for one in steps] == ["submit", "dispatch", "confirm"]
    with pytest.raises(errors.IllegalTransition) as illegal:
        await client.cancel(ids[0])
    assert illegal.value.facts["state"] == "confirmed"


async def test_reports_and_balances_add_up(client: Any, answered: Answered) -> None:
    batch, file = answered.batch, answered.file
    assert (batch.record_count, batch.quantity, batch.state) == (3, 101 + 102 + 103, "sealed")
    assert (file.state, file.actor) == ("received", "ada")
    report = await client.files.report(file.file_id)
    assert (report.records.count, report.events.count, report.rejects.count) == (3, 3, 0)
    (of_batch,) = report.batches
    assert of_batch == await client.batches.report(batch.batch_id)
    assert of_batch.sent.count == of_batch.confirmed.count + of_batch.rejected.count
    (balance,) = [one async for one in client.ledger.balances()]
    assert balance.member + balance.held + balance.fulfilled == 0
    assert (balance.held, balance.fulfilled) == (103, 101)


async def test_a_break_is_closed_by_a_decision(client: Any, answered: Answered) -> None:
    (found,) = [one async for one in client.breaks.list()]
    assert found.redemption_id == answered.redemptions[2].redemption_id
    assert (found.kind, found.reason_code) == ("review", "0101")
    with pytest.raises(errors.BreakHoldsRedemption):
        await client.breaks.dismiss(found.break_id, comment="not so")
    decided = {"comment": "the member left", "request_key": "decision-1"}
    failed = await client.fail(found.redemption_id, **decided)
    assert (failed.state, failed.replayed) == ("failed", False)
    assert (await client.fail(found.redemption_id, **decided)).replayed
    with pytest.raises(errors.RequestKeyReused):
        await client.fail(found.redemption_id, **(decided | {"comment": "another reason"}))
    assert [one async for one in client.breaks.list()] == []


async def test_a_file_that_is_cut_off_waits_until_it_is_released(
    client: Any, settings: Settings
) -> None:
    watch = client.watch(triggers=["dispatch", "confirm"], retry=ALWAYS_AT_ONCE)
    async for _ in client.submit_many([submission(1), submission(2)]):
        pass
    (batch,) = await client.batches.gather("skyways")
    await events(watch, 2)
    sent = (settings.exchange / "outbound/skyways" / batch.file_name).read_text()
    whole = answers(sent, {}, sequence=1)
    cut = whole[: whole.index(b"T,")]

    file = await client.files.upload("skyways", cut, file_name="SKY_1.csv", request_key="u")
    async with asyncio.timeout(30):
        while (file := await client.files.get(file.file_id)).state == "received":
            pass
    assert file.state == "quarantined"
    findings = [one async for one in client.files.findings(file.file_id)]
    assert any(one.severity == "quarantine" for one in findings)
    assert [one.file_id async for one in client.files.list(states=["quarantined"])] == [
        file.file_id
    ]
    released = await client.files.release(file.file_id, comment="both answers are there")
    assert released.file_id == file.file_id
    await events(watch, 2)
    watch.close()


async def test_a_watch_is_taken_up_by_its_cursor(client: Any) -> None:
    async for _ in client.submit_many(submission(number) for number in range(2_500)):
        pass
    async with client.watch() as watch:
        before = await events(watch, 1_234)
        cursor = watch.cursor
    async with client.watch(cursor) as watch:
        after = await events(watch, 2_500 - 1_234)
    ids = [event.redemption_id for event in before + after]
    assert len(set(ids)) == 2_500
    with pytest.raises(errors.CursorAhead):
        async with client.watch("999999.0") as watch:
            await events(watch, 1)
    with pytest.raises(errors.InvalidRequest):
        async with client.watch("nonsense") as watch:
            await events(watch, 1)


async def test_what_is_wrong_is_refused_with_its_reason(client: Any) -> None:
    with pytest.raises(errors.InvalidRequest) as invalid:
        await client.submit(partner="skyways", member_ref="", quantity=0, unit="miles")
    assert {violation.field for violation in invalid.value.violations} >= {
        "member_ref",
        "quantity",
    }
    with pytest.raises(errors.NotFound):
        await client.get("rdm_zzzzzzzzzz")
    with pytest.raises(errors.InvalidAgreement) as agreement:
        await client.partners.apply('programme = "aurora"\npartner = "skyways"\n')
    assert len(agreement.value.violations) > 1
    mistakes = await client.partners.check('programme = "aurora"\npartner = "skyways"\n')
    assert len(mistakes) >= len(agreement.value.violations)
    assert await client.partners.check(SOURCE) == ()
    assert (await client.partners.apply(SOURCE)).unchanged
    assert (await client.partners.agreement("skyways")).source == SOURCE
    assert [one.version async for one in client.partners.agreements("skyways")] == [1]
    assert [one.partner async for one in client.partners.list()] == ["skyways"]


async def test_the_command_line_speaks_to_the_server(target: str, tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    rows = [f"order-{number},M-{number},{number + 1},Lovelace" for number in range(1_500)]
    orders.write_text("\n".join(["request_key,member_ref,quantity,surname", *rows]) + "\n")

    async def run(*args: str) -> str:
        environment = {"HANDBACK_SERVER": target, "HANDBACK_PROGRAMME": "aurora"}
        result = await asyncio.to_thread(CliRunner(env=environment).invoke, handback, args)
        assert result.exit_code == 0, result.stderr
        return result.stdout

    assert "applied" in await run("partner", "apply", str(EXAMPLES / "skyways.toml"))
    submit = ("submit", "--csv", str(orders), "--partner", "skyways", "--unit", "miles")
    assert await run(*submit) == "submitted 1500 of 1500, 0 of them before; 0 refused\n"
    assert await run(*submit) == "submitted 1500 of 1500, 1500 of them before; 0 refused\n"
    events = (await run("watch", "--until-caught-up", "--json")).splitlines()
    assert len(events) == 1_500
    (balance,) = (await run("ledger", "balances", "--json")).splitlines()
    assert json.loads(balance)["held"] == sum(range(1, 1_501))
    assert len((await run("list", "--limit", "7")).splitlines()) == 8


async def test_the_readme_does_what_it_says(
    target: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = re.findall(r"```python\n(.+?)```", README.read_text(), re.DOTALL)
    program = compile(block.replace("127.0.0.1:7470", target), str(README), "exec")
    async with AsyncClient(target, programme="aurora") as partner:
        await partner.partners.apply(SOURCE)
        running = asyncio.create_task(asyncio.to_thread(exec, program, {}))
        async with partner.watch(triggers=["submit", "dispatch"]) as watch:
            await events(watch, 1)
            (batch,) = await partner.batches.gather("skyways")
            await events(watch, 1)
        sent = (settings.exchange / "outbound/skyways" / batch.file_name).read_text()
        await partner.files.upload("skyways", answers(sent, {}, sequence=1), file_name="SKY.csv")
        await asyncio.wait_for(running, 30)
    first, *steps = capsys.readouterr().out.splitlines()
    assert first.endswith("submitted")
    assert steps == ["submit submitted", "dispatch awaiting_handback", "confirm confirmed"]
