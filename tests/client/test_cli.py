"""The command line: what each command asks for, and how it answers in JSON, pipes and terminals.

What it prints is kept in `golden/`, one transcript for each command. A transcript that is deleted
is written anew by the next run, which fails so that somebody looks at it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import grpc
import pytest
from click.testing import CliRunner, Result
from google.protobuf.timestamp_pb2 import Timestamp

from client.scripted_server import Feed, Refuse, ScriptedServer
from client.test_submit_many import Desk
from handback_client._stubs.v1 import (
    agreements_pb2,
    breaks_pb2,
    events_pb2,
    handback_files_pb2,
    ledger_pb2,
    lifecycle_pb2,
    payouts_pb2,
    redemptions_pb2,
)
from handback_client.cli.app import handback

GOLDEN = Path(__file__).parent / "golden"
Run = Callable[..., Result]

AT = Timestamp(seconds=1_772_452_800)  # noon UTC on 2 March 2026
RDM = "rdm_0000000000a3k"
HBF = "hbf_0000000000007"
BAT = "bat_0000000000003"
BRK = "brk_0000000000009"

REDEMPTION = lifecycle_pb2.Redemption(
    redemption_id=RDM,
    programme="aurora",
    partner="skyways",
    member_ref="member-7",
    quantity=12_000,
    unit="miles",
    state=4,
    attempt=1,
    version=3,
    held=12_000,
    submitted_at=AT,
)
EVENT = lifecycle_pb2.RedemptionEvent(
    redemption_id=RDM,
    version=3,
    trigger=5,
    from_state=2,
    to_state=4,
    attempt=1,
    reason_class=7,
    reason_code="0099",
    file_id=HBF,
    ordinal=2,
    partner="skyways",
    unit="miles",
    block_id="blk_000000000000c",
    committed_at=AT,
    cause=3,
    cause_id=HBF,
    actor="pickup",
    position=12,
    cursor="12",
)
FILE = handback_files_pb2.HandbackFile(
    file_id=HBF,
    programme="aurora",
    partner="skyways",
    file_name="SKY_20260302.csv",
    source="inbound/skyways",
    fingerprint="ab" * 32,
    size_bytes=2_048,
    state=2,
    verdict="TRUNCATED",
    agreement_version=1,
    record_count=20,
    finding_count=1,
    actor="pickup",
    received_at=AT,
)
BATCH = payouts_pb2.PayoutBatch(
    batch_id=BAT,
    programme="aurora",
    partner="skyways",
    unit="miles",
    sequence=3,
    agreement_version=1,
    state=3,
    record_count=20,
    quantity=240_000,
    file_name="SKY_20260301_000003.csv",
    fingerprint="cd" * 32,
    size_bytes=4_096,
    sealed_at=AT,
    delivered_at=AT,
    dispatched_at=AT,
)
REPORT = payouts_pb2.PayoutBatchReport(
    batch_id=BAT,
    sent=payouts_pb2.Tally(count=20, quantity=240_000),
    confirmed=payouts_pb2.Tally(count=18, quantity=216_000),
    rejected=payouts_pb2.Tally(count=1, quantity=12_000),
    open=payouts_pb2.Tally(count=1, quantity=12_000),
)
BREAK = breaks_pb2.Break(
    break_id=BRK,
    programme="aurora",
    partner="skyways",
    kind="unknown_reference",
    file_id=HBF,
    ordinal=4,
    quantity=500,
    reason_code="0000",
    reason_class=1,
    raw="HB1;0000\t500\x1b[31m",
    facts={"reference": "HB1"},
    opened_at=AT,
)
AGREEMENT = agreements_pb2.Agreement(
    programme="aurora",
    partner="skyways",
    version=2,
    source='programme = "aurora"\npartner = "skyways"\n',
    content_hash="ef" * 32,
    actor="ada",
    applied_at=AT,
)
PARTNER = agreements_pb2.Partner(
    programme="aurora", partner="skyways", agreement_version=2, created_at=AT
)
BALANCE = ledger_pb2.Balance(
    programme="aurora", partner="skyways", unit="miles", member=-9_000, held=4_000, fulfilled=5_000
)
FINDING = handback_files_pb2.Finding(
    number=1, ordinal=0, line=21, code="TRAILER_MISSING", severity=3, message="no trailer", raw="x"
)

SUBMIT = ["--partner", "skyways", "--member", "member-7", "--quantity", "12000", "--unit", "miles"]

CASES: dict[str, tuple[list[str], str, Any]] = {
    "submit": (
        ["submit", *SUBMIT, "--field", "surname=Lovelace", "--key", "order-1"],
        "SubmitRedemption",
        redemptions_pb2.SubmitRedemptionResponse(redemption=REDEMPTION),
    ),
    "get": (
        ["get", RDM],
        "GetRedemption",
        redemptions_pb2.GetRedemptionResponse(redemption=REDEMPTION),
    ),
    "list": (
        ["list", "--partner", "skyways", "--member", "member-7", "--state", "rejected"],
        "ListRedemptions",
        redemptions_pb2.ListRedemptionsResponse(redemptions=[REDEMPTION, REDEMPTION]),
    ),
    "history": (
        ["history", RDM],
        "ListRedemptionEvents",
        redemptions_pb2.ListRedemptionEventsResponse(events=[EVENT]),
    ),
    "cancel": (
        ["cancel", RDM, "--comment", "too late", "--key", "k"],
        "CancelRedemption",
        redemptions_pb2.CancelRedemptionResponse(redemption=REDEMPTION),
    ),
    "retry": (
        ["retry", RDM, "--comment", "again", "--key", "k"],
        "RetryRedemption",
        redemptions_pb2.RetryRedemptionResponse(redemption=REDEMPTION, replayed=True),
    ),
    "fail": (
        ["fail", RDM, "--comment", "given up", "--key", "k"],
        "FailRedemption",
        redemptions_pb2.FailRedemptionResponse(redemption=REDEMPTION),
    ),
    "files_list": (
        ["files", "list", "--partner", "skyways", "--state", "quarantined"],
        "ListHandbackFiles",
        handback_files_pb2.ListHandbackFilesResponse(files=[FILE]),
    ),
    "files_show": (
        ["files", "show", HBF],
        "GetHandbackFile",
        handback_files_pb2.GetHandbackFileResponse(file=FILE),
    ),
    "files_findings": (
        ["files", "findings", HBF],
        "ListFindings",
        handback_files_pb2.ListFindingsResponse(findings=[FINDING]),
    ),
    "files_release": (
        ["files", "release", HBF, "--comment", "the partner confirmed it", "--key", "k"],
        "ReleaseHandbackFile",
        handback_files_pb2.ReleaseHandbackFileResponse(file=FILE),
    ),
    "files_replay": (
        ["files", "replay", HBF, "--agreement-version", "2", "--key", "k"],
        "ReplayHandbackFile",
        handback_files_pb2.ReplayHandbackFileResponse(file=FILE),
    ),
    "breaks_list": (
        ["breaks", "list", "--kind", "unknown_reference", "--file", HBF, "--all"],
        "ListBreaks",
        breaks_pb2.ListBreaksResponse(breaks=[BREAK]),
    ),
    "breaks_show": (
        ["breaks", "show", BRK],
        "GetBreak",
        breaks_pb2.GetBreakResponse(found_break=BREAK),
    ),
    "breaks_dismiss": (
        ["breaks", "dismiss", BRK, "--comment", "a test file", "--key", "k"],
        "DismissBreak",
        breaks_pb2.DismissBreakResponse(closed_break=BREAK),
    ),
    "batches_list": (
        ["batches", "list", "--partner", "skyways", "--state", "dispatched"],
        "ListPayoutBatches",
        payouts_pb2.ListPayoutBatchesResponse(batches=[BATCH]),
    ),
    "batches_show": (
        ["batches", "show", BAT],
        "GetPayoutBatch",
        payouts_pb2.GetPayoutBatchResponse(batch=BATCH),
    ),
    "batches_gather": (
        ["batches", "gather", "skyways"],
        "GatherPayoutBatches",
        payouts_pb2.GatherPayoutBatchesResponse(batches=[BATCH]),
    ),
    "report_batch": (
        ["report", "batch", BAT],
        "GetPayoutBatchReport",
        payouts_pb2.GetPayoutBatchReportResponse(report=REPORT),
    ),
    "report_file": (
        ["report", "file", HBF],
        "GetRunReport",
        handback_files_pb2.GetRunReportResponse(
            report=handback_files_pb2.RunReport(
                file=FILE,
                records=payouts_pb2.Tally(count=20, quantity=240_000),
                events=payouts_pb2.Tally(count=19, quantity=228_000),
                breaks=payouts_pb2.Tally(count=1, quantity=12_000),
                batches=[REPORT],
            )
        ),
    ),
    "partner_list": (
        ["partner", "list"],
        "ListPartners",
        agreements_pb2.ListPartnersResponse(partners=[PARTNER]),
    ),
    "partner_show": (
        ["partner", "show", "skyways", "--version", "2"],
        "GetAgreement",
        agreements_pb2.GetAgreementResponse(agreement=AGREEMENT),
    ),
    "partner_versions": (
        ["partner", "versions", "skyways"],
        "ListAgreementVersions",
        agreements_pb2.ListAgreementVersionsResponse(agreements=[AGREEMENT]),
    ),
    "balances": (
        ["balances", "--partner", "skyways", "--unit", "miles", "--at-position", "12"],
        "ListBalances",
        ledger_pb2.ListBalancesResponse(balances=[BALANCE]),
    ),
}


@pytest.fixture
def run(server: ScriptedServer) -> Run:
    """Runs a command against the scripted server, on a terminal if asked to."""

    def run(*args: str, terminal: bool = False, **settings: str) -> Result:
        environment = {
            "HANDBACK_SERVER": server.target,
            "HANDBACK_PROGRAMME": "aurora",
            "HANDBACK_ACTOR": "ada",
            "COLUMNS": "160",
        } | settings
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(click.testing._NamedTextIOWrapper, "isatty", lambda self: terminal)
            return CliRunner(env=environment).invoke(handback, args)

    return run


@pytest.mark.parametrize("name", CASES)
def test_each_command_answers_as_it_did(name: str, run: Run, server: ScriptedServer) -> None:
    args, method, answer = CASES[name]
    server.on(method, answer, answer, answer)
    transcript = ""
    for line, given in (
        ([*args, "--json"], {}),
        (args, {}),
        (args, {"terminal": True}),
    ):
        result = run(*line, **given)
        assert result.exit_code == 0, result.stderr
        assert result.stderr == ""
        where = "" if "--json" in line else " | cat" if not given else ""
        shown = " ".join(f"'{word}'" if " " in word else word for word in line)
        output = "\n".join(text.rstrip() for text in click.unstyle(result.stdout).splitlines())
        transcript += f"$ handback {shown}{where}\n{output}\n\n"
    for text in transcript.splitlines():
        if text.startswith("{"):
            json.loads(text)
    transcript += f"{method}\n{server.calls[method][0].requests[0]}"
    matches(f"{name}.txt", transcript)


def matches(name: str, found: str) -> None:
    """The transcript is as it was kept."""
    path = GOLDEN / name
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(found)
        pytest.fail(f"{path.name} was not there and is written now: look at it")
    assert found == path.read_text()


def test_every_command_has_a_transcript_or_a_test_of_its_own() -> None:
    own = {"submit", "watch", "files_upload", "partner_apply", "partner_check"}
    names = set()
    context = click.Context(handback)
    for name in handback.list_commands(context):
        found = handback.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            names |= {f"{name}_{one}" for one in found.commands}
        else:
            names.add(name)
    assert names == set(CASES) | own


def test_the_environment_and_the_options_say_the_same(run: Run, server: ScriptedServer) -> None:
    answer = redemptions_pb2.GetRedemptionResponse(redemption=REDEMPTION)
    server.on("GetRedemption", answer, answer)
    run("get", RDM)
    run("--programme", "borealis", "--actor", "grace", "get", RDM, HANDBACK_PROGRAMME="aurora")
    first, second = server.calls["GetRedemption"]
    assert (first.requests[0].programme, first.metadata["handback-actor"]) == ("aurora", "ada")
    assert (second.requests[0].programme, second.metadata["handback-actor"]) == (
        "borealis",
        "grace",
    )


def test_a_refusal_is_one_line_with_reason_and_facts(run: Run, server: ScriptedServer) -> None:
    refusal = Refuse(
        grpc.StatusCode.FAILED_PRECONDITION,
        "ILLEGAL_TRANSITION",
        {"redemption": RDM, "state": "confirmed", "allowed": "return"},
        message=f"{RDM} is confirmed: cancel is not allowed, only return",
    )
    server.on("CancelRedemption", refusal, refusal)
    result = run("cancel", RDM)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        f"handback: ILLEGAL_TRANSITION: {RDM} is confirmed: cancel is not allowed, only return"
        f" (allowed=return, redemption={RDM}, state=confirmed)\n"
    )
    told = json.loads(run("cancel", RDM, "--json").stderr)
    assert told["reason"] == "ILLEGAL_TRANSITION"
    assert told["facts"]["state"] == "confirmed"


def test_mistakes_are_listed(run: Run, server: ScriptedServer) -> None:
    refusal = Refuse(
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_REQUEST",
        violations=(("redemption_id", "expected an id"), ("comment", "expected less")),
    )
    server.on("GetRedemption", refusal)
    told = json.loads(run("--json", "get", "x").stderr)
    assert told["violations"] == [
        {"field": "redemption_id", "expected": "expected an id"},
        {"field": "comment", "expected": "expected less"},
    ]


def test_nobody_at_the_address(run: Run) -> None:
    result = run("--timeout", "0.05", "get", RDM, HANDBACK_SERVER="127.0.0.1:1")
    assert result.exit_code == 1
    assert re.fullmatch(r"handback: (UNAVAILABLE|DEADLINE_EXCEEDED): .+\n", result.stderr)


@pytest.mark.parametrize(
    "args",
    [
        ("nonsense",),
        ("get",),
        ("list", "--state", "unknown"),
        ("list", "--limit", "0"),
        ("submit", "--partner", "skyways"),
        ("submit", "--csv", __file__, "--member", "m"),
        ("submit", "--partner", "p", "--member", "m", "--quantity", "0", "--unit", "u"),
        ("submit", *SUBMIT, "--field", "surname"),
        ("--client-key", __file__, "get", RDM),
        ("--timeout", "0", "get", RDM),
        ("--actor", "Zoë", "get", RDM),
        ("partner", "apply", __file__, __file__, "--key", "k"),
        ("files", "release", HBF),
        ("watch", "--trigger", "none"),
    ],
)
def test_what_is_asked_for_wrongly_is_exit_code_2(args: tuple[str, ...], run: Run) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")


def test_a_programme_is_needed(run: Run) -> None:
    result = run("get", RDM, HANDBACK_PROGRAMME="")
    assert result.exit_code == 2
    assert "HANDBACK_PROGRAMME" in result.stderr


def test_a_table_shows_the_first_hundred_and_says_so(run: Run, server: ScriptedServer) -> None:
    many = redemptions_pb2.ListRedemptionsResponse(redemptions=[REDEMPTION] * 120)
    server.on("ListRedemptions", many, many, many)
    shown = run("list", terminal=True)
    assert shown.stdout.count(RDM) == 100
    assert shown.stderr == "the first 100; --limit shows more\n"
    assert run("list").stdout.count(RDM) == 120
    assert run("list", "--limit", "7", "--json").stdout.count("\n") == 7


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


def watching(server: ScriptedServer) -> None:
    feed = Feed()
    server.on("Watch", feed)
    feed.send(
        events_pb2.WatchResponse(events=[EVENT, EVENT], cursor="12"),
        events_pb2.WatchResponse(cursor="14", caught_up=True),
    )


def test_watch_shows_events_until_it_has_caught_up(run: Run, server: ScriptedServer) -> None:
    transcript = ""
    for args, terminal in (
        (["watch", "--until-caught-up", "--json"], False),
        (["watch", "--until-caught-up"], False),
        (["watch", "--until-caught-up"], True),
    ):
        watching(server)
        result = run(*args, terminal=terminal)
        assert result.exit_code == 0, result.stderr
        transcript += f"$ handback {' '.join(args)}\n{click.unstyle(result.stdout)}\n"
    matches("watch.txt", transcript)


def test_watch_asks_for_what_it_is_told_and_leaves_after_so_many(
    run: Run, server: ScriptedServer
) -> None:
    watching(server)
    result = run(
        *("watch", "--after", "7", "--partner", "p", "--trigger", "confirm", "--limit", "1"),
        *("--redemption", RDM, "--json"),
    )
    assert result.stdout.count("\n") == 1
    assert server.calls["Watch"][0].requests == [
        events_pb2.WatchRequest(
            programme="aurora", after="7", partners=["p"], triggers=[4], redemption_id=RDM
        )
    ]


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
    path.write_text(text)
    result = run("submit", "--csv", str(path), "--partner", "skyways")
    assert result.exit_code == 1
    assert mistake in result.stderr
    assert not server.calls


def test_what_a_partner_sent_cannot_steer_a_terminal(run: Run, server: ScriptedServer) -> None:
    answer = breaks_pb2.GetBreakResponse(found_break=BREAK)
    server.on("GetBreak", answer, answer)
    for terminal in (False, True):
        shown = run("breaks", "show", BRK, terminal=terminal).stdout
        assert "\x1b[31m" not in shown
        assert r"HB1;0000\t500\x1b[31m" in shown
