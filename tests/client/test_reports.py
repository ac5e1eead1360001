"""Both clients and the command line against the real server: every report, and the way down."""

from __future__ import annotations

import asyncio
import csv
import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import pytest_asyncio
from click.testing import CliRunner, Result

from agreements import EXAMPLES
from client.conftest import ALWAYS_AT_ONCE, MakeClient
from handback.settings import Settings
from handback_client import Submission, errors
from handback_client.cli.app import handback
from handback_client.models.reports import ReportFooter, ReportRow

CODES = ["0000", "0201", "0101", "0002"]
# What the partner takes off the first; a cell more in its records.
FEE = 5
CODE = '{ name = "code", at = 5, type = "code", required = true },'
PERIOD = {"from": "2026-03-01", "to": "2026-04-01"}


@dataclass
class Lived:
    """Four redemptions that were sent and answered, and a client to ask about them."""

    client: Any
    target: str
    batch_id: str
    file_id: str
    redemption_ids: list[str]

    async def rows(self, name: str, asked: dict[str, str]) -> tuple[list[ReportRow], ReportFooter]:
        """A whole report."""
        async with self.client.reports.run(name, asked) as run:
            rows = [row async for row in run]
            assert (await run.header()).report.name == name
        assert run.footer.row_count == len(rows)
        return rows, run.footer

    def run(self, *args: str) -> Result:
        """What a command prints."""
        named = ("--server", self.target, "--programme", "aurora", "report")
        result = CliRunner().invoke(handback, [*named, *args])
        assert result.exit_code == 0, result.stderr
        return result


@pytest_asyncio.fixture
async def lived(target: str, make_client: MakeClient, settings: Settings) -> Lived:
    """Sent at noon on Monday 2 March 2026 in London, and answered at once."""
    client = make_client(target, actor="ada")
    source = (EXAMPLES / "skyways.toml").read_text()
    fee = '{ name = "fee", at = 8, type = "integer" },'
    await client.partners.apply(source.replace(CODE, f"{CODE}\n  {fee}"))
    orders = [
        Submission(
            request_key=f"order-{number}",
            partner="skyways",
            member_ref=f"M-{number}",
            quantity=100 * number,
            unit="miles",
            fields={"surname": "Lovelace"},
        )
        for number in (1, 2, 3, 4)
    ]
    async with client.watch(retry=ALWAYS_AT_ONCE) as watch:
        ids = [one.redemption.redemption_id async for one in client.submit_many(orders)]
        (batch,) = await client.batches.gather("skyways")
        await _events(watch, 8)
        sent = (settings.exchange / "outbound/skyways" / batch.file_name).read_text()
        answers = _answers([line.split(",") for line in sent.splitlines()])
        file = await client.files.upload("skyways", answers, file_name="SKY_1.csv")
        await _events(watch, 5)
    async with asyncio.timeout(30):
        while (await client.files.get(file.file_id)).state != "reconciled":
            pass
    return Lived(client, target, batch.batch_id, file.file_id, ids)


async def _events(watch: Any, count: int) -> None:
    async with asyncio.timeout(30):
        async for _ in watch:
            count -= 1
            if not count:
                break


def _answers(sent: list[list[str]]) -> bytes:
    details = [row for row in sent if row[0] == "D"]
    lines = ["H,aurora,1,20260302"]
    fees = [FEE, 0, 0, 0]
    for (_, reference, member, _, _, quantity), code, fee in zip(details, CODES, fees, strict=True):
        lines.append(f"D,{reference},{member},{int(quantity) - fee},{code},P1,20260302,{fee}")
    lines.append(f"T,{len(details)},{sum(int(row[5]) for row in details) - FEE}")
    return ("\n".join(lines) + "\n").encode()


def parameters(lived: Lived, name: str) -> dict[str, str]:
    """What a report has to be asked."""
    of_file = {"file": lived.file_id}
    needed = {
        "member": {"member": "M-3"},
        "attempts": {"batch": lived.batch_id},
        "records": of_file,
        "continuity": of_file,
    }
    return needed.get(name, {})


async def test_every_report_runs_and_every_figure_can_be_followed(lived: Lived) -> None:
    reports = {one.name: one async for one in lived.client.reports.list(page_size=3)}
    assert {"batches", "runs", "breaks", "liability", "reasons", "turnaround"} <= set(reports)
    assert {"retries", "member", "events", "records", "continuity"} <= set(reports)
    followed = 0
    for name, report in reports.items():
        rows, _ = await lived.rows(name, parameters(lived, name))
        assert rows, name
        columns = {column.name: column for column in report.columns}
        for row in rows:
            for figure, column in columns.items():
                if (behind := row.behind(figure)) is None or not row[figure]:
                    continue
                found, footer = await lived.rows(behind.report, dict(behind.parameters))
                if column.kind == "integer" and column.total:
                    assert footer.row_count == row[figure], (name, figure, behind)
                assert found, (name, figure, behind)
                followed += 1
    assert followed > 50


async def test_values_have_their_types(lived: Lived) -> None:
    (batch,), footer = await lived.rows("batches", {"partner": "skyways", **PERIOD})
    assert (batch["batch_id"], batch["sent"], batch["sent_quantity"]) == (lived.batch_id, 4, 1_000)
    assert batch["sealed_at"] == datetime.fromisoformat("2026-03-02T12:00Z")
    assert batch["overdue_s"] is None
    (totals,) = footer.totals
    assert (totals["unit"], totals["sent_quantity"], totals["state"]) == ("miles", 1_000, None)
    assert footer.as_of_at == datetime.fromisoformat("2026-03-02T12:00Z")
    assert footer.as_of_position >= 3
    reasons, _ = await lived.rows("reasons", {"by": "week"})
    assert {row["share"] for row in reasons} == {Decimal("0.25")}
    assert {row["period"] for row in reasons} == {date(2026, 3, 2)}
    (turnaround,), _ = await lived.rows("turnaround", {})
    assert turnaround["median_s"] == timedelta(0)


async def test_what_is_asked_wrongly_is_refused(lived: Lived) -> None:
    for name, asked, leaf in (
        ("nothing", {}, errors.NotFound),
        ("reasons", {"by": "year"}, errors.InvalidRequest),
        ("reasons", {"colour": "red"}, errors.InvalidRequest),
        ("member", {}, errors.InvalidRequest),
        ("runs", {"partner": "nobody"}, errors.NotFound),
    ):
        with pytest.raises(leaf):
            await lived.rows(name, asked)


async def test_a_record_is_shown_in_its_place(lived: Lived) -> None:
    placed = await lived.client.files.record(lived.file_id, 2)
    assert (placed.record.ordinal, placed.record.line, placed.record.code) == (2, 3, "0201")
    assert [line.line for line in placed.lines] == [1, 2, 3, 4, 5]
    assert b",0201," in placed.lines[2].content
    with pytest.raises(errors.NotFound):
        await lived.client.files.record(lived.file_id, 5)


async def test_the_command_line_writes_what_is_asked_for(lived: Lived, tmp_path: Path) -> None:
    def written(*args: str) -> str:
        return lived.run(*args).stdout

    names = [
        line.split("\t")[0] for line in (await asyncio.to_thread(written, "list")).splitlines()
    ]
    assert {"batches", "events"} <= set(names)
    shown = await asyncio.to_thread(written, "show", "batches")
    assert "parameter\tpartner\ttext" in shown and "column\tsent_quantity\tquantity" in shown

    asked = ("batches", "--partner", "skyways", "--from=2026-03-01", "--to", "2026-04-01")
    head, row = (await asyncio.to_thread(written, *asked)).splitlines()
    assert dict(zip(head.split("\t"), row.split("\t"), strict=True))["sent_quantity"] == "1000"
    (line,) = (await asyncio.to_thread(written, *asked, "--json", "--behind")).splitlines()
    told = json.loads(line)
    assert told["sent"] == 4
    assert told["behind"]["pending"] == {
        "report": "attempts",
        "parameters": {"batch": lived.batch_id, "outcome": "pending"},
    }
    whole = json.loads(await asyncio.to_thread(written, *asked, "--format", "json"))
    assert (whole["row_count"], whole["totals"][0]["sent"]) == (1, 4)
    assert [one["sent"] for one in whole["rows"]] == [4]

    for suffix in ("csv", "json", "jsonl", "xlsx"):
        path = tmp_path / f"report.{suffix}"
        assert await asyncio.to_thread(written, *asked, "-o", str(path)) == ""
        assert [one.name for one in tmp_path.glob("*.part")] == []
        if suffix == "csv":
            with path.open(newline="") as text:
                (found,) = csv.DictReader(text)
            assert (found["batch_id"], found["sent_quantity"]) == (lived.batch_id, "1000")
        if suffix == "xlsx":
            sheet = pl.read_excel(path, sheet_name="batches")
            assert sheet["sent_quantity"].to_list() == [1_000]
            assert sheet.schema["sealed_at"] == pl.Datetime("ms")


async def test_the_command_line_says_what_is_wrong(lived: Lived, tmp_path: Path) -> None:
    def refused(*args: str) -> tuple[int, str]:
        named = ("--server", lived.target, "--programme", "aurora", "report")
        result = CliRunner().invoke(handback, [*named, *args])
        return result.exit_code, result.stderr

    for args, code, told in (
        (("nothing",), 1, "NOT_FOUND"),
        (("show", "nothing"), 2, "there is no report nothing"),
        (("reasons", "--by", "year"), 1, "parameters.by"),
        (("reasons", "--by"), 2, "needs a value"),
        (("reasons", "by"), 2, "expected --PARAMETER VALUE"),
        (("reasons", "--format", "xlsx"), 2, "a workbook goes to a file"),
        (("reasons", "-o", str(tmp_path / "report.txt")), 2, "say which --format"),
    ):
        found, said = await asyncio.to_thread(refused, *args)
        assert found == code and told in said, (args, said)
    path = tmp_path / "report.csv"
    await asyncio.to_thread(refused, "reasons", "--by", "year", "-o", str(path))
    assert list(tmp_path.glob("*report*")) == []
