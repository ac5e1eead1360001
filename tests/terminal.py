"""What a page says to type and to run, typed and run: it has to come back as the page shows it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pages import Block
from sources import ROOT

DEFAULT = "127.0.0.1:7470"
_SERVE = "handbackd serve &"
_COMMANDS = {
    "handback": "from handback_client.cli import main; main()",
    "handbackd": "from handback_server.__main__ import main; main()",
}


class Terminal:
    """Works in a folder of its own, with nothing set but what the page says.

    A server takes a free port of this machine, whatever the page has it listen on.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = {
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "HANDBACK_LISTEN": "127.0.0.1:0",
            **environment,
        }
        self._target = DEFAULT
        self._servers: list[subprocess.Popen[str]] = []
        self._printed = ""
        (folder / "bin").mkdir()
        (folder / "server").symlink_to(ROOT / "server")
        for name, source in _COMMANDS.items():
            command = shlex.join([sys.executable, "-c", source])
            (folder / "bin" / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            (folder / "bin" / name).chmod(0o755)

    def play(self, blocks: Iterable[Block]) -> None:
        """Follow every block: sessions, programs, and what a program prints."""
        for block in blocks:
            match block.language:
                case "console":
                    self._follow(block.text)
                case "python":
                    self._printed = self._run(block.text)
                case "text":
                    _compare("the program", block.text, self._printed)
                case other:
                    raise AssertionError(f"nobody knows how to play {other}")

    def _run(self, program: str) -> str:
        """Run a program; what it prints."""
        here = program.replace(DEFAULT, self._target)
        return self._output(sys.executable, "-W", "error", "-c", here)

    def _follow(self, session: str) -> None:
        """Type what stands behind each `$`, and find that what stands below comes back."""
        for typed in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
            command, _, shown = typed.partition("\n")
            if command == _SERVE:
                self._serve(shown)
            elif command.startswith("cd "):
                self._folder /= command.removeprefix("cd ")
            elif command.startswith("export "):
                self._export(command)
            else:
                _compare(f"$ {command}", shown, self._output("/bin/sh", "-c", command))

    def _serve(self, shown: str) -> None:
        server = subprocess.Popen(
            ["handbackd", "serve"],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._servers.append(server)
        assert server.stdout
        line = server.stdout.readline()
        self._target = line.removeprefix("listening on ").strip()
        self._environment["HANDBACK_SERVER"] = self._target
        _compare(f"$ {_SERVE}", re.sub(r"\S+:\d+", self._target, shown), line)

    def _export(self, command: str) -> None:
        for pair in shlex.split(command)[1:]:
            name, _, text = pair.partition("=")
            if name != "HANDBACK_LISTEN":
                self._environment[name] = text

    def _output(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}{done.stderr}"
        return done.stdout

    def close(self) -> None:
        """Stop every server that was started; each ends well."""
        for server in self._servers:
            server.send_signal(signal.SIGTERM)
        for server in self._servers:
            with server:
                assert server.wait(30) == 0


@contextmanager
def terminal(folder: Path, **environment: str) -> Iterator[Terminal]:
    """A terminal whose servers are stopped at the end."""
    opened = Terminal(folder, environment)
    try:
        yield opened
    finally:
        opened.close()


def _compare(of: str, shown: str, said: str) -> None:
    """What was said is what is shown, but for blanks; `…` is whatever it may be."""
    pattern = re.escape(" ".join(shown.split())).replace("…", ".*")
    found = " ".join(said.split())
    assert re.fullmatch(pattern, found), f"{of}\n{said}\nis not as shown:\n{shown}"
