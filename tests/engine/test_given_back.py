"""What was given back and credited all the same: taken again, or borne, on both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agreements import source_of
from deciding import Desk
from handback.breaks.decisions import Decision
from handback.breaks.kinds import BreakKind
from handback.errors import InvalidRequest
from handback.lifecycle.table import State, Trigger
from handback.partners import registry
from handback.resolutions.deciding import Wanted
from world import Answer, World, skyways_file


@pytest.mark.parametrize("decision", [Decision.REINSTATE, Decision.WRITE_OFF])
def test_what_was_given_back_can_stand_as_credited(
    world: World, desk: Desk, decision: Decision
) -> None:
    (redemption_id,) = world.submit(300)
    world.send()
    (sent,) = world.sent(world.delivered()[-1])
    world.answer(skyways_file([Answer(*sent, "0201")], 1), "dead.csv")
    world.answer(skyways_file([Answer(*sent, "0000")], 2), "credited.csv")
    assert world.get(redemption_id).state is State.FAILED
    (found,) = world.breaks()
    assert found.kind is BreakKind.CONFIRMED_AFTER_FAILURE
    desk.propose(found.break_id, Wanted(decision))
    desk.approve(found.break_id)
    view = world.get(redemption_id)
    assert (view.state, view.fulfilled) == (State.CONFIRMED, 300)
    assert world.history(redemption_id)[-1].trigger is Trigger[decision.name]
    world.assert_laws()


@pytest.mark.parametrize("came_back", [100, 300])
def test_a_credit_that_we_bear_comes_back_to_us(world: World, desk: Desk, came_back: int) -> None:
    terms = f'{source_of("skyways")}\n[policy.returned]\ndo = "fail"\n'
    registry.apply(world.store, world.clock, terms, "tests")
    (redemption_id,) = world.submit(300)
    world.send()
    (sent,) = world.sent(world.delivered()[-1])
    world.answer(skyways_file([Answer(*sent, "0201")], 1), "dead.csv")
    world.answer(skyways_file([Answer(*sent, "0000")], 2), "credited.csv")
    (found,) = world.breaks()
    desk.propose(found.break_id, Wanted(Decision.WRITE_OFF))
    desk.approve(found.break_id)
    back = replace(Answer(*sent, "0601"), quantity=came_back)
    world.answer(skyways_file([back], 3), "back.csv")
    view = world.get(redemption_id)
    assert (view.state, view.fulfilled) == (State.CONFIRMED, 300), "the member had it already"
    assert [one.kind for one in world.breaks()] == [BreakKind.LATE_ANSWER]
    world.assert_laws()


@pytest.mark.parametrize("decision", [Decision.REINSTATE, Decision.WRITE_OFF])
def test_no_more_is_taken_again_than_was_given_back(
    world: World, desk: Desk, decision: Decision
) -> None:
    terms = '[quantity.tolerance]\nmiles = 2\n[policy.returned]\ndo = "fail"\n'
    registry.apply(world.store, world.clock, f"{source_of('skyways')}\n{terms}", "tests")
    (redemption_id,) = world.submit(300)
    world.send()
    (sent,) = world.sent(world.delivered()[-1])
    # Two are let be; what came back is given back; all is said to be credited after all.
    for number, (code, quantity) in enumerate([("0000", 298), ("0601", 298), ("0000", 300)], 1):
        answer = replace(Answer(*sent, code), quantity=quantity)
        world.answer(skyways_file([answer], number), f"{number}.csv")
    (found,) = world.breaks()
    refused = desk.refusal(found.break_id, Wanted(decision, quantity=299))
    assert isinstance(refused, InvalidRequest)
    desk.propose(found.break_id, Wanted(decision))
    desk.approve(found.break_id)
    assert world.get(redemption_id).fulfilled == 298
    world.assert_laws()
