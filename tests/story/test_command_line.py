"""A day at the command line: what people type against a running server, command by command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agreements import EXAMPLES
from handback_client.cli.app import handback
from story.stage import Stage

Type = Callable[..., Any]
MERGED, CREDITED = "0001", "0000"


@pytest.fixture
def types(stage: Stage) -> Type:
    """What a command of ada's answers, a result or several."""
    stage.agree("skyways")

    def run(*args: str) -> Any:
        named = ("--server", stage.target, "--programme", "aurora", "--actor", "ada", "--json")
        done = CliRunner().invoke(handback, [*named, *args])
        assert done.exit_code == 0, (args, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines[0] if len(lines) == 1 else lines

    return run


def test_redemptions_and_batches(stage: Stage, types: Type) -> None:
    first, second = stage.submit("skyways", 100, 200)
    assert types("get", first.redemption_id)["state"] == "submitted"
    assert types("cancel", first.redemption_id)["state"] == "failed"
    batch = types("batches", "gather", "skyways")
    assert (batch["record_count"], batch["quantity"]) == (1, 200)
    assert types("batches", "recall", batch["batch_id"], "--comment", "x")["state"] == "recalled"
    stage.work()
    again = stage.ada.batches.get(stage.batches()[-1])
    assert (again.state, again.quantity) == ("dispatched", 200)
    assert again.batch_id in json.dumps(types("batches", "show", again.batch_id))
    assert stage.states([first, second]) == ["failed", "awaiting_handback"]
    stage.assert_laws()


def test_partners(types: Type) -> None:
    assert types("partner", "check", str(EXAMPLES / "staywell.toml"))["violations"] == []
    assert types("partner", "list")["partner"] == "skyways"
    assert types("partner", "versions", "skyways")["version"] == 1
    assert types("partner", "show", "skyways")["partner"] == "skyways"


def test_files_and_corrections(stage: Stage, types: Type, tmp_path: Path) -> None:
    stage.submit("skyways", 100)
    stage.work()
    (request,) = stage.skyways.letters()
    file = stage.skyways.answer((request, MERGED))
    assert types("files", "list")["file_id"] == file.file_id
    assert types("files", "show", file.file_id)["verdict"] == "ACCEPTED"
    assert types("files", "findings", file.file_id) == []
    (correction,) = stage.ada.corrections.list()
    noted = types("correction", "acknowledge", correction.correction_id)
    assert noted["acknowledged_by"] == "ada"
    cut = tmp_path / "SKY_2.csv"
    cut.write_text(
        f"H,aurora,2,20260302\nD,{request.reference},M00000001,100,{CREDITED},P,20260302\n"
    )
    sent = types("files", "upload", "skyways", str(cut))["file_id"]
    stage.work()
    assert stage.ada.files.get(sent).state == "quarantined"
    again = stage.ada.files.replay(sent)
    stage.work()
    assert stage.ada.files.get(again.file_id).state == "quarantined"
    types("files", "replay", sent)
    stage.work()
    types("files", "release", sent, "--comment", "the record is whole")
    stage.work()
    assert stage.ada.files.get(sent).state == "reconciled"


def test_the_books(stage: Stage, types: Type) -> None:
    credited, silent = stage.submit("skyways", 100, 200)
    stage.work()
    request, _ = stage.skyways.letters()
    stage.skyways.answer((request, CREDITED))
    assert types("ledger", "close", "2026-03")["name"] == "2026-03"
    assert types("ledger", "periods")["name"] == "2026-03"
    period = ("--period", "2026-03")
    assert types("ledger", "cut-off", *period)["standing"] == "sent"
    assert types("ledger", "liability", *period)["total"]["quantity"] == 200
    assert types("ledger", "open", *period)["redemption_id"] == silent.redemption_id
    assert len(types("ledger", "postings", *period)) == 3
    assert "confirm" in json.dumps(types("ledger", "statement", credited.member_ref))
    assert "100" in json.dumps(types("ledger", "invoice", "skyways", *period))
    names = [one["name"] for one in types("report", "list")]
    assert "batches" in names
    assert "pending_quantity" in json.dumps(types("report", "show", "batches"))
    assert "pending_quantity" in json.dumps(types("report", "batches"))
