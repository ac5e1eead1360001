"""How many records a second this machine takes through the whole loop, on each store.

    cd tests && python -m bench [--records 200000] [--store sqlite]

Durability is as in production, PostgreSQL with its own default settings. Every figure is one run;
compare runs on a quiet machine only. The laws are verified at the end, and timed like the rest.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import handback_migrations
from fake_clock import FakeClock
from handback.redemptions.requests import Submit
from handback.store.session import Store
from postgres import Databases, running_server
from world import PROGRAMME, Answer, World, skyways_file

SUBMITTED_AT_ONCE = 1_000
AS_IN_PRODUCTION = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


def main() -> None:
    """Run the loop on the stores asked for, and print a line for each step."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--store", choices=["sqlite", "postgres"], action="append")
    options = parser.parse_args()
    for kind in options.store or ["sqlite", "postgres"]:
        with tempfile.TemporaryDirectory() as folder, _store(kind, Path(folder)) as store:
            _say(f"{kind}, {options.records:,} records")
            _loop(World(store, FakeClock(), Path(folder) / "world"), options.records)


@contextmanager
def _store(kind: str, folder: Path) -> Iterator[Store]:
    if kind == "sqlite":
        url = f"sqlite:///{folder}/handback.db"
        handback_migrations.migrate(url)
        store = Store.open(url)
        yield store
        store.close()
        return
    with running_server(AS_IN_PRODUCTION) as server:
        databases = Databases(server, handback_migrations.migrate)
        with databases.fresh() as url:
            store = Store.open(url)
            yield store
            store.close()
        databases.close()


def _loop(world: World, records: int) -> None:
    world.apply("skyways")
    _timed("submit", records, lambda: _submit(world, records))
    _timed("gather, deliver, dispatch", records, world.send)
    answers = [
        Answer(*sent, "0000" if number % 20 else "0201")
        for file in world.delivered()
        for number, sent in enumerate(world.sent(file))
    ]
    random.Random(1).shuffle(answers)
    world.hand_back(skyways_file(answers))
    _timed("pick up, decode, reconcile", records, world.take_in)
    _timed("verify", records, world.assert_laws)


def _submit(world: World, records: int) -> None:
    for first in range(0, records, SUBMITTED_AT_ONCE):
        numbers = range(first, min(first + SUBMITTED_AT_ONCE, records))
        world.run(*(_command(number) for number in numbers))


def _command(number: int) -> Submit:
    member, details = f"M{number:08}", {"surname": "Example"}
    return Submit(PROGRAMME, "skyways", f"key-{number}", member, 100, "miles", details)


def _timed(step: str, records: int, act: Callable[[], object]) -> None:
    began = time.perf_counter()
    act()
    elapsed_s = time.perf_counter() - began
    _say(f"  {step:<28}{elapsed_s:8.2f} s {records / elapsed_s:12,.0f} records/s")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
