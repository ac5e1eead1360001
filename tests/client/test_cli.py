"""The command line: what each command asks for, and how it answers in JSON, pipes and terminals.

What it prints is kept in `golden/`, one transcript for each command. A transcript that is deleted
is written anew by the next run, which fails so that somebody looks at it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import grpc
import pytest

from client.commands import BREAK, BRK, CASES, EVENT, HBF, NOTE, RDM, REDEMPTION, SUBMIT
from client.conftest import Run
from client.scripted_server import Feed, Refuse, ScriptedServer
from handback_client._stubs.v1 import breaks_pb2, events_pb2, lifecycle_pb2, redemptions_pb2
from handback_client.cli.app import handback

GOLDEN = Path(__file__).parent / "golden"


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
    own |= {
        "files_finding",
        "format_check",
        "format_draft",
        "format_list",
        "format_show",
        "format_test",
    }
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
        ("breaks", "resolve", "retry", BRK),
        ("breaks", "resolve", "nonsense", BRK, "--comment", "x"),
        ("ledger", "open", "--standing", "unknown"),
        ("watch", "--trigger", "none"),
    ],
)
def test_what_is_asked_for_wrongly_is_exit_code_2(args: tuple[str, ...], run: Run) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")


def test_help_says_whole_sentences_and_names_every_word(run: Run) -> None:
    listed = " ".join(run("breaks", "--help").stdout.split())
    assert "Open a closed break again; nothing that its closing has moved moves back." in listed
    asked = " ".join(run("watch", "--help").stdout.split())
    for word in ("submit", "return_part", "write_off"):
        assert word in asked
    assert " none" not in asked and "unknown" not in asked


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


@pytest.mark.parametrize("columns", ["50", "80", "100", "120"])
@pytest.mark.parametrize("name", ["list", "history", "files_list", "ledger_postings"])
def test_nothing_is_broken_or_lost_where_a_terminal_is_narrow(
    name: str, columns: str, run: Run, server: ScriptedServer
) -> None:
    args, method, answer = CASES[name]
    server.on(method, answer, answer)
    _, *rows = run(*args).stdout.splitlines()
    cells = {cell for row in rows for cell in row.split("\t") if cell}
    shown = click.unstyle(run(*args, terminal=True, COLUMNS=columns).stdout)
    assert max(map(len, shown.splitlines())) <= int(columns)
    told = {f"{int(cell):,}" if cell.isdecimal() and cell[0] != "0" else cell for cell in cells}
    assert {cell for cell in told if cell not in shown} == set()


def test_what_belongs_to_one_thing_is_shown_whole(run: Run, server: ScriptedServer) -> None:
    noted = breaks_pb2.GetBreakResponse(found_break=BREAK, history=[NOTE] * 120)
    server.on("GetBreak", noted)
    shown = run("breaks", "show", BRK, terminal=True)
    assert shown.stdout.count("assigned") == 120
    assert shown.stderr == ""


def test_an_empty_list_says_so(run: Run, server: ScriptedServer) -> None:
    nothing = redemptions_pb2.ListRedemptionsResponse()
    server.on("ListRedemptions", nothing, nothing, nothing)
    shown = run("list", terminal=True)
    assert (shown.stdout, shown.stderr) == ("", "there are none\n")
    assert run("list").stdout.count("\n") == 1
    assert run("list", "--json").stdout == ""


def watching(server: ScriptedServer, event: lifecycle_pb2.RedemptionEvent = EVENT) -> None:
    feed = Feed()
    server.on("Watch", feed)
    feed.send(
        events_pb2.WatchResponse(events=[event, event], cursor="12"),
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


def test_a_code_of_a_partner_cannot_steer_the_terminal_that_watches(
    run: Run, server: ScriptedServer
) -> None:
    event = lifecycle_pb2.RedemptionEvent()
    event.CopyFrom(EVENT)
    event.reason_code = "\x1b[2J\r99"
    for terminal in (False, True):
        watching(server, event)
        shown = click.unstyle(run("watch", "--until-caught-up", terminal=terminal).stdout)
        assert shown.count("\\x1b[2J\\r99") == 2


def test_what_a_partner_sent_cannot_steer_a_terminal(run: Run, server: ScriptedServer) -> None:
    answer = breaks_pb2.GetBreakResponse(found_break=BREAK)
    server.on("GetBreak", answer, answer)
    for terminal in (False, True):
        shown = run("breaks", "show", BRK, terminal=terminal).stdout
        assert "\x1b[31m" not in shown
        assert r"HB1;0000\t500\x1b[31m" in shown
