"""Partners that are held: by a person, or because they blame us."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from fake_clock import FakeClock
from handback.breaks.kinds import BreakKind
from handback.errors import (
    AlreadyExists,
    InvalidRequest,
    NotFound,
    PartnerHeld,
    RequestKeyReused,
    WrongBatchState,
)
from handback.ids import attempt_key
from handback.payouts import holds
from handback.payouts.recall import recall
from handback.payouts.resend import resend
from handback.reconcile.sweep import sweep_round
from handback.store.session import Store
from paying import Paying, asked
from world import PROGRAMME, Answer, skyways_file

OURS = {'"0301" = "temporary"': '"0301" = "ours"'}


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> Paying:
    world = Paying(store, clock, tmp_path)
    world.agree()
    return world


def hold(world: Paying, comment: str = "their server moves", key: str | None = None) -> holds.Told:
    return holds.hold(world.store, world.clock, PROGRAMME, "skyways", asked(comment, key))


def release(world: Paying, comment: str = "mended", key: str | None = None) -> holds.Told:
    return holds.release(world.store, world.clock, PROGRAMME, "skyways", asked(comment, key))


def page(world: Paying) -> list[holds.HoldView]:
    with world.store.read() as tx:
        return holds.page(tx, holds.HoldFilter(PROGRAMME, "skyways"), None, 10)


def test_nothing_is_gathered_or_delivered_while_a_partner_is_held(world: Paying) -> None:
    (sealed,) = world.submit(1)
    world.seal()
    held = hold(world).hold
    assert (held.reason, held.held_by, held.released_at) == ("their server moves", "olga", None)
    (waits,) = world.submit(2)
    assert world.rounds() == 0
    assert world.delivered() == []
    with pytest.raises(PartnerHeld) as refused:
        world.seal()
    assert refused.value.facts["why"] == "their server moves"
    assert world.states([sealed, waits]) == ["submitted", "submitted"]
    world.clock.advance(hours=1)
    released = release(world).hold
    assert (released.released_by, released.release_comment) == ("olga", "mended")
    assert world.rounds() == 1
    assert world.quantities() == [[1], [2]]
    world.assert_laws()


def test_what_was_delivered_goes_on_being_answered(world: Paying) -> None:
    ids = world.submit(1, 2)
    world.send()
    hold(world)
    world.answer_all(lambda _: "0000")
    assert world.states(ids) == ["confirmed", "confirmed"]


def test_a_file_that_has_begun_to_leave_arrives(world: Paying) -> None:
    from handback.payouts.leaving import begin

    world.submit(1)
    (batch_id,) = world.seal()
    with world.store.read() as tx:
        terms = world.agreements.current(tx, PROGRAMME, "skyways")
    assert begin(world.store, world.clock, terms, batch_id)
    # Killed here, and held meanwhile.
    hold(world)
    assert world.deliver_all() == 1
    world.assert_laws()


def test_a_partner_that_blames_us_is_held_until_a_person_releases_it(world: Paying) -> None:
    world.agree(edits=OURS)
    world.submit(1, 2)
    world.send()
    file = world.answer_all(lambda sent: "0301" if sent.quantity == 2 else "0000")
    (held,) = page(world)
    assert (held.file_id, held.held_by) == (file.file_id, "tests")
    assert held.reason == "the partner blames us, with code 0301"
    alarm = next(one for one in world.breaks() if one.kind is BreakKind.PARTNER_STOPPED)
    assert alarm.facts["why"] == held.reason
    world.submit(3)
    assert world.rounds() == 0
    release(world, "the column was one off")
    assert [one.kind for one in world.breaks()] == [BreakKind.REVIEW]
    world.clock.advance(seconds=2)
    assert world.rounds() == 1
    world.assert_laws()


def test_a_partner_that_blames_us_early_is_held_when_its_time_has_come(world: Paying) -> None:
    world.agree(edits=OURS)
    (redemption_id,) = world.submit(1)
    world.seal()
    reference = f"HB{attempt_key(redemption_id, 1):018}"
    blame = Answer(reference, world.get(redemption_id).member_ref, 1, "0301")
    file = world.answer(skyways_file([blame]))
    assert page(world) == []
    world.send()
    sweep_round(world.store, world.agreements, world.clock)
    assert world.states([redemption_id]) == ["rejected"]
    assert [(one.file_id, one.held_by) for one in page(world)] == [(file.file_id, "sweep")]
    world.assert_laws()


def test_the_same_file_again_holds_nobody_anew(world: Paying) -> None:
    world.agree(edits=OURS)
    world.submit(1)
    world.send()
    details = world.sent(world.delivered()[-1])
    answers = [Answer(*one, "0301") for one in details]
    world.answer(skyways_file(answers))
    release(world)
    world.answer(skyways_file(answers, 2), "again.csv")
    assert [one.released_by for one in page(world)] == ["olga"]


def test_other_rejections_hold_nobody(world: Paying) -> None:
    world.submit(1)
    world.send()
    world.answer_all(lambda _: "0301")
    assert page(world) == []


def test_a_file_of_many_chunks_holds_once(world: Paying, monkeypatch: pytest.MonkeyPatch) -> None:
    from handback.intake import prepare

    monkeypatch.setattr(prepare, "CHUNK_RECORDS", 2)
    world.agree(edits=OURS)
    world.submit(*range(1, 12))
    world.send()
    world.answer_all(lambda _: "0301")
    assert len(page(world)) == 1
    world.assert_laws()


def test_a_hold_is_asked_for_with_a_reason_and_once(world: Paying) -> None:
    with pytest.raises(InvalidRequest):
        hold(world, " ")
    first = hold(world, key="k")
    assert hold(world, key="k") == holds.Told(first.hold, replayed=True)
    with pytest.raises(RequestKeyReused):
        hold(world, "otherwise", key="k")
    with pytest.raises(AlreadyExists):
        hold(world)
    released = release(world, key="r")
    assert release(world, key="r") == holds.Told(released.hold, replayed=True)
    with pytest.raises(NotFound):
        release(world)
    with pytest.raises(NotFound):
        holds.hold(world.store, world.clock, PROGRAMME, "nobody", asked("why"))
    assert len({hold(world).hold.hold_id, first.hold.hold_id}) == 2


def test_a_recall_meets_a_delivery_and_one_of_them_wins(world: Paying, store_url: str) -> None:
    won: list[str] = []
    for _ in range(4):
        (redemption_id,) = world.submit(5)
        (batch_id,) = world.seal()
        stores = [Store.open(store_url), Store.open(store_url)]
        begun = threading.Barrier(2)

        def call(store: Store, batch_id: int = batch_id, begun: threading.Barrier = begun) -> None:
            begun.wait()
            try:
                recall(store, world.clock, PROGRAMME, batch_id, asked("stop"))
                won.append("recall")
            except WrongBatchState:
                won.append("delivery")

        thread = threading.Thread(target=call, args=(stores[0],))
        thread.start()
        begun.wait()
        delivered = world.deliver_all()
        thread.join()
        for one in stores:
            one.close()
        assert delivered == (won[-1] == "delivery")
        world.assert_laws()
        world.clock.advance(seconds=2)
        world.rounds()
        assert world.states([redemption_id]) == ["awaiting_handback"]


def test_nothing_is_sent_again_to_a_partner_that_is_held(world: Paying) -> None:
    world.submit(1)
    world.send()
    hold(world)
    parts = (world.store, world.landing, world.transport, world.agreements, world.clock)
    with pytest.raises(PartnerHeld):
        resend(*parts, PROGRAMME, world.batches()[0].batch_id, asked("lost"))
