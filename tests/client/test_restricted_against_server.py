"""Reasons of fraud, sanctions or law: shown to those who may see them, and through no door else."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner

from agreements import EXAMPLES
from client.conftest import ALWAYS_AT_ONCE, MakeClient
from handback.settings import Settings
from handback_client.cli.app import handback

CODE, COMMENT = "X4Q7", "asked the police"
"""What must not be told: a code that no id has in it, and what is said about it."""


@pytest.fixture
def settings(store_url: str, tmp_path: Path) -> Settings:
    """A server where grace may see restricted reasons, and nobody else."""
    return Settings.read(
        {
            "HANDBACK_STORE": store_url,
            "HANDBACK_HOME": str(tmp_path / "data"),
            "HANDBACK_LISTEN": "127.0.0.1:0",
            "HANDBACK_DELIVER_S": "0.02",
            "HANDBACK_PICKUP_S": "0.02",
            "HANDBACK_SEQUENCE_S": "0.02",
            "HANDBACK_RESTRICTED_READERS": "compliance, grace",
        }
    )


@dataclass
class Case:
    """One redemption that was stopped, and one whose record cannot be read."""

    ada: Any
    grace: Any
    target: str
    redemption_id: str
    break_id: str
    file_id: str
    content: bytes

    def run(self, actor: str, *args: str) -> str:
        """What a command prints."""
        named = ("--server", self.target, "--programme", "aurora", "--actor", actor, "--json")
        result = CliRunner().invoke(handback, [*named, *args])
        assert result.stdout, result.stderr
        return result.stdout


async def finished(client: Any, file_id: str) -> str:
    """The state of a file, once it is decided and applied."""
    async with asyncio.timeout(30):
        while (state := (await client.files.get(file_id)).state) in ("received", "reconciling"):
            await asyncio.sleep(0.01)
    return str(state)


@pytest_asyncio.fixture
async def case(target: str, make_client: MakeClient, settings: Settings) -> Case:
    """What everybody works on: ada and grace."""
    ada, grace = make_client(target, actor="ada"), make_client(target, actor="grace")
    source = (EXAMPLES / "skyways.toml").read_text().replace('"0401" = "hold"', f'{CODE} = "hold"')
    source = source.replace('complete = "rename"', 'complete = "rename"\nrow_trouble = "reject"')
    await ada.partners.apply(source)
    watch = ada.watch(triggers=["dispatch"], retry=ALWAYS_AT_ONCE)
    told = {"partner": "skyways", "quantity": 100, "unit": "miles", "fields": {"surname": "Lee"}}
    first = await ada.submit(member_ref="M-1", **told)
    await ada.submit(member_ref="M-2", **told)
    (batch,) = await ada.batches.gather("skyways")
    async with asyncio.timeout(30):
        left = 2
        async for _ in watch:
            left -= 1
            if not left:
                break
    outbound = (settings.exchange / "outbound/skyways" / batch.file_name).read_text()
    one, other = (line.split(",") for line in outbound.splitlines() if line.startswith("D,"))
    lines = [
        "H,aurora,1,20260302",
        f"D,{one[1]},{one[2]},{one[5]},{CODE},P1,20260302",
        f"D,{other[1]},{other[2]},many,{CODE},P1,20260302",
        "T,2,100",
        "",
    ]
    content = "\n".join(lines).encode()
    file = await ada.files.upload("skyways", content, file_name="SKY_1.csv")
    if await finished(ada, file.file_id) == "quarantined":
        await ada.files.release(file.file_id, comment="one record is enough")
        assert await finished(ada, file.file_id) == "reconciled"
    (found,) = [one async for one in ada.breaks.list(redemption_id=first.redemption_id)]
    await grace.breaks.comment(found.break_id, COMMENT)
    return Case(ada, grace, target, first.redemption_id, found.break_id, file.file_id, content)


async def seen(case: Case, client: Any, actor: str, tmp_path: Path) -> dict[str, str]:
    """All that a caller is told, as text, by the door it came through."""
    sample = tmp_path / "sample.csv"
    sample.write_bytes(case.content)
    watch = client.watch(retry=ALWAYS_AT_ONCE)
    streamed = []
    async with asyncio.timeout(30):
        async for event in watch:
            streamed.append(event)
            if event.trigger == "reject":
                break
    doors = {
        "history": [one async for one in client.history(case.redemption_id)],
        "watch": streamed,
        "breaks": [one async for one in client.breaks.list()],
        "break": await client.breaks.get(case.break_id),
        "dossier": await client.breaks.dossier(case.break_id),
        "findings": [one async for one in client.files.findings(case.file_id)],
        "finding": [
            await client.files.finding(case.file_id, one.number)
            async for one in client.files.findings(case.file_id)
        ],
        "record": await client.files.record(case.file_id, 1),
        "rejected record": await client.files.record(case.file_id, 2),
        "check": await client.formats.check(sample, partner="skyways"),
    }
    told = {door: str(found) for door, found in doors.items()}
    for command in (
        ("history", case.redemption_id),
        ("breaks", "show", case.break_id),
        ("files", "record", case.file_id, "1"),
        ("format", "check", str(sample), "--agreement", "skyways"),
    ):
        told[" ".join(command[:2])] = await asyncio.to_thread(case.run, actor, *command)
    async for report in client.reports.list():
        needed = {one.name: one for one in report.parameters if one.required}
        known = {"file": case.file_id, "member": "M-1"}
        parameters = {name: known[name] for name in needed if name in known}
        if parameters.keys() != needed.keys():
            continue
        async with client.reports.run(report.name, parameters) as run:
            told[f"report {report.name}"] = str([row.values async for row in run])
    return told


async def test_no_door_tells_a_restricted_reason(case: Case, tmp_path: Path) -> None:
    told = await seen(case, case.ada, "ada", tmp_path)
    leaks = {
        door: text
        for door, text in told.items()
        if CODE in text or COMMENT in text or "'hold'" in text or '"hold"' in text
    }
    assert leaks == {}


async def test_who_may_see_them_is_told_everywhere(case: Case, tmp_path: Path) -> None:
    told = await seen(case, case.grace, "grace", tmp_path)
    silent = {door for door, text in told.items() if CODE not in text and COMMENT not in text}
    assert {door for door in silent if not door.startswith("report")} == set()
    assert any(CODE in text for door, text in told.items() if door.startswith("report"))


async def test_what_is_masked_is_shown_as_ops(case: Case) -> None:
    steps = [one async for one in case.ada.history(case.redemption_id)]
    rejection = next(one for one in steps if one.trigger == "reject")
    assert (rejection.reason_class, rejection.reason_code) == ("ops", "")
    found = await case.ada.breaks.get(case.break_id)
    assert (found.reason_class, found.reason_code, found.raw, found.facts) == ("ops", "", "", {})
    printed = await asyncio.to_thread(case.run, "grace", "history", case.redemption_id)
    assert json.loads(printed.splitlines()[-1])["reason_code"] == CODE
