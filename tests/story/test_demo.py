"""The demo, as who tries it sees it: it meets its plan, says where it does not, and cleans up."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from handback_server.commands.demo import demo
from handback_server.demo import plan
from handback_server.demo.run import run

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HANDBACK_STORE": "not ours"}
COMMAND = (sys.executable, "-m", "handback_server", "demo", "--records", "300")


def test_a_run_meets_its_plan(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    done = subprocess.run(
        [*COMMAND, "--keep", folder], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "counts are as planned: 300 redemptions" in done.stdout
    for shown in ("TRUNCATED", "NOT_ALLOWED", "overdue, reconciled", "What is owed, 21 days later"):
        assert shown in done.stdout
    assert (folder / "handback.db").exists()
    for name in ("server.log", "partner.log"):
        assert (folder / name).read_text() == ""


def test_an_outcome_that_was_not_planned_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only this process believes that the silent ones are confirmed."""
    silent = plan.CASES[plan.STAYWELL]
    believed = tuple(
        replace(case, end="confirmed") if case.does == "says nothing" else case for case in silent
    )
    monkeypatch.setattr(plan, "CASES", {**plan.CASES, plan.STAYWELL: believed})
    console = Console(file=io.StringIO(), width=120)
    assert not run(console, ENVIRONMENT, tmp_path, 100, 1)
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert re.search(r"redemptions by state +staywell +awaiting_handback +2 +3", printed), printed
    assert "5 of 92 counts are not as planned." in printed


@contextmanager
def begun(**environment: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, int]]]:
    """A demo under way, and the ids of what it has started."""
    started: dict[str, int] = {}
    with subprocess.Popen(
        COMMAND,
        env=ENVIRONMENT | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout
        for line in running.stdout:
            found = re.match(r"(server|partner) +process (\d+)", line)
            if found:
                started[found[1]] = int(found[2])
            if len(started) == 2:
                break
        yield running, started
        running.communicate()


def are_gone(started: dict[str, int]) -> bool:
    """Whether none of these processes is there any more."""
    for number in started.values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, 0)
            return False
    return True


def test_what_was_started_is_stopped(tmp_path: Path) -> None:
    with begun(TMPDIR=str(tmp_path)) as (running, started):
        running.send_signal(signal.SIGTERM)
    assert running.returncode == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())
    assert are_gone(started)


@pytest.mark.parametrize("child", ["server", "partner"])
def test_a_process_that_goes_ends_the_demo(child: str, tmp_path: Path) -> None:
    with begun(TMPDIR=str(tmp_path)) as (running, started):
        os.kill(started[child], signal.SIGKILL)
        _, complaint = running.communicate()
    assert running.returncode == 1
    assert f"Error: the {child} " in complaint
    assert are_gone(started)


def test_the_client_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = CliRunner().invoke(demo, [], obj={})
    assert said.exit_code == 1
    assert "pip install handback-client" in said.output


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    said = CliRunner().invoke(demo, ["--keep", str(tmp_path)], obj={})
    assert said.exit_code == 2
    assert "is not empty" in said.output
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
