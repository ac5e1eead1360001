"""Killed anywhere in a recall or a stop, the next process ends the same: a file leaves or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crash.conftest import Copies
from crash.steps import SMALL_CHUNKS, resume_sending, resume_taking_in
from crash.test_runs import commits_survived
from fake_clock import FakeClock
from handback.errors import WrongBatchState
from handback.journal.sequence import sequence_blocks
from handback.payouts.recall import recall
from handback.payouts.rounds import deliver_round
from handback.payouts.states import BatchState
from handback.store.session import Store
from killing import Moment, Place, at_every_moment
from paying import Paying, asked
from world import PROGRAMME, Answer, World, skyways_file


def recall_all(url: str, folder: str) -> None:
    """Recall every batch, then send what is due again."""
    resume_recalling(World(Store.open(url), FakeClock(), Path(folder)))


def resume_recalling(world: World) -> None:
    """What an operator who has had no answer does once more, under the same key."""
    recall(world.store, world.clock, PROGRAMME, 1, asked("wrong rate", "k"))
    resume_sending(world)


def deliver(url: str, folder: str) -> None:
    """Deliver what is sealed."""
    resume_delivering(World(Store.open(url), FakeClock(), Path(folder)))


def resume_delivering(world: World) -> None:
    """What the next process does about sealed batches."""
    parts = (world.store, world.landing, world.transport, world.agreements, world.clock)
    deliver_round(*parts)
    sequence_blocks(world.store)


def take_in_blame(url: str, folder: str) -> None:
    """Take a file in that blames us, in small chunks."""
    for module, name in SMALL_CHUNKS:
        setattr(module, name, 3)
    resume_taking_in(World(Store.open(url), FakeClock(), Path(folder)))


@contextmanager
def paying_in(place: Place) -> Iterator[Paying]:
    store = Store.open(place.url)
    try:
        yield Paying(store, FakeClock(), Path(place.folder))
    finally:
        store.close()


@pytest.fixture
def only_commits(store_kind: str) -> bool:
    return store_kind == "postgres"


def test_a_recall_is_done_once_wherever_its_process_is_killed(
    place: Place, copies: Copies, only_commits: bool
) -> None:
    with paying_in(place) as world:
        world.apply("skyways")
        world.submit(100, 200, 300, 400)
        world.seal()
    # The recall, the sealing, the note before the delivery, the one after it, the dispatch.
    step = "crash.test_recall:recall_all"
    assert commits_survived(step, copies, resume_recalling, only_commits=only_commits) >= 5


def test_what_a_killed_delivery_may_have_brought_is_never_recalled(
    place: Place, copies: Copies, only_commits: bool
) -> None:
    with paying_in(place) as world:
        world.apply("skyways")
        world.submit(100, 200)
        world.seal()
    seen: list[bool] = []

    def look(moment: Moment, left: Place) -> None:
        with paying_in(left) as world:
            was_brought = bool(world.delivered())
            try:
                recall(world.store, world.clock, PROGRAMME, 1, asked("stop"))
                was_recalled = True
            except WrongBatchState:
                was_recalled = False
            assert not (was_brought and was_recalled), moment
            resume_delivering(world)
            world.assert_laws()
            assert bool(world.delivered()) is not was_recalled, moment
            assert (world.batch(1).state is BatchState.RECALLED) is was_recalled
            seen.append(was_recalled)

    at_every_moment("crash.test_recall:deliver", copies, look, only_commits=only_commits)
    assert set(seen) == {True, False}


def test_a_partner_that_blames_us_is_held_once_wherever_its_process_is_killed(
    place: Place, copies: Copies
) -> None:
    with paying_in(place) as world:
        world.agree(edits={'"0301" = "temporary"': '"0301" = "ours"'})
        world.submit(100, 200, 300, 400, 500)
        world.send()
        sent = world.sent(world.delivered()[-1])
        world.hand_back(skyways_file([Answer(*one, "0301") for one in sent]))
    step = "crash.test_recall:take_in_blame"
    assert commits_survived(step, copies, resume_taking_in, only_commits=True) >= 4
