"""Ingest: a hand-back file from the partner's folder to its last commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from handback.intake.pickup import pick_up
from handback.reconcile.run import reconcile
from handback_server.bench import by_row, core_batches, floor, row_tables
from handback_server.bench.answers import Mix, answered, sent, write_answers
from handback_server.bench.apart import Figures, Meter, apart
from handback_server.bench.by_hand import Job
from handback_server.bench.engine import ACTOR, engine
from handback_server.bench.ground import Ground, Place, settle
from handback_server.runtime import spare_collector

# On a database of the same size they answer only so many: by row a million would take half an hour.
_BY_ROW_RECORDS: Final = 5_000
_CORE_RECORDS: Final = 50_000


def ingest(ground: Ground, records: int, order: str) -> Mapping[str, object]:
    """Floor, row by row, batches and product in turn; docs/performance.md says what each does."""
    with ground.place("floor") as place:
        job = Job(place, records, order)
        apart(floor.prepare, job)
        at_best = apart(floor.run, job)
    by_row_rate = _beside(ground, "row", by_row.run, records, order, _BY_ROW_RECORDS)
    core_rate = _beside(ground, "core", core_batches.run, records, order, _CORE_RECORDS)
    with ground.place("product") as place:
        apart(prepare, place, records, order)
        with ground.profile() as statements:
            ours = apart(run, place)
        laws_hold = apart(laws, place)
    rate, floor_rate = records / ours.seconds, records / at_best.seconds
    return {
        "records": records,
        "order": order,
        "seconds": ours.seconds,
        "records_per_s": rate,
        "floor_records_per_s": floor_rate,
        "ratio_to_floor": rate / floor_rate,
        "row_by_row_records_per_s": by_row_rate,
        "ratio_to_row_by_row": rate / by_row_rate,
        "core_batches_records_per_s": core_rate,
        "ratio_to_core_batches": rate / core_rate,
        "peak_rss_mb": ours.peak_rss_mb,
        "floor_peak_rss_mb": at_best.peak_rss_mb,
        "cpu_s": ours.cpu_s,
        "database_cpu_s": ours.database_cpu_s,
        "floor_cpu_s": at_best.cpu_s,
        "floor_database_cpu_s": at_best.database_cpu_s,
        "laws_hold": laws_hold,
        **({"statements": statements} if statements else {}),
    }


def _beside(
    ground: Ground,
    name: str,
    answer: Callable[[Job, int], Figures],
    records: int,
    order: str,
    most: int,
) -> float:
    """Records a second of another way to write the same thing, on a place of its own."""
    with ground.place(name) as place:
        job, count = Job(place, records, order), min(records, most)
        apart(row_tables.prepare, job)
        return count / apart(answer, job, count).seconds


def prepare(place: Place, records: int, order: str) -> None:
    """Redemptions that await an answer, and the file that answers them in the partner's folder."""
    mix = Mix(records)
    with engine(place) as ours:
        ours.bear(mix.redemptions)
        ours.seal()
        ours.send()
    exchange = place.folder / "exchange"
    file = answered(sent(exchange), mix, order)
    write_answers(file, exchange / "inbound" / "answers.csv")
    settle(place)


def run(place: Place) -> Figures:
    """Pick the file up and reconcile it, a chunk at a time, as the floor has one connection."""
    with engine(place) as ours, Meter(place.database_pid) as meter:
        spare_collector()  # as a server does
        desk = replace(ours.desk, writers=1)
        for file_id in pick_up(desk, ours.transport):
            reconcile(desk, file_id, ACTOR)
    return meter.figures


def laws(place: Place) -> bool:
    """Whether every law holds on what the run left."""
    with engine(place) as ours:
        return ours.laws_hold()
