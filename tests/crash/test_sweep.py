"""Killed anywhere in a sweep, the next process ends the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from agreements import source_of
from crash.conftest import Copies
from crash.test_runs import commits_survived, world_in
from fake_clock import FakeClock
from handback.journal.sequence import sequence_blocks
from handback.partners import registry
from handback.reconcile import sweep as sweeping
from handback.reconcile.sweep import sweep_round
from handback.store.session import Store
from killing import Place
from world import Answer, World, skyways_file


def sweep(url: str, folder: str) -> None:
    """Sweep what is past its deadline, in chunks of three."""
    sweeping.CHUNK = 3  # type: ignore[misc]  # in the process that is killed
    resume_sweeping(World(Store.open(url), FakeClock(), Path(folder)))


def resume_sweeping(world: World) -> None:
    """What the next process does about silence."""
    world.clock.advance(days=30)
    sweep_round(world.store, world.agreements, world.clock)
    sequence_blocks(world.store)


@pytest.mark.parametrize(
    "answers",
    ['style = "exceptions_only"', 'style = "successes_only"\nsilence_class = "temporary"'],
)
def test_silence_is_read_once_wherever_its_process_is_killed(
    place: Place, copies: Copies, monkeypatch: pytest.MonkeyPatch, answers: str
) -> None:
    monkeypatch.setattr(sweeping, "CHUNK", 3)
    with world_in(place) as world:
        source = source_of("skyways").replace('style = "full"', answers)
        registry.apply(world.store, world.clock, source, "tests")
        world.submit(100, 200, 300, 400, 500, 600, 700, 800)
        world.send()
        # Of one nothing is known yet, so that the batch ends overdue.
        first = world.sent(world.delivered()[-1])[0]
        world.answer(skyways_file([Answer(*first, "0002")]))
    # Three chunks, a look that finds none, and the break of the batch.
    step = "crash.test_sweep:sweep"
    assert commits_survived(step, copies, resume_sweeping, only_commits=True) >= 4
