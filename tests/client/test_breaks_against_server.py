"""Both clients and the command line against the real server: breaks from opening to two persons."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner

from agreements import EXAMPLES
from client.conftest import ALWAYS_AT_ONCE, MakeClient
from handback.settings import Settings
from handback_client import errors
from handback_client.cli.app import handback
from handback_client.models import Break


@dataclass
class Office:
    """Two persons at one server, and breaks that wait for them."""

    ada: Any
    grace: Any
    target: str
    breaks: list[Break]
    cut: str
    """A hand-back file in quarantine."""

    def run(self, actor: str, *args: str) -> Any:
        """What a command prints as JSON, for one of them."""
        named = ("--server", self.target, "--programme", "aurora", "--actor", actor, "--json")
        result = CliRunner().invoke(handback, [*named, *args])
        assert result.exit_code == 0, result.stderr
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        return lines[0] if len(lines) == 1 else lines


async def finished(client: Any, file_id: str) -> str:
    """The state of a file, once it is decided and applied."""
    async with asyncio.timeout(30):
        while (state := (await client.files.get(file_id)).state) in ("received", "reconciling"):
            await asyncio.sleep(0.01)
    return str(state)


@pytest_asyncio.fixture
async def office(target: str, make_client: MakeClient, settings: Settings) -> Office:
    """Three redemptions that wait for a person, and a file that is cut off."""
    ada, grace = make_client(target, actor="ada"), make_client(target, actor="grace")
    nothing_changes = "\n[policy.fix_member]\nchanged = []\n"
    await ada.partners.apply((EXAMPLES / "skyways.toml").read_text() + nothing_changes)
    watch = ada.watch(triggers=["dispatch"], retry=ALWAYS_AT_ONCE)
    for number in (1, 2, 3):
        await ada.submit(
            partner="skyways",
            member_ref=f"M-{number}",
            quantity=100 + number,
            unit="miles",
            fields={"surname": "Lovelace"},
        )
    (batch,) = await ada.batches.gather("skyways")
    left = 3
    async with asyncio.timeout(30):
        async for _ in watch:
            left -= 1
            if not left:
                break
    outbound = (settings.exchange / "outbound/skyways" / batch.file_name).read_text()
    details = [line.split(",") for line in outbound.splitlines() if line.startswith("D,")]
    lines = [f"D,{one[1]},{one[2]},{one[5]},0101,P1,20260302" for one in details]
    head, trailer = "H,aurora,1,20260302", f"T,3,{101 + 102 + 103}"
    whole = "\n".join([head, *lines, trailer, ""]).encode()
    file = await ada.files.upload("skyways", whole, file_name="SKY_1.csv")
    assert await finished(ada, file.file_id) == "reconciled"
    cut = await ada.files.upload("skyways", whole[:60], file_name="SKY_2.csv")
    assert await finished(ada, cut.file_id) == "quarantined"
    return Office(ada, grace, target, [one async for one in ada.breaks.list()], cut.file_id)


async def test_a_break_is_taken_on_commented_and_found_again(office: Office) -> None:
    first, second, _ = office.breaks
    assert (first.severity, first.owner, first.age_s) == ("normal", "", 0)
    assert first.due_at is not None
    assert (await office.ada.breaks.assign(first.break_id, "grace")).owner == "grace"
    await office.grace.breaks.comment(first.break_id, "asked the airline", request_key="c")
    assert (
        await office.grace.breaks.comment(first.break_id, "asked the airline", request_key="c")
    ).replayed
    hers = [one.break_id async for one in office.ada.breaks.list(owner="grace")]
    nobodys = [one.break_id async for one in office.ada.breaks.list(unowned=True)]
    assert hers == [first.break_id]
    assert second.break_id in nobodys
    assert first.break_id not in nobodys
    dossier = await office.ada.breaks.dossier(first.break_id)
    assert [(one.kind, one.actor, one.text) for one in dossier.history] == [
        ("assigned", "ada", "grace"),
        ("commented", "grace", "asked the airline"),
    ]
    assert dossier.file is not None
    assert (dossier.file.file_id, dossier.line) == (first.file_id, first.ordinal + 1)
    assert dossier.agreement_version == 1
    assert dossier.reference
    assert [one async for one in office.ada.breaks.list(severities=["critical"])] == []
    assert [one async for one in office.ada.breaks.list(overdue=True)] == []
    with pytest.raises(errors.InvalidRequest):
        [one async for one in office.ada.breaks.list(severities=["dire"])]


async def test_one_proposes_and_another_approves(office: Office) -> None:
    first = office.breaks[0]
    resolved = await office.ada.breaks.resolve(
        "confirm", [first.break_id], comment="the statement has it"
    )
    (outcome,) = resolved.outcomes
    assert outcome.proposed
    assert outcome.found is not None
    assert outcome.found.proposal is not None
    (waiting,) = [one async for one in office.grace.breaks.list(proposed=True)]
    assert waiting == outcome.found
    with pytest.raises(errors.NotAllowed) as refused:
        await office.ada.breaks.approve(first.break_id, 1)
    assert refused.value.facts["actor"] == "ada"
    with pytest.raises(errors.ProposalLapsed):
        await office.grace.breaks.approve(first.break_id, 2)
    closed = await office.grace.breaks.approve(first.break_id, 1, comment="so it is")
    assert (closed.resolution, closed.closed_by) == ("confirmed", "grace")
    assert (await office.ada.get(first.redemption_id)).state == "confirmed"
    reopened = await office.ada.breaks.reopen(first.break_id, comment="it came back")
    assert reopened.closed_at is None
    with pytest.raises(errors.BreakOpen):
        await office.ada.breaks.reopen(first.break_id, comment="once more")


async def test_many_are_resolved_each_with_its_own_outcome(office: Office) -> None:
    first, second, third = (one.break_id for one in office.breaks)
    asked = {"comment": "numbers unknown", "request_key": "bulk"}
    resolved = await office.ada.breaks.resolve("fail", [first, "brk_0000000000zzz"], **asked)
    done, unknown = resolved.outcomes
    assert done.found is not None
    assert done.found.resolution == "failed"
    assert isinstance(unknown.error, errors.NotFound)
    rest = await office.ada.breaks.resolve_matching("retry", comment="mended", kinds=["review"])
    assert [one.break_id for one in rest.outcomes] == [second, third]
    assert not rest.more
    with pytest.raises(errors.InvalidRequest):
        await office.ada.breaks.resolve("forget", [first], comment="why")


async def test_a_decision_about_no_break_says_how_many_it_may_be_about(office: Office) -> None:
    with pytest.raises(errors.InvalidRequest) as refused:
        await office.ada.breaks.resolve("fail", [], comment="why")
    assert list(refused.value.violations) == [
        errors.Violation("break_ids", "expected 1 to 1000 breaks")
    ]


async def test_what_a_filter_cannot_have_is_told_by_its_place(office: Office) -> None:
    with pytest.raises(errors.InvalidRequest) as refused:
        await office.ada.breaks.resolve_matching("fail", comment="why", file_id="hbf_")
    assert [one.field for one in refused.value.violations] == ["filter.file_id"]


async def test_a_comment_is_text_that_can_be_kept(office: Office) -> None:
    with pytest.raises(errors.InvalidRequest) as refused:
        await office.ada.breaks.comment(office.breaks[0].break_id, "changed\x00mind")
    assert [one.field for one in refused.value.violations] == ["comment"]


async def test_a_proposal_is_declined(office: Office) -> None:
    first = office.breaks[0].break_id
    await office.ada.breaks.resolve("write_off", [first], comment="so small", quantity=100)
    declined = await office.grace.breaks.decline(first, 1, comment="not so small")
    assert declined.proposal is None
    history = (await office.ada.breaks.dossier(first)).history
    assert [one.kind for one in history] == ["proposed", "declined"]


async def test_two_persons_discard_a_file(office: Office) -> None:
    asked = await office.ada.files.discard(office.cut, comment="a test file")
    assert (asked.state, asked.discard_asked_by) == ("quarantined", "ada")
    with pytest.raises(errors.NotAllowed):
        await office.ada.files.discard(office.cut, comment="really")
    discarded = await office.grace.files.discard(office.cut, comment="a test file indeed")
    assert (discarded.state, discarded.verdict) == ("refused", "DISCARDED")
    with pytest.raises(errors.FileQuarantined):
        await office.ada.files.release(office.cut, comment="after all")


async def test_the_command_line_does_it_all(office: Office) -> None:
    first, second, _ = (one.break_id for one in office.breaks)

    def walk() -> None:
        run = office.run
        assert run("ada", "breaks", "assign", first, "grace")["owner"] == "grace"
        run("ada", "breaks", "comment", first, "looks odd")
        asked = ("breaks", "resolve", "confirm", first, "--comment", "the statement has it")
        assert run("ada", *asked)["outcome"] == "proposed"
        assert run("grace", "breaks", "approve", first, "1")["resolution"] == "confirmed"
        run("ada", "breaks", "resolve", "confirm", second, "--comment", "likewise")
        assert not run("grace", "breaks", "decline", second, "1", "--comment", "no")["proposal"]
        assert run("ada", "breaks", "reopen", first, "--comment", "hm")["closed_at"] is None
        shown = run("ada", "breaks", "show", first)
        assert [one["kind"] for one in shown["history"]][:3] == [
            "assigned",
            "commented",
            "proposed",
        ]
        run("ada", "breaks", "dismiss", first, "--comment", "nothing left to do")
        matching = ("breaks", "resolve", "fail", "--kind", "review", "--comment", "given up")
        assert [one["outcome"] for one in run("ada", *matching)] == ["failed", "failed"]
        assert run("ada", "breaks", "list") == []
        asked = run("ada", "files", "discard", office.cut, "--comment", "a test")
        assert asked["discard_asked_by"] == "ada"

    await asyncio.to_thread(walk)
