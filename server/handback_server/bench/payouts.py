"""Payouts: from due redemptions to a sealed file that is delivered and dispatched, in one batch."""

from __future__ import annotations

from collections.abc import Mapping

from handback_server.bench import payout_floor
from handback_server.bench.apart import Figures, Meter, apart
from handback_server.bench.engine import engine
from handback_server.bench.ground import Ground, Place


def payouts(ground: Ground, records: int, order: str) -> Mapping[str, object]:
    """Pay out so many redemptions; `order` means nothing here."""
    with ground.place("floor") as place:
        apart(payout_floor.prepare, place, records)
        at_best = apart(payout_floor.run, place, records)
    with ground.place("product") as place:
        apart(payout_floor.prepare, place, records)
        ours = apart(_run, place)
        laws_hold = apart(_laws, place)
    return {
        "records": records,
        "seconds": ours.seconds,
        "records_per_s": records / ours.seconds,
        "floor_records_per_s": records / at_best.seconds,
        "ratio_to_floor": at_best.seconds / ours.seconds,
        "peak_rss_mb": ours.peak_rss_mb,
        "floor_peak_rss_mb": at_best.peak_rss_mb,
        "cpu_s": ours.cpu_s,
        "database_cpu_s": ours.database_cpu_s,
        "floor_cpu_s": at_best.cpu_s,
        "floor_database_cpu_s": at_best.database_cpu_s,
        "laws_hold": laws_hold,
    }


def _run(place: Place) -> Figures:
    with engine(place) as ours, Meter(place.database_pid) as meter:
        ours.seal()
        ours.send()
    return meter.figures


def _laws(place: Place) -> bool:
    with engine(place) as ours:
        return ours.laws_hold()
