"""Kill a process of the engine at any moment that matters, then see what it left behind.

A *moment* lies just before something lasting happens: a writing transaction is committed, a file is
opened for writing, renamed, linked or removed. A step is run in a process of its own that kills
itself (SIGKILL, no clean-up of any kind) at its first moment; on another copy of the world at its
second; and so on until the last moment before the step gets to its end.

    at_every_moment("crash.steps:send", copies, look_what_is_left_and_go_on)

A step is a function of the URL of a store and the path of a folder. The production code has no
hooks for this: the child listens to SQLAlchemy's commits and to Python's audit events.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

_FILE_EVENTS = {"os.rename", "os.link", "os.remove", "os.symlink", "os.truncate"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Place(NamedTuple):
    """A store and a folder: everything that outlives a process."""

    url: str
    folder: str


@dataclass(frozen=True)
class Moment:
    """The n-th moment of a step, and what would have happened then."""

    number: int
    about_to: str


def at_every_moment(
    step: str,
    copies: Callable[[], AbstractContextManager[Place]],
    look: Callable[[Moment, Place], None],
    *,
    only_commits: bool = False,
) -> list[Moment]:
    """Kill `module:function` at each of its moments, and look at each place it leaves behind.

    Several copies are at work at once. Gives all moments, in their order.
    """
    counted = "commits" if only_commits else "everything"
    with copies() as place:
        done = _run(step, place, 0, counted)
    done.check_returncode()
    total = int(done.stdout)
    assert total, "the step does nothing that lasts"

    def kill(number: int) -> Moment:
        with copies() as place:
            killed = _run(step, place, number, counted)
            assert killed.returncode == -signal.SIGKILL, killed
            moment = Moment(number, killed.stdout)
            look(moment, place)
        return moment

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(kill, range(1, total + 1)))


def killed_at(step: str, place: Place, commit: int) -> bool:
    """Run `module:function`, killed at its n-th commit; whether it got as far as that."""
    done = _run(step, place, commit, "commits")
    assert done.returncode in (0, -signal.SIGKILL), done
    return done.returncode != 0


def _run(step: str, place: Place, kill_at: int, counted: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "killing", str(kill_at), counted, step, *place]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, timeout=120, check=False
    )


def _main(kill_at: int, counted: str, step: str, place: Place) -> None:
    module, _, name = step.partition(":")
    function: Callable[[str, str], None] = getattr(importlib.import_module(module), name)
    count = _watch(kill_at, files=counted == "everything")
    function(*place)
    os.write(1, str(count()).encode())


def _watch(kill_at: int, *, files: bool) -> Callable[[], int]:
    """Kill this process at a moment, 0 for none; gives the count of moments so far."""
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
    if files:
        sys.addaudithook(heard)
    return lambda: count


def _is_writing(path: object, _mode: object, flags: object) -> bool:
    """Whether an `open` may change a file, one that is not Python's own affair."""
    if not isinstance(path, str) or not isinstance(flags, int):
        return False
    return bool(flags & _WRITING) and not path.startswith("/dev/") and "__pycache__" not in path


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    _main(int(sys.argv[1]), sys.argv[2], sys.argv[3], Place(*sys.argv[4:]))
