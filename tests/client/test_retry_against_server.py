"""Both clients and the command line against the real server: a member that is mended and sent."""

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


async def rejected(client: Any, settings: Settings, more: str = "") -> str:
    """A redemption whose member the partner did not know."""
    await client.partners.apply((EXAMPLES / "skyways.toml").read_text() + more)
    watch = client.watch(triggers=["dispatch", "reject"], retry=ALWAYS_AT_ONCE)
    submitted = await client.submit(
        partner="skyways", member_ref="M-1", quantity=100, unit="miles", fields={"surname": "Lee"}
    )
    (batch,) = await client.batches.gather("skyways")
    async with asyncio.timeout(30):
        async for event in watch:
            if event.trigger == "reject":
                return str(submitted.redemption_id)
            outbound = (settings.exchange / "outbound/skyways" / batch.file_name).read_text()
            (sent,) = (line.split(",") for line in outbound.splitlines() if line[:1] == "D")
            lines = ["H,aurora,1,20260302", f"D,{sent[1]},M-1,100,0102,P1,20260302", "T,1,100", ""]
            await client.files.upload("skyways", "\n".join(lines).encode(), file_name="SKY_1.csv")
    raise AssertionError("a watch does not end by itself")


async def test_a_retry_names_what_has_to_change(
    target: str, make_client: MakeClient, settings: Settings
) -> None:
    client = make_client(target, actor="ada")
    redemption_id = await rejected(client, settings)
    with pytest.raises(errors.FieldsUnchanged) as refused:
        await client.retry(redemption_id)
    assert refused.value.facts["fields"] == "member_ref, surname, given_name"
    retried = await client.retry(redemption_id, member_ref="M-7", fields={"surname": "Hopper"})
    assert (retried.state, retried.member_ref) == ("retrying", "M-7")
    steps = [one async for one in client.history(redemption_id)]
    assert steps[-1].changed == ("member_ref", "surname")


async def test_the_command_line_gives_fields_anew(
    target: str, make_client: MakeClient, settings: Settings
) -> None:
    redemption_id = await rejected(make_client(target), settings)
    named = ["--server", target, "--programme", "aurora", "--json", "retry", redemption_id]
    run = CliRunner().invoke
    refused = await asyncio.to_thread(run, handback, named)
    assert refused.exit_code == 1
    assert "FIELDS_UNCHANGED" in refused.stderr
    done = await asyncio.to_thread(run, handback, [*named, "--field", "surname=Hopper"])
    assert json.loads(done.stdout)["state"] == "retrying"


async def test_what_is_excluded_is_told(
    target: str, make_client: MakeClient, settings: Settings
) -> None:
    client = make_client(target)
    redemption_id = await rejected(client, settings, '\n[policy.codes."0102"]\ndo = "never"\n')
    with pytest.raises(errors.RetryExcluded):
        await client.retry(redemption_id, member_ref="M-7")
