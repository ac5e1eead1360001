"""Four cash-outs go to a bank as credits. One finds another account than ours said, two come back,
and of the last nothing is heard, so it stays open until its window ends."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from fake_clock import FakeClock
from formats.builtin.bacs_files import Advised, Returned, arucs, awacs
from handback.breaks.kinds import BreakKind
from handback.intake.states import FileState, Verdict
from handback.lifecycle.table import State
from handback.partners import registry
from handback.partners.codes import ReasonClass
from handback.store.session import Store
from world import World, counts

AGREEMENT = """
programme = "aurora"
partner = "bacs"
time_zone = "Europe/London"
units = ["pence"]

[answers]
style = "exceptions_only"
window_days = 5

[payout]
format = "credits"
folder = "outbound/bacs"
file_name = "{date:%Y%m%d}-{sequence:04}.csv"

[payout.reference]
template = "{key:018}"

[handback]
format = "bacs-credits"
folder = "inbound/bacs"
file_name = "*.xml"
complete = "rename"

[formats.credits]
framing = "delimited"

[[formats.credits.records]]
kind = "detail"
fields = [
  { name = "reference", at = 1 },
  { name = "member_ref", at = 2 },
  { name = "quantity", at = 3, type = "integer" },
]
"""
PAID = date(2026, 3, 2)


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> World:
    """An engine with the bank's terms."""
    world = World(store, clock, tmp_path)
    registry.apply(store, clock, AGREEMENT, "tests")
    return world


@pytest.mark.parametrize("advice_first", [True, False])
def test_what_is_reported_is_an_exception(world: World, advice_first: bool) -> None:
    ids = world.submit(6500, 1250, 99, 30000, partner="bacs", unit="pence", fields={})
    (payout,) = world.send("bacs")
    rows = [line.split(",") for line in payout.read_text().splitlines()]
    elsewhere, invalid, closed, _ = (row[0] for row in rows)

    advice = awacs([Advised(elsewhere, "3", PAID + timedelta(2))])
    items = [Returned(invalid, "0", 1250, PAID), Returned(closed, "B", 99, PAID)]
    returns = arucs([items], PAID + timedelta(2))
    reports = {"awacs.xml": advice, "arucs.xml": returns}
    for name in sorted(reports, reverse=advice_first):
        world.hand_back(reports[name], name, "bacs")
        (file,) = world.take_in()
        assert (file.state, file.verdict) == (FileState.RECONCILED, Verdict.ACCEPTED)
        told = counts(world.report(file.file_id))
        assert told["records"][0] == told["events"][0]

    moved = world.history(ids[0])[-1]
    assert (moved.reason_code, moved.reason_class) == ("AWACS/3", ReasonClass.OK_CHANGED)
    assert moved.quantity == 6500
    refused = [world.history(one) for one in ids[1:3]]
    reasons = {event.reason_code: event.reason_class for some in refused for event in some}
    assert reasons["ARUCS/0"] is ReasonClass.FIX_MEMBER
    assert reasons["ARUCS/B"] is ReasonClass.DEAD
    states = [world.get(one).state for one in ids]
    assert states == [State.CONFIRMED, State.REJECTED, State.FAILED, State.AWAITING_HANDBACK]
    assert [(one.kind, one.redemption_id) for one in world.breaks()] == [(BreakKind.REVIEW, ids[1])]
    world.assert_laws()
