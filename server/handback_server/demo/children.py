"""The processes of the demo, each ended by who started it, whatever happens meanwhile."""

from __future__ import annotations

import re
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from handback_server.demo.failure import DemoFailed

_START_S: Final = 30.0
# A server gives running calls 20 s; there are none left when it is told.
_STOP_S: Final = 30.0
_LOG_LINES: Final = 20

# Short looks for work, so that the demo waits for work and not for clocks.
_SETTINGS: Final = {
    "HANDBACK_LISTEN": "127.0.0.1:0",
    "HANDBACK_PICKUP_S": "0.2",
    "HANDBACK_GATHER_S": "0.2",
    "HANDBACK_DELIVER_S": "0.2",
}


@dataclass(frozen=True, slots=True)
class Child:
    """A process, and the file that keeps what it says on its standard error."""

    name: str
    popen: subprocess.Popen[str]
    log: Path

    def check(self) -> None:
        """Raise DemoFailed where it has ended."""
        code = self.popen.poll()
        if code is not None:
            raise self.failed(f"ended with {code}")

    def first_line(self) -> str:
        """What it says first on its standard output. Raises DemoFailed where it says nothing."""
        assert self.popen.stdout is not None
        said, _, _ = select.select([self.popen.stdout], [], [], _START_S)
        line = self.popen.stdout.readline() if said else ""
        if not line:
            raise self.failed("does not start")
        return line.strip()

    def tell(self, line: str) -> None:
        """Write a line to its standard input. Raises DemoFailed where it does not listen."""
        assert self.popen.stdin is not None
        try:
            self.popen.stdin.write(f"{line}\n")
            self.popen.stdin.flush()
        except BrokenPipeError:
            raise self.failed("does not listen") from None

    def last_words(self) -> Sequence[str]:
        """The last lines of its log, none where it had nothing to say."""
        return self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]

    def failed(self, what: str) -> DemoFailed:
        """What to raise where it fails, with its last words."""
        return DemoFailed("\n".join([f"the {self.name} {what}", *self.last_words()]))


def settings_of(environment: Mapping[str, str], folder: Path, width: int) -> dict[str, str]:
    """What the demo's processes are started with: nothing of a server the caller may have.

    `width` is how wide they print.
    """
    others = {name: text for name, text in environment.items() if not name.startswith("HANDBACK_")}
    return {**others, **_SETTINGS, "HANDBACK_HOME": str(folder), "COLUMNS": str(width)}


@contextmanager
def serving(environment: Mapping[str, str], folder: Path) -> Iterator[tuple[Child, str]]:
    """A server on a free port of this machine, and the address that it gave."""
    command = [sys.executable, "-m", "handback_server", "demo", "--server"]
    with _running("server", command, environment, folder) as server:
        address = re.fullmatch(r"listening on (\S+)", server.first_line())
        if address is None:
            raise DemoFailed("the server does not say where it listens")
        yield server, address[1]


@contextmanager
def partner_at_work(
    environment: Mapping[str, str], folder: Path, records: int, seed: int
) -> Iterator[Child]:
    """The simulated partner; it ends with its input."""
    module = "handback_server.demo.partner"
    arguments = [str(folder / "exchange"), str(records), str(seed)]
    command = [sys.executable, "-m", module, *arguments]
    with _running("partner", command, environment, folder) as partner:
        yield partner


@contextmanager
def _running(
    name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path
) -> Iterator[Child]:
    log = folder / f"{name}.log"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            # Ctrl-C stops the demo, and that stops its children in order.
            start_new_session=True,
        ) as popen,
    ):
        try:
            yield Child(name, popen, log)
        finally:
            _end(popen)


def _end(popen: subprocess.Popen[str]) -> None:
    """Ask it to end, and end it if it does not."""
    popen.terminate()
    try:
        popen.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()


def verify(environment: Mapping[str, str]) -> bool:
    """Run `handbackd verify`, which prints what it finds; whether every law holds."""
    command = [sys.executable, "-m", "handback_server", "verify"]
    return subprocess.run(command, env=environment, check=False).returncode == 0
