"""Verify: how many events a second the laws are checked on."""

from __future__ import annotations

from collections.abc import Mapping

from handback.journal.sequence import sequence_blocks
from handback.verify import verify as check
from handback_server.bench.apart import Figures, Meter, apart
from handback_server.bench.engine import engine
from handback_server.bench.ground import Ground, Place, settle


def verify(ground: Ground, records: int, order: str) -> Mapping[str, object]:
    """Check so many redemptions of two events each; `order` means nothing here."""
    with ground.place("product") as place:
        apart(_prepare, place, records)
        figures, laws_hold = apart(_run, place)
    return {
        "records": records,
        "seconds": figures.seconds,
        "events_per_s": 2 * records / figures.seconds,
        "peak_rss_mb": figures.peak_rss_mb,
        "cpu_s": figures.cpu_s,
        "database_cpu_s": figures.database_cpu_s,
        "laws_hold": laws_hold,
    }


def _prepare(place: Place, records: int) -> None:
    with engine(place) as ours:
        ours.bear(records)
        ours.seal()
        ours.send()
        sequence_blocks(ours.store)
    settle(place)


def _run(place: Place) -> tuple[Figures, bool]:
    with engine(place) as ours, Meter(place.database_pid) as meter:
        report = check(ours.store)
    return meter.figures, report.holds
