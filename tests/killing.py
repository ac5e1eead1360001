"""Kill a process of the engine at any moment that matters, then see what it left behind.

A *moment* lies just before something lasting happens: a writing transaction is committed, a file is
opened for writing, renamed, linked or removed. A step is run in a process of its own that kills
itself (SIGKILL, no clean-up of any kind) at the n-th moment, for n = 1, 2, 3 … until the step gets
to its end.

    for moment in moments("crash_steps:deliver_everything", url, folder):
        ...  # the process was killed at `moment`; resume, look, and put things back

A step is a function that takes its arguments as text. The production code has no hooks for this:
the child listens to SQLAlchemy's commits and to Python's audit events.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_FILE_EVENTS = {"os.rename", "os.link", "os.remove", "os.symlink", "os.truncate"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True)
class Moment:
    """The n-th moment of a step, and what would have happened then."""

    number: int
    about_to: str

    def __str__(self) -> str:
        return f"moment {self.number}, before {self.about_to}"


def run(step: str, *arguments: str, kill_at: int | None = None) -> Moment | None:
    """Run `module:function` in a process of its own; the moment at which it was killed, if it was.

    Raises CalledProcessError where it ends in any other way than by its end or by the kill.
    """
    command = [sys.executable, "-m", "killing", str(kill_at or 0), step, *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=120)
    if done.returncode == -signal.SIGKILL and kill_at is not None:
        return Moment(kill_at, done.stdout.strip().rpartition("\n")[2])
    done.check_returncode()
    return None


def moments(step: str, *arguments: str, stride: int = 1) -> Iterator[Moment]:
    """Run the step until it is killed at its first moment, its second, and so on to its end.

    Between two runs the caller brings the world back to where the step begins. With a `stride` only
    every so many moments are tried.
    """
    number = 1
    while (moment := run(step, *arguments, kill_at=number)) is not None:
        yield moment
        number += stride


def _main(kill_at: int, step: str, arguments: list[str]) -> None:
    module, _, name = step.partition(":")
    function: Callable[..., None] = getattr(importlib.import_module(module), name)
    _watch(kill_at)
    function(*arguments)


def _watch(kill_at: int) -> None:
    # Only the child needs these, and pays for the import.
    import sqlalchemy as sa

    from handback.store.sqlite import WRITE

    count = 0

    def moment(about_to: str) -> None:
        nonlocal count
        count += 1
        if count == kill_at:
            os.write(1, about_to.encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def committing(connection: sa.Connection) -> None:
        if connection.get_execution_options().get(WRITE):
            moment("commit")

    def heard(event: str, arguments: tuple[object, ...]) -> None:
        if event in _FILE_EVENTS or (event == "open" and _is_writing(*arguments)):
            moment(f"{event} {arguments[0]}")

    sa.event.listen(sa.Engine, "commit", committing)
    sys.addaudithook(heard)


def _is_writing(path: object, _mode: object, flags: object) -> bool:
    """Whether an `open` may change a file, one that is not Python's own affair."""
    if not isinstance(path, str) or not isinstance(flags, int):
        return False
    return bool(flags & _WRITING) and not path.startswith("/dev/") and "__pycache__" not in path


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    _main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
