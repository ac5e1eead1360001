"""Matching: a file whose references have lost what they carry, answered by rules that search.

Once the references come back without prefix and zeros, and are found by their normal form. Once
they are somebody else's, and records are found by member, quantity and window.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from handback.intake.pickup import pick_up
from handback.lifecycle.table import State
from handback.partners import registry
from handback.reconcile.run import reconcile
from handback_server.bench.answers import Mix, answered, write_answers
from handback_server.bench.apart import Figures, Meter, apart
from handback_server.bench.engine import ACTOR, agreement, engine, member_of, quantity_of
from handback_server.bench.ground import Ground, Place, settle
from handback_server.bench.grown import load

_BY_KEY: Final = 'match = [["reference_key"], ["reference", "quantity", "member"]]'
_RULES: Final = {
    "normalised": 'match = [["reference_key"], ["normalised_reference"]]\n'
    '[handback.normalise]\nprefixes = ["HB"]\nzeros = "drop"',
    "member": 'match = [["reference_key"], ["member", "quantity", "window"]]\nmatch_days = 90',
}


def matching(ground: Ground, records: int, order: str) -> Mapping[str, object]:
    """A file of so many records for each of the rules, each on a database of its own."""
    told: dict[str, object] = {"records": records, "order": order}
    laws = []
    for rule in _RULES:
        with ground.place(rule) as place:
            apart(_prepare, place, rule, records, order)
            figures = apart(_run, place, rule)
            laws.append(apart(_laws, place))
        told |= {
            f"{rule}_seconds": figures.seconds,
            f"{rule}_records_per_s": records / figures.seconds,
            f"{rule}_peak_rss_mb": figures.peak_rss_mb,
            f"{rule}_cpu_s": figures.cpu_s,
            f"{rule}_database_cpu_s": figures.database_cpu_s,
        }
    return {**told, "laws_hold": all(laws)}


def _prepare(place: Place, rule: str, records: int, order: str) -> None:
    """Redemptions that await an answer, and the file that answers them in the partner's folder."""
    mix = Mix(records)
    ids = load(place, mix.redemptions, State.AWAITING_HANDBACK)
    with engine(place) as ours:
        template = ours.terms().agreement.payout.reference
        now = ours.desk.clock.now()
    asked = pl.DataFrame({"redemption_id": ids}).with_columns(attempt=1, ordinal=1)
    printed = template.render(asked, batch=1, on=now.date())["reference"]
    number = pl.col("redemption_id")
    details = asked.select(
        reference=printed.str.strip_prefix("HB").str.strip_chars_start("0")
        if rule == "normalised"
        else pl.format("P{}", number),
        member_ref=member_of(number),
        quantity=quantity_of(number),
    )
    target = place.folder / "exchange" / "inbound" / "answers.csv"
    write_answers(answered(details, mix, order), target)
    settle(place)


def _run(place: Place, rule: str) -> Figures:
    """Pick the file up and reconcile it."""
    with engine(place) as ours:
        source = agreement().replace(_BY_KEY, _RULES[rule])
        registry.apply(ours.store, ours.desk.clock, source, ACTOR)
        with Meter(place.database_pid) as meter:
            for file_id in pick_up(ours.desk, ours.transport):
                reconcile(ours.desk, file_id, ACTOR)
    return meter.figures


def _laws(place: Place) -> bool:
    """Whether every law holds on what the run left."""
    with engine(place) as ours:
        return ours.laws_hold()
