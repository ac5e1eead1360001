"""A day at the command line: what people type against a running server, and what they then see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from agreements import EXAMPLES, source_of
from handback_client.cli.app import handback
from story.stage import Stage

MERGED, CREDITED = "0001", "0000"


@dataclass(frozen=True)
class Screen:
    """What ada types, and reads."""

    target: str

    def text(self, *typed: str, code: int = 0) -> str:
        """What a command prints, and its exit code."""
        named = ("--server", self.target, "--programme", "aurora", "--actor", "ada")
        done = CliRunner().invoke(handback, [*named, *typed])
        assert done.exit_code == code, (typed, done.output)
        return done.stdout if code == 0 else done.stderr

    def rows(self, *typed: str) -> list[dict[str, str]]:
        """A list, by the names of its columns."""
        names, *rows = (line.split("\t") for line in self.text(*typed).splitlines())
        return [dict(zip(names, row, strict=True)) for row in rows]

    def row(self, *typed: str) -> dict[str, str]:
        """A list that has a single row."""
        (row,) = self.rows(*typed)
        return row

    def shows(self, *typed: str) -> dict[str, str]:
        """A single thing, by the names of its fields."""
        return dict(line.split("\t") for line in self.text(*typed).splitlines())


@pytest.fixture
def screen(stage: Stage) -> Screen:
    """Ada's screen; skyways has its agreement."""
    stage.agree("skyways")
    return Screen(stage.target)


def test_redemptions_and_batches(stage: Stage, screen: Screen) -> None:
    first, second = stage.submit("skyways", 100, 200)
    assert screen.shows("get", first.redemption_id)["state"] == "submitted"
    cancelled = screen.shows("cancel", first.redemption_id, "--comment", "changed their mind")
    assert (cancelled["state"], cancelled["held"]) == ("failed", "0")
    told = screen.rows("history", first.redemption_id)
    assert [(one["trigger"], one["actor"], one["comment"]) for one in told] == [
        ("submit", "ada", ""),
        ("cancel", "ada", "changed their mind"),
    ]
    refused = screen.text("cancel", first.redemption_id, code=1)
    assert refused.startswith(f"handback: ILLEGAL_TRANSITION: {first.redemption_id} is failed")
    batch = screen.row("batches", "gather", "skyways")
    assert (batch["state"], batch["record_count"], batch["quantity"]) == ("sealed", "1", "200")
    recalled = screen.shows("batches", "recall", batch["batch_id"], "--comment", "wrong rate")
    assert (recalled["state"], recalled["recall_reason"]) == ("recalled", "wrong rate")
    assert screen.text("batches", "gather", "skyways", "--json").count("\n") == 1
    stage.work()
    again = screen.row("batches", "list", "--state", "dispatched")
    shown = screen.shows("batches", "show", again["batch_id"])
    assert (shown["quantity"], shown["recalled_at"]) == ("200", "")
    assert stage.ada.batches.get(again["batch_id"]).file_name == shown["file_name"]
    (payout,) = stage.outbound("skyways")
    assert payout.name == shown["file_name"]
    assert screen.row("list", "--state", "awaiting_handback")["redemption_id"] == (
        second.redemption_id
    )
    stage.assert_laws()


def test_partners(screen: Screen, tmp_path: Path) -> None:
    staywell = EXAMPLES / "staywell.toml"
    assert screen.text("partner", "check", str(staywell)) == f"{staywell}: good\n"
    broken = tmp_path / "broken.toml"
    broken.write_text(source_of("skyways").replace('match = [["reference_key"]', 'match = [["x"]'))
    named = ("--server", screen.target, "partner", "check", str(broken))
    done = CliRunner().invoke(handback, named)
    assert (done.exit_code, done.stdout.count("\n")) == (1, 1)
    assert done.stdout.startswith(f"{broken}: handback.match")
    assert screen.row("partner", "list")["agreement_version"] == "1"
    version = screen.row("partner", "versions", "skyways")
    assert (version["version"], version["actor"]) == ("1", "ada")
    assert screen.text("partner", "show", "skyways") == source_of("skyways")


def test_files_and_corrections(stage: Stage, screen: Screen, tmp_path: Path) -> None:
    credited, missing = stage.submit("skyways", 100, 200)
    stage.work()
    merged, answered = stage.skyways.letters()
    file = stage.skyways.answer((merged, MERGED))
    listed = screen.row("files", "list")
    assert listed == {
        **listed,
        "file_id": file.file_id,
        "state": "reconciled",
        "verdict": "ACCEPTED",
        "record_count": "1",
        "finding_count": "0",
    }
    assert screen.rows("files", "findings", file.file_id) == []
    record = screen.text("files", "record", file.file_id, "1").splitlines()
    assert f"code\t{MERGED}" in record
    assert [line for line in record if line.startswith(">")]
    waiting = screen.row("correction", "list")
    assert waiting["redemption_id"] == credited.redemption_id
    noted = screen.shows("correction", "acknowledge", waiting["correction_id"])
    assert noted["acknowledged_by"] == "ada"
    assert screen.rows("correction", "list") == []

    cut = tmp_path / "SKY_2.csv"
    cut.write_text(
        f"H,aurora,2,20260302\nD,{answered.reference},M00000002,200,{CREDITED},P,20260302\n"
    )
    sent = screen.shows("files", "upload", "skyways", str(cut))["file_id"]
    stage.work()
    found = screen.shows("files", "show", sent)
    assert (found["state"], found["verdict"]) == ("quarantined", "TRUNCATED")
    assert [one["code"] for one in screen.rows("files", "findings", sent)] == ["control_missing"]
    assert screen.shows("files", "replay", sent)["verdict"] == "TRUNCATED"
    assert stage.ada.files.replay(sent, agreement_version=1).verdict == "TRUNCATED"
    stage.work()
    assert screen.shows("get", missing.redemption_id)["state"] == "awaiting_handback"
    screen.text("files", "release", sent, code=2)
    screen.shows("files", "release", sent, "--comment", "the record is whole")
    stage.work()
    found = screen.shows("files", "show", sent)
    assert (found["state"], found["verdict"]) == ("reconciled", "RELEASED")
    assert "the record is whole" in screen.text("files", "findings", sent)
    assert screen.shows("get", missing.redemption_id)["state"] == "confirmed"
    stage.assert_laws()


def test_the_books(stage: Stage, screen: Screen) -> None:
    credited, silent = stage.submit("skyways", 100, 200)
    stage.work()
    request, _ = stage.skyways.letters()
    file = stage.skyways.answer((request, CREDITED))
    closed = screen.shows("ledger", "close", "2026-03")
    assert (closed["number"], closed["replayed"]) == ("1", "false")
    assert screen.row("ledger", "periods")["position"] == closed["position"]
    period = ("--period", "2026-03")
    outstanding = {"partner": "skyways", "unit": "miles", "standing": "sent"}
    amounts = {"count": "1", "quantity": "200", "0-7": "200"}
    none = dict.fromkeys(("8-30", "31-60", "61-90", ">90"), "0")
    assert screen.row("ledger", "cut-off", *period) == outstanding | amounts | none
    owed = screen.row("ledger", "liability", *period)
    assert (owed["count"], owed["quantity"], owed["0-7"]) == ("1", "200", "200")
    still = screen.row("ledger", "open", *period)
    assert (still["redemption_id"], still["held"]) == (silent.redemption_id, "200")
    posted = screen.rows("ledger", "postings", *period)
    assert [(one["trigger"], one["debit"], one["credit"], one["quantity"]) for one in posted] == [
        ("submit", "member", "held", "100"),
        ("submit", "member", "held", "200"),
        ("confirm", "held", "fulfilled", "100"),
    ]
    assert (posted[-1]["file_id"], posted[-1]["ordinal"]) == (file.file_id, "1")
    told = screen.rows("ledger", "statement", credited.member_ref)
    assert [(one["trigger"], one["held"], one["fulfilled"]) for one in told] == [
        ("submit", "100", "0"),
        ("confirm", "0", "100"),
        ("closing", "0", "100"),
    ]
    day, total = screen.rows("ledger", "invoice", "skyways", *period)
    assert (day["net"], total["on"], total["net"]) == ("100", "total", "100")


def test_reports(stage: Stage, screen: Screen) -> None:
    stage.submit("skyways", 100, 200)
    stage.work()
    request, _ = stage.skyways.letters()
    stage.skyways.answer((request, CREDITED))
    asked = {one["name"]: one["parameters"] for one in screen.rows("report", "list")}
    assert "partner" in asked["batches"].split()
    parts = screen.rows("report", "show", "batches")
    assert {"part": "column", "name": "pending_quantity", "kind": "quantity"}.items() <= (
        parts[[one["name"] for one in parts].index("pending_quantity")].items()
    )
    row = screen.row("report", "batches", "--partner", "skyways")
    figures = ("sent_quantity", "confirmed_quantity", "rejected_quantity", "pending_quantity")
    assert [row[name] for name in figures] == ["300", "100", "0", "200"]
    assert screen.rows("report", "batches", "--from", "2027-01-01") == []
    refused = screen.text("report", "batches", "--colour", "red", code=1)
    assert "parameters.colour: expected one of" in refused
