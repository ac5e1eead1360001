"""Every system of a benchmark in a process of its own, so that no one pays for another's memory."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

_TICKS_PER_S = 100  # of /proc, whatever the kernel's own


def apart(step: Callable[Given, Answer], /, *given: Given.args, **named: Given.kwargs) -> Answer:
    """What a module-level function answers in a fresh process; its exception where it raises."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as worker:
        return worker.submit(step, *given, **named).result()


@dataclass(frozen=True, slots=True)
class Figures:
    """What a timed piece of work took. Memory is the peak of its process so far.

    On SQLite the database works within our process; `database_cpu_s` is then None.
    """

    seconds: float
    cpu_s: float
    database_cpu_s: float | None
    peak_rss_mb: float


class Meter:
    """Measures the body of a `with`; `figures` is there once it is left."""

    figures: Figures

    def __init__(self, database_pid: int | None = None) -> None:
        """`database_pid` is the first process of the database server."""
        self._database_pid = database_pid

    def __enter__(self) -> Meter:
        self._database_s = _database_cpu_s(self._database_pid)
        self._cpu_s = time.process_time()
        self._began = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        seconds = time.perf_counter() - self._began
        cpu_s = time.process_time() - self._cpu_s
        database_s = _database_cpu_s(self._database_pid)
        spent_there = None
        if database_s is not None and self._database_s is not None:
            spent_there = database_s - self._database_s
        self.figures = Figures(seconds, cpu_s, spent_there, peak_rss_mb())


def peak_rss_mb() -> float:
    """The most memory this process has had so far."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    # Elsewhere the figure may count what the process was before it became this program.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _database_cpu_s(pid: int | None) -> float | None:
    """What a server and its children have used since it started; None where it cannot be seen."""
    if pid is None or not Path(f"/proc/{pid}/stat").exists():
        return None
    ticks = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile; its parent has its time
        parent, own, of_children = int(fields[1]), fields[11:13], fields[13:15]
        if folder.name == str(pid):
            ticks += sum(map(int, own + of_children))
        elif parent == pid:
            ticks += sum(map(int, own))
    return ticks / _TICKS_PER_S
