"""What a search finds cuts its file into chunks, once, wherever a process is killed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlalchemy as sa

from agreements import source_of
from fake_clock import FakeClock
from handback.breaks.kinds import BreakKind
from handback.intake import prepare
from handback.intake.pickup import pick_up
from handback.partners import registry
from handback.reconcile.found import PART
from handback.reconcile.match import VERDICTS, Match
from handback.reconcile.rules import REDEMPTION
from handback.reconcile.run import reconcile
from handback.store.session import Store
from world import Answer, World, skyways_file

_RULES = 'match = [["reference_key"], ["reference", "quantity", "member"]]'


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> World:
    """An engine without terms."""
    return World(store, clock, tmp_path)


def apply_rules(world: World, rule: Sequence[str], more: str = "") -> None:
    """Have skyways' records without a key be searched for by this rule."""
    source = source_of("skyways")
    assert _RULES in source
    rules = [["reference_key"], rule]
    source = source.replace(_RULES, f"match = {rules}\n{more}")
    registry.apply(world.store, world.clock, source, "tests")


def six_answers(world: World, *more: Answer) -> tuple[list[int], int]:
    """Redemptions of six members, and a file that answers them from the last to the first, in
    chunks of two records, and then says more."""
    apply_rules(world, ["member", "quantity", "window"])
    ids = world.submit(*[100] * 6)
    world.send()
    records = [Answer("?", f"M{number:06}", 100, "0000") for number in range(6, 0, -1)]
    world.hand_back(skyways_file([*records, *more]))
    with patch.object(prepare, "CHUNK_RECORDS", 2):
        (file_id,) = pick_up(world.desk, world.transport)
    return ids, file_id


def kill_midway(world: World, ids: Sequence[int], file_id: int) -> None:
    """Let a file's process end once a chunk has confirmed some of these, and its spool be lost."""
    with patch.object(prepare, "CHUNK_RECORDS", 2):
        reconcile(world.desk, file_id, "tests", lambda: "confirmed" in world.states(ids))
    shutil.rmtree(world.root / "spool")
    (world.root / "spool/unfinished").mkdir(parents=True)


def is_searched(world: World, file_id: int) -> bool:
    """Was the search of a file done, so that its chunks come next?"""
    contents = world.desk.spool.contents(file_id)
    return contents is not None and contents.searched


def test_what_was_found_is_applied_by_key(world: World) -> None:
    """Steps as of a file that carries keys: what was not found, and the others in their order."""
    ids, file_id = six_answers(world, Answer("?", "M000009", 100, "0000"))
    reconcile(world.desk, file_id, "tests", lambda: is_searched(world, file_id))
    contents = world.desk.spool.contents(file_id)
    assert contents is not None
    assert contents.steps == (1, 3)
    chunks = [world.desk.spool.read(file_id, chunk) for chunk in range(contents.chunks)]
    found = [chunk.select("redemption_id", "match").rows() for chunk in chunks]
    one, none = int(Match.ONE), int(Match.NONE)
    assert found[0] == [(0, none)]
    assert found[1:] == [
        [(one_id, one) for one_id in ids[start : start + 2]] for start in (0, 2, 4)
    ]


def test_what_was_found_for_one_redemption_stays_in_the_order_of_the_file(world: World) -> None:
    normalise = '[handback.normalise]\nprefixes = ["HB"]\nzeros = "drop"\n'
    apply_rules(world, ["normalised_reference"], normalise)
    ids = world.submit(*[100] * 6)
    world.send()
    sent = [
        one._replace(reference=one.reference.removeprefix("HB").lstrip("0"))
        for one in world.sent(world.delivered()[-1])
    ]
    codes = [*zip(sent, ["0002"] * 6, strict=True), *zip(sent, ["0000"] * 6, strict=True)]
    with patch.object(prepare, "CHUNK_RECORDS", 2):
        world.answer(skyways_file([Answer(*one, code) for one, code in codes]))
    assert world.states(ids) == ["confirmed"] * 6
    assert [len(world.history(one)) for one in ids] == [4] * 6
    world.assert_laws()


def test_a_file_killed_between_chunks_ends_as_if_it_had_not_been(world: World) -> None:
    """What was matched is found again although its chunks have moved redemptions on since."""
    ids, file_id = six_answers(world, Answer("?", "M000001", 100, "0102"))
    kill_midway(world, ids, file_id)
    assert {"confirmed", "awaiting_handback"} == set(world.states(ids[1:]))
    with patch.object(prepare, "CHUNK_RECORDS", 2):
        reconcile(world.desk, file_id, "tests")
    assert world.states(ids) == ["awaiting_handback", *["confirmed"] * 5]
    assert [one.kind for one in world.breaks()] == [BreakKind.AMBIGUOUS_MATCH] * 2
    world.assert_laws()


def test_a_file_is_cut_once_whatever_would_be_found_after_a_crash(world: World) -> None:
    """Or records would be applied twice, or never."""
    ids, file_id = six_answers(world)
    kill_midway(world, ids, file_id)
    states = world.states(ids)
    assert {"confirmed", "awaiting_handback"} == set(states)
    other = sa.update(REDEMPTION).where(
        REDEMPTION.c.redemption_id == ids[states.index("confirmed")]
    )
    with world.store.write() as tx:
        tx.execute(other.values(member_ref="M000099"))
    with patch.object(prepare, "CHUNK_RECORDS", 2):
        reconcile(world.desk, file_id, "tests")
    assert world.states(ids) == ["confirmed"] * 6
    with world.store.read() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(PART)) == 0
    world.assert_laws()


def test_what_a_killed_search_had_kept_counts_for_nothing(world: World) -> None:
    """The first part comes last, and so stands for all of them."""
    ids, file_id = six_answers(world)
    nothing = BytesIO()
    VERDICTS.to_frame().write_ipc_stream(nothing)
    kept = {"file_id": file_id, "stretch": 1, "verdicts": nothing.getvalue()}
    with world.store.write() as tx:
        tx.execute(sa.insert(PART).values(kept))
    reconcile(world.desk, file_id, "tests")
    assert world.states(ids) == ["confirmed"] * 6
    with world.store.read() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(PART)) == 0
