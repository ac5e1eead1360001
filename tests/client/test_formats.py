"""Trying files and drafting layouts: against the real server, by both clients and by commands."""

from __future__ import annotations

import asyncio
import gzip
import json
import tomllib
from collections.abc import AsyncIterator, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner, Result

from agreements import source_of
from client.conftest import MakeClient
from fake_clock import FakeClock
from handback.formats.builtin import builtin, golden
from handback.formats.findings import DETAIL
from handback.partners.reading import parse
from handback.settings import Settings
from handback_client import errors
from handback_client.cli.app import handback
from handback_client.models.inspection import DecodedRecord
from handback_server.app import Server
from intake_files import handback as answers
from intake_files import row, with_terms

SKYWAYS = source_of("skyways")
FILE = answers([row(1), row(2, 250), row(3, 40, code="0301"), row(4, 5, code="9999")])


@pytest_asyncio.fixture
async def target(sqlite_url: str, tmp_path: Path, clock: FakeClock) -> AsyncIterator[str]:
    """Where a real server listens that does nothing by itself."""
    settings = Settings.read(
        {
            "HANDBACK_STORE": sqlite_url,
            "HANDBACK_HOME": str(tmp_path / "data"),
            "HANDBACK_LISTEN": "127.0.0.1:0",
        }
    )
    server = await Server.open(settings, clock, lambda runtime: [])
    yield f"127.0.0.1:{server.port}"
    await server.close()


@pytest_asyncio.fixture
async def client(target: str, make_client: MakeClient) -> Any:
    """A client of the real server, with the example partner applied."""
    client = make_client(target, actor="ada")
    await client.partners.apply(SKYWAYS)
    return client


async def run(target: str, *args: str) -> Result:
    """One command on a thread of its own."""
    options = ["--server", target, "--programme", "aurora"]
    return await asyncio.to_thread(CliRunner().invoke, handback, [*options, *args])


class TestCheck:
    async def test_a_file_is_tried_under_a_partners_agreement(self, client: Any) -> None:
        check = await client.formats.check(FILE, partner="skyways", file_name="a.csv")
        assert (check.verdict, check.state) == ("ACCEPTED", "received")
        assert (check.records.count, check.records.quantity) == (4, 395)
        assert (check.rejected_count, check.referenced_count) == (0, 4)
        assert check.control == {"record_count": "4", "quantity_total": "395"}
        [ok, temporary, unknown] = check.codes
        assert (ok.code, ok.reason_class, ok.trigger, ok.action) == ("0000", "ok", "confirm", "")
        assert (temporary.trigger, temporary.action) == ("reject", "retry")
        assert (unknown.mapped, unknown.reason_class, unknown.action) == (False, "ops", "review")
        first = check.first_records[0]
        assert (first.ordinal, first.code, first.quantity) == (1, "0000", 100)
        assert first.redemption_id.startswith("rdm_")
        assert first.answered_on == "2026-03-03"
        assert [file async for file in client.files.list()] == []

    async def test_a_record_without_a_key_names_no_redemption(self, client: Any) -> None:
        strange = answers([row(1).replace("HB", "XX")], total=100)
        check = await client.formats.check(strange, partner="skyways", file_name="a.csv")
        assert [record.redemption_id for record in check.first_records] == [""]

    async def test_a_fee_is_told_and_so_is_an_answer_to_a_whole_batch(self, client: Any) -> None:
        document = f"{BY_NAME}[formats.answers]\n{WITH_FEE}".replace("plain-answers", "answers")
        check = await client.formats.check(
            b"A1,00,95,5\nA2,00,95,\n", agreement=document, file_name="a"
        )
        assert [record.fee for record in check.first_records] == [5, None]
        assert [record.scope for record in check.first_records] == ["", ""]
        document = BY_NAME.replace("plain-answers", "iso20022")
        rejected = golden("iso20022").joinpath("message-rejected.xml").read_bytes()
        check = await client.formats.check(rejected, agreement=document, file_name="a.xml")
        assert [record.scope for record in check.first_records] == ["batch"]

    def test_every_field_of_a_record_is_told(self) -> None:
        assert {field.name for field in fields(DecodedRecord)} == {*DETAIL} - {"raw"}

    async def test_findings_come_with_it(self, client: Any) -> None:
        bad = answers([row(1).replace("100", "many")], total=100)
        check = await client.formats.check(bad, partner="skyways", file_name="a.csv")
        assert (check.verdict, check.state) == ("ROWS_REJECTED", "quarantined")
        assert {finding.code for finding in check.findings} >= {"bad_integer"}

    async def test_a_document_need_not_have_been_applied(self, client: Any) -> None:
        source = with_terms(SKYWAYS, ('complete = "rename"', 'envelope = ["gzip"]'))
        other = source.replace('partner = "skyways"', 'partner = "newways"')
        for document in (source, other):
            check = await client.formats.check(
                gzip.compress(FILE), agreement=document, file_name="a.gz"
            )
            assert (check.verdict, check.envelope) == ("ACCEPTED", "gzip")

    async def test_what_is_asked_wrongly_is_refused(self, client: Any) -> None:
        with pytest.raises(errors.NotFound):
            await client.formats.check(FILE, partner="nobody", file_name="a.csv")
        with pytest.raises(errors.NotFound):
            await client.formats.check(
                FILE, partner="skyways", agreement_version=9, file_name="a.csv"
            )
        with pytest.raises(errors.InvalidRequest):
            await client.formats.check(FILE, file_name="a.csv")
        with pytest.raises(errors.InvalidAgreement):
            await client.formats.check(FILE, agreement="programme = 1", file_name="a.csv")


class TestDraft:
    async def test_samples_give_a_layout(self, client: Any, tmp_path: Path) -> None:
        path = tmp_path / "sample.csv"
        path.write_bytes(FILE)
        draft = await client.formats.draft([path], name="answers")
        assert draft.source.count("[[formats.answers.records]]") == 3
        assert draft.remarks == ("sample.csv: 4 records, 0 of them rejected, no findings",)
        assert draft.unsure_count == draft.source.count("unsure:") > 0

    async def test_a_name_that_no_format_can_have_is_refused(
        self, client: Any, tmp_path: Path
    ) -> None:
        path = tmp_path / "sample.csv"
        path.write_bytes(FILE)
        with pytest.raises(errors.InvalidRequest):
            await client.formats.draft([path], name="no name")
        path.write_bytes(b"")
        with pytest.raises(errors.InvalidRequest):
            await client.formats.draft([path])


LAYOUT = """framing = "delimited"
[[records]]
kind = "detail"
fields = [{ name = "reference", at = 1 }, { name = "code", at = 2, type = "code" }]
"""
WITH_FEE = """framing = "delimited"
[[formats.plain-answers.records]]
kind = "detail"
fields = [
    { name = "reference", at = 1 },
    { name = "code", at = 2, type = "code" },
    { name = "quantity", at = 3, type = "integer" },
    { name = "fee", at = 4, type = "integer", required = false },
]
[codes.plain-answers]
"00" = "ok"
"""
BY_NAME = """
programme = "aurora"
partner = "nova"
time_zone = "Europe/London"
units = ["miles"]
[payout]
format = "outbound"
folder = "outbound/nova"
file_name = "NOVA_{sequence:06}.csv"
[handback]
format = "plain-answers"
folder = "inbound/nova"
[formats.outbound]
framing = "delimited"
[[formats.outbound.records]]
kind = "detail"
fields = [{ name = "reference", at = 1 }, { name = "quantity", at = 2, type = "integer" }]
"""
EXPECTED = """{"records": [{"ordinal": 1, "line": 1, "reference": "A1", "code": "00"}]}"""


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One format that Handback brings along for the time of a test; its golden files."""
    golden = tmp_path / "formats" / "plain-answers" / "golden"
    golden.mkdir(parents=True)
    (golden.parent / "layout.toml").write_text(LAYOUT)
    (golden.parent / "codes.toml").write_text('"00" = "ok"\n')
    (golden / "good.csv").write_text("A1,00\n")
    (golden / "good.csv.expected.json").write_text(EXPECTED)
    monkeypatch.setattr("handback.formats.builtin._folder", lambda: tmp_path / "formats")
    builtin.cache_clear()
    yield golden
    builtin.cache_clear()


class TestBroughtAlong:
    async def test_they_are_listed_shown_and_tested(self, brought: Path, client: Any) -> None:
        [listed] = [one async for one in client.formats.list()]
        assert (listed.name, listed.framing, listed.source) == ("plain-answers", "delimited", "")
        found = await client.formats.get("plain-answers")
        assert (found.source, found.codes) == (LAYOUT, {"00": "ok"})
        [result] = await client.formats.test("plain-answers")
        assert (result.file_name, result.record_count, result.differences) == ("good.csv", 1, ())
        for call in (client.formats.get, client.formats.test):
            with pytest.raises(errors.NotFound):
                await call("no-such-format")

    async def test_what_a_scheme_says_of_retries_is_shown(self, target: str, client: Any) -> None:
        found = await client.formats.get("nacha-returns")
        assert found.policies['codes."R05"'] == 'do = "never"\n'
        shown = await run(target, "format", "show", "nacha-returns")
        said = tomllib.loads(shown.output)["policy"]
        assert said == builtin("nacha-returns").policy

    async def test_commands(self, target: str, brought: Path, client: Any) -> None:
        listed = await run(target, "format", "list")
        assert listed.output == "name\tframing\nplain-answers\tdelimited\n"
        shown = await run(target, "format", "show", "plain-answers")
        assert shown.output == f'{LAYOUT}\n[codes]\n"00" = "ok"\n'
        good = await run(target, "format", "test")
        assert (good.exit_code, good.output.splitlines()[-1]) == (
            0,
            "plain-answers\tgood.csv\t1\tas expected",
        )
        (brought / "good.csv").write_text("A2,00\n")
        bad = await run(target, "format", "test", "plain-answers")
        assert (bad.exit_code, "records 1" in bad.output) == (1, True)

    async def test_an_agreement_keeps_them_as_they_were(
        self, target: str, brought: Path, client: Any
    ) -> None:
        await client.partners.apply(BY_NAME)
        (brought.parent / "layout.toml").write_text(LAYOUT + "# newer\n")
        builtin.cache_clear()
        await client.partners.apply(BY_NAME)
        today = await client.formats.get("plain-answers")
        latest = await client.formats.get("plain-answers", partner="nova")
        first = await client.formats.get("plain-answers", partner="nova", agreement_version=1)
        assert today.source == latest.source == LAYOUT + "# newer\n"
        assert (first.source, first.codes) == (LAYOUT, {"00": "ok"})
        for of in ({"partner": "skyways"}, {"partner": "nova", "agreement_version": 9}):
            with pytest.raises(errors.NotFound):
                await client.formats.get("plain-answers", **of)
        with pytest.raises(errors.InvalidRequest):
            await client.formats.get("plain-answers", agreement_version=1)
        version = ("--agreement", "nova", "--version", "1")
        shown = await run(target, "format", "show", "plain-answers", *version)
        assert shown.output == f'{LAYOUT}\n[codes]\n"00" = "ok"\n'
        wrong = await run(target, "format", "show", "plain-answers", "--version", "1")
        assert wrong.exit_code == 2


class TestFinding:
    async def test_it_is_shown_with_the_bytes_around_it(self, client: Any) -> None:
        bad = answers([row(1), row(2).replace("100", "many"), row(3)], total=200)
        file = await client.files.upload("skyways", bad, file_name="a.csv")
        found = {finding.code: finding async for finding in client.files.findings(file.file_id)}
        placed = await client.files.finding(file.file_id, found["bad_integer"].number)
        assert placed.finding == found["bad_integer"]
        assert [line.line for line in placed.lines] == [1, 2, 3, 4, 5]
        assert b"many" in placed.lines[2].content
        with pytest.raises(errors.NotFound):
            await client.files.finding(file.file_id, 99)


class TestCommands:
    async def test_check(self, target: str, client: Any, tmp_path: Path) -> None:
        path, document = tmp_path / "a.csv", tmp_path / "skyways.toml"
        path.write_bytes(FILE)
        document.write_text(SKYWAYS)
        by_name = await run(target, "format", "check", str(path), "--agreement", "skyways")
        assert by_name.exit_code == 0, by_name.output
        by_document = await run(target, "format", "check", str(path), "--agreement", str(document))
        assert by_document.output == by_name.output
        assert "verdict\tACCEPTED" in by_name.output
        assert "9999\t\tops (not in the map)\t1\t5\treject + review" in by_name.output
        told = await run(target, "--json", "format", "check", str(path), "--agreement", "skyways")
        assert json.loads(told.output)["records"] == {"count": 4, "quantity": 395}

    async def test_what_would_wait_is_a_failure(
        self, target: str, client: Any, tmp_path: Path
    ) -> None:
        path = tmp_path / "a.csv"
        path.write_bytes(FILE[:-10])
        result = await run(target, "format", "check", str(path), "--agreement", "skyways")
        assert (result.exit_code, result.output.splitlines()[0]) == (1, "verdict\tTRUNCATED")
        missing = await run(target, "format", "check", str(path), "--agreement", "none.toml")
        assert (missing.exit_code, "no such file" in missing.output) == (1, True)

    async def test_draft_gives_a_document_that_reads_its_sample(
        self, target: str, client: Any, tmp_path: Path
    ) -> None:
        path, document = tmp_path / "a.csv", tmp_path / "drafted.toml"
        path.write_bytes(FILE)
        result = await run(target, "format", "draft", str(path))
        assert result.exit_code == 0, result.output
        rule = 'match = [["reference_key"], ["reference", "quantity", "member"]]'
        own = SKYWAYS.replace(rule, "").partition("[codes.handback]")[0]
        outbound = SKYWAYS.partition("[formats.outbound]")[2].partition("[formats.handback]")[0]
        document.write_text(f"{own}\n{result.stdout}\n[formats.outbound]{outbound}")
        assert parse(document.read_text()).handback.layout.has_required_control
        check = await run(
            target, "--json", "format", "check", str(path), "--agreement", str(document)
        )
        told = json.loads(check.output)
        assert (told["verdict"], told["records"]["count"], told["referenced_count"]) == (
            "ACCEPTED",
            4,
            4,
        )

    async def test_finding(self, target: str, client: Any) -> None:
        bad = answers([row(1), row(2).replace("100", "m\x07any\xe9")], total=100)
        file = await client.files.upload("skyways", bad, file_name="a.csv")
        found = {finding.code: finding async for finding in client.files.findings(file.file_id)}
        number = str(found["bad_integer"].number)
        result = await run(target, "files", "finding", file.file_id, number)
        assert result.exit_code == 0, result.output
        shown = result.output.splitlines()
        assert any(line.startswith(">       3  D,") and "\\x07" in line for line in shown)
