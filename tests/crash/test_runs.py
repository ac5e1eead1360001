"""Killed anywhere from a due redemption to a reconciled file, the next process ends the same."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from agreements import source_of
from crash.conftest import Copies, bury
from crash.steps import GATE, reconcile_ready, resume_sending, resume_taking_in
from fake_clock import FakeClock
from handback.intake.pickup import pick_up
from handback.journal.sequence import sequence_blocks
from handback.partners import registry
from handback.store.session import Store
from killing import Moment, Place, at_every_moment, killed_at
from world import Answer, World, skyways_file

# Everything that is stored, but for ids that a killed process may have used up.
STORED = {
    "redemption": "redemption_id, quantity, state, attempt, version, held, fulfilled, member_ref",
    "event": "redemption_id, version, trigger, from_state, to_state, attempt, reason_class,"
    " quantity, ordinal, reason_code",
    "due": "redemption_id, due_at, recalled",
    "attempt": "redemption_id, attempt, ordinal, quantity, reference",
    "payout_batch": "sequence, state, record_count, quantity, file_name, fingerprint, recalled_by",
    "handback_file": "name, fingerprint, state, verdict, record_count, finding_count",
    "partner_hold": "reason, held_by, released_at",
    "run_chunk": "chunk, records, events, repeats, breaks, rejects, records_quantity",
    "break": "kind, redemption_id, attempt, ordinal, quantity, reason_code, raw, closed_at",
    "finding": "number, ordinal, line, field, code, severity",
}


@contextmanager
def world_in(place: Place) -> Iterator[World]:
    store = Store.open(place.url)
    try:
        yield World(store, FakeClock(), Path(place.folder))
    finally:
        store.close()


def end_state(world: World) -> dict[str, Any]:
    """All that a partner or an operator can see."""
    state: dict[str, Any] = {}
    with world.store.read() as tx:
        for table, columns in STORED.items():
            rows = tx.execute(sa.text(f'select {columns} from "{table}" order by {columns}'))  # noqa: S608
            state[table] = [tuple(row) for row in rows]
    for file in sorted(path for path in world.exchange.rglob("*") if path.is_file()):
        state[_without_id(str(file.relative_to(world.exchange)))] = file.read_bytes()
    return state


def _without_id(path: str) -> str:
    """An archived file's path without the id it was claimed under, which may have been used up."""
    return re.sub(r"/archive/[^.]+\.", "/archive/", path)


def undisturbed(copies: Copies, resume: Callable[[World], None]) -> dict[str, Any]:
    with copies() as place, world_in(place) as world:
        before = end_state(world)
        resume(world)
        world.assert_laws()
        after = end_state(world)
    assert after != before
    return after


def commits_survived(
    step: str, copies: Copies, resume: Callable[[World], None], *, only_commits: bool
) -> int:
    """Before how many commits the step was killed, to the same end every time."""
    expected = undisturbed(copies, resume)

    def go_on(moment: Moment, place: Place) -> None:
        with world_in(place) as world:
            with world.store.write() as tx:
                bury(tx)
            resume(world)
            world.assert_laws()
            assert end_state(world) == expected, moment

    tried = at_every_moment(step, copies, go_on, only_commits=only_commits)
    return sum(moment.about_to == "commit" for moment in tried)


@pytest.fixture
def only_commits(store_kind: str) -> bool:
    """Files are the same on both stores, so that only SQLite is tried at every one of them."""
    return store_kind == "postgres"


def test_payouts_leave_once_wherever_their_process_is_killed(
    place: Place, copies: Copies, only_commits: bool
) -> None:
    with world_in(place) as world:
        world.apply("skyways")
        world.submit(100, 200, 300, 400, 500, 600, 700)
    # Sealing, noting the delivery, three chunks of dispatches, closing the batch.
    assert (
        commits_survived("crash.steps:send", copies, resume_sending, only_commits=only_commits) >= 6
    )


def answered(world: World) -> None:
    """Seven redemptions, and a file that says something of each, and more."""
    world.apply("skyways")
    world.submit(100, 200, 300, 400, 500, 600, 700)
    world.send()
    sent = world.sent(world.delivered()[-1])
    codes = ["0000", "0201", "0102", "0301", "9999", "0002", "0000"]
    answers = [Answer(*one, code) for one, code in zip(sent, codes, strict=True)]
    stray = Answer("HB000000000000999999", "M1", 5, "0000")
    contradiction = Answer(*sent[0], "0201")
    world.hand_back(skyways_file([stray, *reversed(answers), contradiction, answers[1]]))


def test_a_file_is_applied_once_wherever_its_process_is_killed(
    place: Place, copies: Copies, only_commits: bool
) -> None:
    with world_in(place) as world:
        answered(world)
    # The arrival, its verdict, the beginning, four chunks, the end.
    assert (
        commits_survived("crash.steps:take_in", copies, resume_taking_in, only_commits=only_commits)
        >= 8
    )


def test_a_file_that_is_searched_is_applied_once_wherever_its_process_is_killed(
    place: Place, copies: Copies, only_commits: bool
) -> None:
    with world_in(place) as world:
        rules = 'match = [["reference_key"], ["reference", "quantity", "member"]]'
        by_member = 'match = [["reference_key"], ["member", "quantity"]]'
        source = source_of("skyways")
        assert rules in source
        registry.apply(world.store, world.clock, source.replace(rules, by_member), "tests")
        world.submit(100, 200, 300, 400, 500, 600, 700)
        world.send()
        sent = world.sent(world.delivered()[-1])
        codes = ["0000", "0201", "0102", "0301", "9999", "0002", "0000"]
        answers = [
            Answer("?", member, quantity, code)
            for (_, member, quantity), code in zip(sent, codes, strict=True)
        ]
        stray = Answer("?", "M1", 5, "0000")
        world.hand_back(skyways_file([stray, *reversed(answers), Answer(*sent[3], "0301")]))
    # The arrival, its verdict, the beginning, four chunks, the end.
    assert (
        commits_survived("crash.steps:take_in", copies, resume_taking_in, only_commits=only_commits)
        >= 8
    )


@pytest.mark.parametrize("commit", range(1, 6))
def test_a_file_is_applied_once_where_one_of_two_processes_is_killed(
    place: Place, copies: Copies, store_kind: str, commit: int
) -> None:
    if store_kind == "sqlite":
        pytest.skip("the embedded store serves one process")
    with world_in(place) as world:
        answered(world)
        pick_up(world.desk, world.transport)
    expected = undisturbed(copies, resume_taking_in)
    with copies() as shared, world_in(shared) as world, ThreadPoolExecutor(1) as thread:
        gate = Path(shared.folder) / GATE
        os.mkfifo(gate)
        other = thread.submit(killed_at, "crash.steps:take_part", shared, commit)
        gate.write_bytes(b"")
        reconcile_ready(world)
        other.result()
        gate.unlink()
        sequence_blocks(world.store)
        world.assert_laws()
        assert end_state(world) == expected
