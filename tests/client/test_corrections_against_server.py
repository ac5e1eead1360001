"""Both clients and the command line against the real server: corrections, and remainders."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from click.testing import CliRunner

from agreements import EXAMPLES
from client.conftest import ALWAYS_AT_ONCE, MakeClient
from handback.settings import Settings
from handback_client import errors
from handback_client.cli.app import handback


async def submit(client: Any, member: str) -> Any:
    return await client.submit(
        partner="skyways",
        member_ref=member,
        quantity=100,
        unit="miles",
        fields={"surname": "Lovelace"},
    )


async def answered(client: Any, settings: Settings, member: str, quantity: int, code: str) -> str:
    """A redemption that was sent, and of which a file says so; its id."""
    document = (EXAMPLES / "skyways.toml").read_text()
    resubmit = '[quantity]\npartial = "resubmit"\n\n[payout]'
    await client.partners.apply(document.replace("[payout]", resubmit, 1))
    watch = client.watch(triggers=["dispatch"], retry=ALWAYS_AT_ONCE)
    redemption = await submit(client, "M-1")
    (batch,) = await client.batches.gather("skyways")
    async with asyncio.timeout(30):
        await anext(aiter(watch))
    outbound = (settings.exchange / "outbound/skyways" / batch.file_name).read_text()
    (sent,) = [line.split(",") for line in outbound.splitlines() if line.startswith("D,")]
    line = f"D,{sent[1]},{member},{quantity},{code},P1,20260302"
    whole = f"H,aurora,1,20260302\n{line}\nT,1,{quantity}\n".encode()
    file = await client.files.upload("skyways", whole, file_name="SKY_1.csv")
    async with asyncio.timeout(30):
        while (await client.files.get(file.file_id)).state != "reconciled":
            await asyncio.sleep(0.01)
    return str(redemption.redemption_id)


async def test_a_corrected_member_is_blocked_until_somebody_acknowledges_it(
    target: str, make_client: MakeClient, settings: Settings
) -> None:
    ada = make_client(target, actor="ada")
    credited = await answered(ada, settings, "M-MERGED", 100, "0001")
    (found,) = [one async for one in ada.corrections.list()]
    assert (found.member_ref, found.named_member) == ("M-1", "M-MERGED")
    assert (found.redemption_id, found.reason_code) == (credited, "0001")
    with pytest.raises(errors.MemberCorrected) as refused:
        await submit(ada, "M-1")
    assert refused.value.facts["correction"] == found.correction_id
    assert refused.value.facts["named_member"] == "M-MERGED"
    done = await ada.corrections.acknowledge(found.correction_id, comment="told", request_key="k")
    assert (done.acknowledged_by, done.replayed) == ("ada", False)
    again = await ada.corrections.acknowledge(found.correction_id, comment="told", request_key="k")
    assert again.replayed
    assert [one async for one in ada.corrections.list()] == []
    assert (await submit(ada, "M-1")).state == "submitted"
    with pytest.raises(errors.NotFound):
        await ada.corrections.acknowledge("cor_0000000000zzz")
    named = ("--server", target, "--programme", "aurora", "--json")
    arguments = [*named, "correction", "list", "--all", "--member", "M-1"]
    result = await asyncio.to_thread(CliRunner().invoke, handback, arguments)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["correction_id"] == found.correction_id


async def test_a_remainder_is_found_from_both_ends(
    target: str, make_client: MakeClient, settings: Settings
) -> None:
    ada = make_client(target, actor="ada")
    first = await ada.get(await answered(ada, settings, "M-1", 60, "0000"))
    assert (first.state, first.fulfilled) == ("confirmed", 60)
    (remainder,) = first.remainder_ids
    second = await ada.get(remainder)
    assert (second.state, second.quantity, second.origin_id) == (
        "submitted",
        40,
        first.redemption_id,
    )
    steps = [one.trigger async for one in ada.history(first.redemption_id)]
    assert steps == ["submit", "dispatch", "release", "confirm"]
