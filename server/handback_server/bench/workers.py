"""Workers: one process and two on the same PostgreSQL, beside a floor with one connection and two.

Every process applies one chunk at a time, so that what is compared is a second connection. Two
processes take the chunks of one file, or of two files with half of the records each.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Final

from handback.errors import InvalidSettings, Violation
from handback.intake import queries
from handback.intake.desk import Desk
from handback.intake.pickup import pick_up
from handback.intake.states import FileState
from handback.reconcile.run import reconcile
from handback_server.bench import floor
from handback_server.bench.answers import Mix, answered, sent, write_answers
from handback_server.bench.apart import apart
from handback_server.bench.by_hand import Job
from handback_server.bench.engine import ACTOR, PROGRAMME, Engine, engine
from handback_server.bench.ground import Ground, Place, settle
from handback_server.bench.ingest import laws
from handback_server.runtime import spare_collector

_LOOK_AGAIN_S: Final = 0.01


def workers(ground: Ground, records: int, order: str) -> Mapping[str, object]:
    """Floor and product, each alone and with a second one. Raises InvalidSettings on SQLite."""
    if ground.store == "sqlite":
        raise InvalidSettings([Violation("store", "the embedded store serves one process")])
    floor_s = {count: _floor_s(ground, records, order, count) for count in (1, 2)}
    floor_gain = floor_s[1] / floor_s[2]
    told: dict[str, object] = {}
    holds = []
    for files, name in (1, "one_file"), (2, "two_files"):
        # A chunk of each of two files walks as many pages as one of both does, so what two
        # processes gain shows only beside one that has the same files to do.
        alone_s, alone_holds = _product(ground, records, order, count=1, files=files)
        shared_s, shared_holds = _product(ground, records, order, count=2, files=files)
        gain = alone_s / shared_s
        told |= {
            f"{name}_records_per_s": records / alone_s,
            f"{name}_gain": gain,
            f"{name}_of_floor_gain": gain / floor_gain,
        }
        holds += [alone_holds, shared_holds]
    return {
        "records": records,
        "order": order,
        "floor_records_per_s": records / floor_s[1],
        "floor_gain": floor_gain,
        **told,
        "laws_hold": all(holds),
    }


def _floor_s(ground: Ground, records: int, order: str, connections: int) -> float:
    with ground.place(f"floor-{connections}") as place:
        job = Job(place, records, order)
        apart(floor.prepare, job)
        return apart(floor.run, job, connections).seconds


def _product(
    ground: Ground, records: int, order: str, *, count: int, files: int
) -> tuple[float, bool]:
    """Seconds from the folder to the last commit, and whether the laws hold after it."""
    with ground.place(f"product-{count}-{files}") as place:
        apart(_prepare, place, records, order, files)
        return _together(place, count, files), apart(laws, place)


def _prepare(place: Place, records: int, order: str, files: int) -> None:
    mix = Mix(records)
    with engine(place) as ours:
        ours.bear(mix.redemptions)
        ours.seal()
        ours.send()
    exchange = place.folder / "exchange"
    answers = answered(sent(exchange), mix, order)
    parts = list(answers.iter_slices(-(-len(answers) // files)))
    for sequence, part in enumerate(parts, start=1):
        write_answers(part, exchange / "inbound" / f"answers-{sequence}.csv", sequence)
    settle(place)


def _together(place: Place, count: int, files: int) -> float:
    """Seconds that so many processes take, started at once."""
    fresh = multiprocessing.get_context("spawn")
    gate, times = fresh.Barrier(count), fresh.Queue()
    started = [fresh.Process(target=_work, args=(place, files, gate, times)) for _ in range(count)]
    for worker in started:
        worker.start()
    began, ended = zip(*(times.get() for _ in started), strict=True)
    for worker in started:
        worker.join()
    seconds: float = max(ended) - min(began)
    return seconds


def _work(place: Place, files: int, gate: Barrier, times: Queue[tuple[float, float]]) -> None:
    """One process: looks for files and reconciles what is ready, until all is done."""
    pause = threading.Event()
    with engine(place) as ours:
        ours = replace(ours, desk=replace(ours.desk, writers=1))
        spare_collector()  # as a server does
        gate.wait()
        began = time.perf_counter()
        while _closed(ours.desk) < files:
            if not _look(ours):
                pause.wait(_LOOK_AGAIN_S)
        times.put((began, time.perf_counter()))


def _look(ours: Engine) -> bool:
    """Do what a server does at each look; whether there was anything to do."""
    taken = pick_up(ours.desk, ours.transport)
    with ours.store.read() as tx:
        ready = queries.ready(tx)
    worked = [reconcile(ours.desk, file_id, ACTOR) for file_id in ready]
    return bool(taken) or any(worked)


def _closed(desk: Desk) -> int:
    with desk.store.read() as tx:
        wanted = queries.FileFilter(PROGRAMME, states=(FileState.RECONCILED,))
        return len(queries.page(tx, wanted, 0, 10))
