"""The simulated partner: a process of its own that knows folders, files and the plan.

    python -m handback_server.demo.partner EXCHANGE RECORDS SEED

It plays all three partners. A line on its standard input begins the next day; the end of the input
ends it. It reads payout files as text, answers each request as planned, and uploads its hand-back
files as its agreement asks: renamed when whole, with a marker, or with a trailer at the end.
"""

from __future__ import annotations

import select
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from handback_server.demo.layouts import (
    Answer,
    Layout,
    Northbank,
    Payout,
    Request,
    Skyways,
    Staywell,
)
from handback_server.demo.plan import CASES, SKYWAYS, STRANGERS, Plan, Record, make_plan

# How long it listens for the next day before it looks for files again.
_LOOK_S = 0.1


class Desk:
    """One partner at work."""

    def __init__(self, layout: Layout, exchange: Path, plan: Plan) -> None:
        self._layout = layout
        self._plan = plan
        self._outbound = exchange / "outbound" / layout.partner
        self._inbound = exchange / "inbound" / layout.partner
        self._rounds = plan.rounds(layout.partner)
        self._answers_per_file = plan.answers_per_file(layout.partner)
        self._read: set[str] = set()
        self._attempts: Counter[int] = Counter()
        self._arrived: Counter[int] = Counter()
        self._waiting: defaultdict[int, list[Request]] = defaultdict(list)
        self._tomorrow: list[Answer] = []
        self._day = ""
        self._sequence = 0
        self._first = ""

    def work(self) -> None:
        """Read what has come, and answer what there is enough of."""
        for path in sorted(self._outbound.glob("[!.]*")):
            if path.name not in self._read:
                self._read.add(path.name)
                self._take(self._layout.read(path.name, _text(path, self._layout.encoding)))

    def _take(self, payout: Payout) -> None:
        """Sort requests by attempt, and hand back a file whenever one is full or the last."""
        self._day = payout.day
        for request in payout.requests:
            self._attempts[request.number] += 1
            attempt = self._attempts[request.number]
            if attempt > len(self._plan[request.number].case.attempts):
                continue  # what goes out weeks later is not answered any more
            self._arrived[attempt] += 1
            self._waiting[attempt].append(request)
            is_full = len(self._waiting[attempt]) == self._answers_per_file
            if is_full or self._arrived[attempt] == self._rounds[attempt - 1]:
                self._hand_back(attempt)

    def _hand_back(self, attempt: int) -> None:
        answers = []
        for request in self._waiting.pop(attempt):
            case = self._plan[request.number].case
            answers += _answers(request, case.attempts[attempt - 1])
            if attempt == len(case.attempts):
                self._tomorrow += _answers(request, case.next_day)
        name, content = self._next_file(answers)
        self._upload(name, content)
        self._first = self._first or content

    def next_day(self) -> None:
        """Send what was left for today, and what should not be sent at all."""
        if self._layout.partner in STRANGERS:
            stranger = self._layout.stranger()
            usual = CASES[self._layout.partner][0].attempts[0]
            self._tomorrow += _answers(stranger, usual)
        name, content = self._next_file(self._tomorrow)
        if self._layout.partner == SKYWAYS:
            self._upload(self._layout.name(1), self._first)
            self._upload("HB_000001_AGAIN.csv", self._first)
            self._upload("HB_CUT.csv", content[: len(content) * 2 // 3])
        self._upload(name, content)

    def _next_file(self, answers: Sequence[Answer]) -> tuple[str, str]:
        self._sequence += 1
        content = self._layout.write(answers, self._sequence, self._day)
        return self._layout.name(self._sequence), content

    def _upload(self, name: str, content: str) -> None:
        """Put a file into the folder so that nobody takes half of it."""
        self._inbound.mkdir(parents=True, exist_ok=True)
        raw = content.encode(self._layout.encoding)
        if self._layout.complete == "trailer":
            # It may be seen while it grows.
            with (self._inbound / name).open("wb") as file:
                file.write(raw[: len(raw) // 2])
                file.flush()
                file.write(raw[len(raw) // 2 :])
            return
        unfinished = self._inbound / f".{name}.part"
        unfinished.write_bytes(raw)
        unfinished.rename(self._inbound / name)
        if self._layout.complete == "marker":
            (self._inbound / f"{name}.ok").touch()


def _text(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, newline="") as file:
        return file.read()


def _answers(request: Request, records: Iterable[Record]) -> list[Answer]:
    return [
        Answer(request, record.code, str(request.quantity + record.off) if record.readable else "?")
        for record in records
    ]


def main(exchange: Path, records: int, seed: int) -> None:
    """Work until the input ends."""
    plan = make_plan(records, seed)
    desks = [Desk(layout, exchange, plan) for layout in (Skyways(), Northbank(), Staywell())]
    while True:
        for desk in desks:
            desk.work()
        heard, _, _ = select.select([sys.stdin], [], [], _LOOK_S)
        if heard and not sys.stdin.readline():
            return
        if heard:
            for desk in desks:
                desk.next_day()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
