"""Growth: one file on an empty database, and the same on one with many finished redemptions."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from handback.intake.pickup import pick_up
from handback.intake.queries import FILE, by_id
from handback.intake.states import FileState
from handback.lifecycle.table import State
from handback.reconcile.run import reconcile
from handback_server.bench.answers import Mix
from handback_server.bench.apart import Figures, Meter, apart
from handback_server.bench.engine import ACTOR, engine
from handback_server.bench.ground import Ground, Place, settle
from handback_server.bench.grown import grown, load
from handback_server.bench.long_answers import write_long_answers


def growth(ground: Ground, records: int, order: str) -> Mapping[str, object]:
    """Ingest a file of so many records twice; with `--grown 0`, on the empty database alone.

    What was ingested stays in a database that is kept.
    """
    with ground.place("empty") as place:
        told = {"records": records, "order": order, **_ingested(place, "empty", records, order)}
    if ground.grown:
        with grown(ground) as place:
            told |= {"grown": ground.grown, **_ingested(place, "grown", records, order)}
        told["ratio"] = _number(told["grown_records_per_s"]) / _number(told["empty_records_per_s"])
    laws = [told.pop(name) for name in list(told) if name.endswith("laws_hold")]
    return {**told, "laws_hold": all(laws)}


def _number(value: object) -> float:
    assert isinstance(value, float), value
    return value


def _ingested(place: Place, name: str, records: int, order: str) -> dict[str, object]:
    apart(_prepare, place, records, order)
    figures = apart(_run, place)
    return {
        f"{name}_seconds": figures.seconds,
        f"{name}_records_per_s": records / figures.seconds,
        f"{name}_peak_rss_mb": figures.peak_rss_mb,
        f"{name}_cpu_s": figures.cpu_s,
        f"{name}_database_cpu_s": figures.database_cpu_s,
        f"{name}_laws_hold": apart(_laws, place),
    }


def _prepare(place: Place, records: int, order: str) -> None:
    """Redemptions that await an answer, and the file that answers them in the partner's folder."""
    mix = Mix(records)
    ids = load(place, mix.redemptions, State.AWAITING_HANDBACK)
    with engine(place) as ours, ours.store.read() as tx:
        newest = tx.scalar(sa.select(sa.func.max(FILE.c.sequence_number))) or 0
    answers = place.folder / "exchange" / "inbound" / f"answers-{newest + 1}.csv"
    write_long_answers(ids, mix, order, answers, newest + 1)
    settle(place)


def _run(place: Place) -> Figures:
    """Pick the file up and reconcile it."""
    with engine(place) as ours:
        with Meter(place.database_pid) as meter:
            for file_id in pick_up(ours.desk, ours.transport):
                reconcile(ours.desk, file_id, ACTOR)
        with ours.store.read() as tx:
            state = by_id(tx, file_id).state
    assert state is FileState.RECONCILED, state
    return meter.figures


def _laws(place: Place) -> bool:
    with engine(place) as ours:
        return ours.laws_hold()
