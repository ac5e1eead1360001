"""Gathering and delivering: what goes out, what is held back, and what a cancel may still stop."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest
import sqlalchemy as sa

from agreements import source_of
from handback.breaks.kinds import BreakKind, Resolution
from handback.errors import AlreadyExists, CutOffPassed, VersionConflict
from handback.exchange.landing import Landing
from handback.exchange.streams import Fingerprint, Readable
from handback.lifecycle.table import State
from handback.partners import registry
from handback.payouts import gather as gather_module
from handback.payouts import queries
from handback.payouts.deliver import deliver, sealed_batches
from handback.payouts.gather import gather
from handback.payouts.queries import BatchFilter
from handback.payouts.states import BatchState
from handback.redemptions.requests import Cancel
from handback.store.bulk import table_of
from handback.store.tables import Break
from world import World

BREAK = table_of(Break)


def seal(world: World) -> list[int]:
    """Gather what is due; the sealed batches."""
    gather(world.store, world.landing, world.agreements, world.clock, "aurora", "skyways")
    with world.store.read() as tx:
        return sealed_batches(tx)


def bring(world: World, batch_id: int) -> None:
    """Deliver one batch."""
    parts = (world.store, world.landing, world.transport, world.agreements, world.clock)
    deliver(*parts, batch_id, "tests")


def test_a_file_says_what_is_in_it_and_sequences_are_dense(world: World) -> None:
    world.submit(100, 200)
    (first,) = world.send()
    lines = first.read_text().splitlines()
    assert lines[0] == "H,aurora,000001,20260302"
    assert lines[-1] == "T,2,300"
    world.submit(7)
    world.clock.advance(timedelta(days=1))
    _, second = world.send()
    assert second.name == "SKY_20260303_000002.csv"
    with world.store.read() as tx:
        batches = queries.page(tx, BatchFilter("aurora"), 0, 10)
    assert [batch.sequence for batch in batches] == [1, 2]
    assert {batch.state for batch in batches} == {BatchState.DISPATCHED}
    assert [(batch.record_count, batch.quantity) for batch in batches] == [(2, 300), (1, 7)]
    world.assert_laws()


def test_what_does_not_fit_one_batch_goes_out_in_the_next(world: World) -> None:
    source = source_of("skyways").replace("interval_s = 2 ", "max_records = 2\ninterval_s = 2 ")
    registry.apply(world.store, world.clock, source, "tests")
    ids = world.submit(*range(1, 6))
    files = world.send()
    assert [len(world.sent(file)) for file in files] == [2, 2, 1]
    assert world.states(ids) == ["awaiting_handback"] * 5
    world.assert_laws()


def test_a_sealed_batch_is_past_the_cut_off(world: World) -> None:
    (one,) = world.submit(100)
    (batch_id,) = seal(world)
    (refusal,) = world.run(Cancel("aurora", "c", one))
    assert isinstance(refusal, CutOffPassed)
    world.assert_laws()
    bring(world, batch_id)
    assert world.states([one]) == ["awaiting_handback"]


def test_delivering_again_brings_the_same_file_and_dispatches_once(world: World) -> None:
    (one,) = world.submit(100)
    (batch_id,) = seal(world)
    bring(world, batch_id)
    before = world.history(one)
    # As after a crash between the upload and its note.
    with world.store.write() as tx:
        tx.execute(sa.text("update payout_batch set state = 1"))
    bring(world, batch_id)
    assert len(world.delivered()) == 1
    assert world.history(one) == before
    world.assert_laws()


def test_a_name_that_is_taken_leaves_the_batch_sealed(world: World) -> None:
    (one,) = world.submit(100)
    (batch_id,) = seal(world)
    folder = world.exchange / "outbound" / "skyways"
    folder.mkdir(parents=True)
    (folder / "SKY_20260302_000001.csv").write_text("somebody else's")
    with pytest.raises(AlreadyExists):
        bring(world, batch_id)
    assert world.states([one]) == ["submitted"]
    with world.store.read() as tx:
        assert queries.get(tx, "aurora", batch_id).state is BatchState.SEALED


def test_what_the_new_terms_cannot_carry_waits_before_a_person(world: World) -> None:
    short, long = world.submit(100), world.submit(200, fields={"surname": "Example-Longbottom"})
    source = source_of("skyways").replace(
        '{ name = "surname", at = 4 }', '{ name = "surname", at = 4, width = 8 }'
    )
    assert source != source_of("skyways")
    registry.apply(world.store, world.clock, source, "tests")
    (payout,) = world.send()
    assert [one.quantity for one in world.sent(payout)] == [100]
    assert world.states([*short, *long]) == ["awaiting_handback", "submitted"]
    (break_,) = world.breaks()
    assert (break_.kind, break_.redemption_id) == (BreakKind.UNWRITABLE, long[0])
    assert "surname" in break_.facts["why"]
    world.assert_laws()
    world.clock.advance(timedelta(days=1))
    assert len(world.send()) == 1
    assert len(world.breaks()) == 1, "the same trouble is one break"
    (answer,) = world.run(Cancel("aurora", "c", long[0]))
    assert world.states(long) == ["failed"], answer
    assert world.breaks() == []
    world.assert_laws()


def test_once_the_terms_are_mended_it_leaves_and_nobody_need_look(world: World) -> None:
    (one,) = world.submit(100)
    mended = source_of("skyways")
    narrow = mended.replace("[payout]", "[payout]\nmax_quantity = 99")
    registry.apply(world.store, world.clock, narrow, "tests")
    assert world.send() == []
    (told,) = world.breaks(kinds=[BreakKind.UNWRITABLE])
    registry.apply(world.store, world.clock, mended, "tests")
    world.clock.advance(timedelta(days=1))
    other = world.submit(100)
    assert len(world.send()) == 1
    assert world.states([one, *other]) == ["awaiting_handback"] * 2
    (closed,) = world.breaks(include_closed=True)
    assert (closed.break_id, closed.resolution) == (told.break_id, Resolution.SETTLED)
    assert (closed.closed_by, closed.closed_at) == ("payouts", world.clock.now())
    world.assert_laws()


def test_any_number_of_them_may_wait_so(world: World) -> None:
    ids = world.submit(*[100] * 2_500)
    source = source_of("skyways").replace("[payout]", "[payout]\nmax_quantity = 99")
    registry.apply(world.store, world.clock, source, "tests")
    if world.store.dialect.name == "sqlite":  # as if there were some more than it takes at once
        sa.event.listen(world.store.engine, "checkout", few_variables)
    assert world.send() == []
    with world.store.read() as tx:
        told = list(tx.scalars(sa.select(BREAK.c.redemption_id).order_by(BREAK.c.redemption_id)))
    assert told == ids
    registry.apply(world.store, world.clock, source_of("skyways"), "tests")
    world.clock.advance(timedelta(days=1))
    assert len(world.send()) == 1
    assert world.breaks() == []


def few_variables(connection: sqlite3.Connection, *_: object) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 2_000)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are written two rows at a time."""
    monkeypatch.setattr(gather_module, "_CHUNK", 2)


@pytest.mark.usefixtures("small_pages")
def test_a_file_of_many_pages_holds_everyone_once(world: World) -> None:
    ids = world.submit(*range(1, 8))
    (payout,) = world.send()
    sent = world.sent(payout)
    assert [one.quantity for one in sent] == list(range(1, 8))
    assert payout.read_text().splitlines()[-1] == "T,7,28"
    assert world.states(ids) == ["awaiting_handback"] * 7
    world.assert_laws()


@pytest.mark.usefixtures("small_pages")
def test_a_cancel_while_the_file_is_written_leaves_it_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = world.submit(1, 2, 3)
    landed = []

    def land_and_cancel(content: Readable) -> Fingerprint:
        landed.append(Landing.land(world.landing, content))
        if len(landed) == 1:
            world.run(Cancel("aurora", "c", ids[1]))
        return landed[-1]

    monkeypatch.setattr(world.landing, "land", land_and_cancel)
    (payout,) = world.send()
    assert len(landed) == 2
    assert [one.quantity for one in world.sent(payout)] == [1, 3]
    assert world.states(ids) == ["awaiting_handback", "failed", "awaiting_handback"]
    world.assert_laws()


@pytest.mark.usefixtures("small_pages")
def test_references_that_clash_across_pages_wait_before_a_person(world: World) -> None:
    source = source_of("skyways").replace('"HB{key:018}"', '"{surname}"')
    source = source.replace('["reference_key"], ', "")
    assert "reference_key" not in source
    registry.apply(world.store, world.clock, source, "tests")
    names = ("Ash", "Birch", "Cedar", "Ash", "Elm")
    ids = [world.submit(1, fields={"surname": name})[0] for name in names]
    (payout,) = world.send()
    assert [one.reference for one in world.sent(payout)] == ["Birch", "Cedar", "Elm"]
    assert {one.redemption_id for one in world.breaks()} == {ids[0], ids[3]}
    world.assert_laws()


def test_first_and_second_attempts_leave_in_one_batch(world: World) -> None:
    (again,) = world.submit(700)
    world.send()
    world.answer_all(lambda _: "0301")
    world.clock.advance(timedelta(seconds=2))
    (fresh,) = world.submit(5)
    *_, payout = world.send()
    assert sorted(one.quantity for one in world.sent(payout)) == [5, 700]
    last = [world.history(one)[-1] for one in (again, fresh)]
    assert [(event.version, event.from_state, event.attempt) for event in last] == [
        (5, State.RETRYING, 2),
        (2, State.SUBMITTED, 1),
    ]
    assert last[0].block_id == last[1].block_id
    world.assert_laws()


@pytest.mark.parametrize(
    "otherwise",
    [
        "update redemption set version = 2 where quantity = 20",
        "update redemption set state = 5 where quantity = 20",
        "update redemption set attempt = 3 where quantity = 20",
        "insert into due select redemption_id, partner_id, unit_id, submitted_at, 0, null"
        " from redemption where quantity = 20",
    ],
)
def test_a_batch_in_which_one_stands_otherwise_is_not_dispatched(
    world: World, otherwise: str
) -> None:
    ids = world.submit(10, 20, 30)
    (batch_id,) = seal(world)
    with world.store.write() as tx:
        tx.execute(sa.text(otherwise))
    with pytest.raises(VersionConflict):
        bring(world, batch_id)
    assert {len(world.history(one)) for one in ids} == {1}
    with world.store.read() as tx:
        assert queries.get(tx, "aurora", batch_id).state is BatchState.DELIVERED
