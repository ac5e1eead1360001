"""Commands that are given files: uploads, agreements, submissions in CSV."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from client.commands import AGREEMENT, FILE, HBF
from client.conftest import Run
from client.scripted_server import ScriptedServer
from client.test_submit_many import Desk
from handback_client._stubs.v1 import agreements_pb2, handback_files_pb2


def test_upload(run: Run, server: ScriptedServer, tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes(b"1;2\n")
    answer = handback_files_pb2.UploadHandbackFileResponse(file=FILE)
    server.on("UploadHandbackFile", answer)
    result = run(
        "files", "upload", "skyways", str(path), "--name", "SKY.csv", "--key", "k", "--json"
    )
    assert json.loads(result.stdout)["file_id"] == HBF
    header, part = server.calls["UploadHandbackFile"][0].requests
    assert (header.header.file_name, header.header.request_key) == ("SKY.csv", "k")
    assert part.chunk == b"1;2\n"


@pytest.fixture
def agreement(tmp_path: Path) -> Path:
    """A document that names its programme."""
    path = tmp_path / "skyways.toml"
    path.write_text('programme = "borealis"\npartner = "skyways"\n')
    return path


def test_apply_takes_the_programme_from_the_document(
    run: Run, server: ScriptedServer, agreement: Path
) -> None:
    answer = agreements_pb2.ApplyAgreementResponse(agreement=AGREEMENT, unchanged=True)
    server.on("ApplyAgreement", answer, answer)
    result = run("partner", "apply", str(agreement), HANDBACK_PROGRAMME="")
    assert result.stdout == f"{agreement}: skyways, version 2, unchanged\n"
    request = server.calls["ApplyAgreement"][0].requests[0]
    assert request.programme == "borealis"
    assert request.source == agreement.read_text()
    told = json.loads(run("partner", "apply", str(agreement), "--json").stdout)
    assert (told["version"], told["unchanged"]) == (2, True)


def test_check_lists_mistakes_and_fails(run: Run, server: ScriptedServer, agreement: Path) -> None:
    violation = agreements_pb2.AgreementViolation(field="payout.folder", expected="expected one")
    wrong = agreements_pb2.CheckAgreementResponse(violations=[violation])
    server.on("CheckAgreement", wrong, wrong, agreements_pb2.CheckAgreementResponse())
    result = run("partner", "check", str(agreement))
    assert result.exit_code == 1
    assert result.stdout == f"{agreement}: payout.folder: expected one\n"
    told = run("partner", "check", str(agreement), "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["violations"][0]["field"] == "payout.folder"
    good = run("partner", "check", str(agreement))
    assert (good.exit_code, good.stdout) == (0, f"{agreement}: good\n")


def test_a_document_that_is_no_toml_needs_its_programme_named(
    run: Run, server: ScriptedServer, tmp_path: Path
) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("= =")
    assert run("partner", "check", str(path), HANDBACK_PROGRAMME="").exit_code == 2
    path.write_bytes(b"\xff\xfe")
    assert run("partner", "check", str(path)).stderr.startswith("Error: ")


def test_a_csv_file_is_submitted_row_by_row(
    run: Run, server: ScriptedServer, tmp_path: Path
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(
        "request_key,member_ref,quantity,unit,surname\n"
        "order-1,m1,100,miles,Lovelace\norder-2,m2,200,stones,\norder-3,m3,300,miles,Hopper\n",
        encoding="utf-8-sig",
    )
    desk = Desk()
    server.on("SubmitRedemptions", desk, desk)
    result = run("submit", "--csv", str(path), "--partner", "skyways")
    assert result.exit_code == 1
    assert result.stdout == "submitted 2 of 3, 0 of them before; 1 refused\n"
    assert result.stderr == (
        "row 2, order-2: handback: NOT_FOUND: refused (id=stones, kind=unit)\n"
    )
    sent = server.calls["SubmitRedemptions"][0].requests[0].submissions
    assert [dict(one.fields) for one in sent] == [
        {"surname": "Lovelace"},
        {},
        {"surname": "Hopper"},
    ]
    assert {one.partner for one in sent} == {"skyways"}

    again = run("submit", "--csv", str(path), "--partner", "skyways", "--json")
    told = [json.loads(line) for line in again.stdout.splitlines()]
    assert [one["request_key"] for one in told] == ["order-1", "order-2", "order-3"]
    assert [bool(one["redemption"] and one["redemption"]["replayed"]) for one in told] == [
        True,
        False,
        True,
    ]
    assert told[1]["error"]["reason"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("member_ref,quantity\n", "columns are missing: request_key, unit"),
        ("", "columns are missing: request_key, member_ref, quantity, unit"),
        ("request_key,member_ref,quantity,unit\nk,m,ten,miles\n", "line 2: quantity: expected"),
        ("request_key,member_ref,quantity,unit\nk,m,-1,miles\n", "line 2: quantity: expected"),
        ("request_key,member_ref,quantity,unit\nk,m,1.0,miles\n", "line 2: quantity: expected"),
        (f"request_key,member_ref,quantity,unit\nk,m,{2**63},u\n", "line 2: quantity: expected"),
        (f"request_key,member_ref,quantity,unit\nk,m,{'9' * 5_000},u\n", "line 2: quantity"),
        ("request_key,member_ref,quantity,unit\nk,m\xff,1,u\n", "expected UTF-8 text"),
        ("request_key,member_ref,quantity,unit\n,m,1,miles\n", "line 2: request_key is empty"),
        ("request_key,member_ref,quantity,unit\nk,m,1,miles,x\n", "line 2: too many columns"),
        ("request_key,member_ref,quantity,unit\nk,m,1\n", "line 2: unit is empty"),
        ('request_key,member_ref,quantity,unit\n"k,m,1,miles\n', "unexpected end"),
        ("request_key,member_ref,quantity,unit\n" + "k,m,x,u\n" * 30, "and 10 more"),
    ],
)
def test_nothing_is_sent_of_a_file_with_a_mistake(
    text: str, mistake: str, run: Run, server: ScriptedServer, tmp_path: Path
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(text, encoding="latin-1")
    result = run("submit", "--csv", str(path), "--partner", "skyways")
    assert result.exit_code == 1
    assert mistake in result.stderr
    assert not server.calls
