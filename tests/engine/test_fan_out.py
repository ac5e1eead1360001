"""An answer to a whole batch becomes one to each request in it, and what follows moves on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from fake_clock import FakeClock
from handback.formats.findings import DETAIL, FINDINGS
from handback.intake.fan_out import BATCH, MAX_ANSWERS, FanOut
from handback.store.session import Store
from world import World

ONE = {"line": 1, "code": "0000", "raw": ""}


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> World:
    """An engine with one batch of five requests on its way."""
    world = World(store, clock, tmp_path)
    world.apply("skyways")
    world.submit(1, 2, 3, 4, 5)
    world.send()
    return world


def fan_out(world: World, page: int = 2, *, earlier_s: int = 0) -> FanOut:
    """What goes through a file of the partner that came now, or earlier."""
    with world.store.read() as tx:
        partner_id = tx.scalar(sa.select(BATCH.c.partner_id))
    assert partner_id is not None
    came_at = world.clock.now() - timedelta(seconds=earlier_s)
    return FanOut(world.store, partner_id, came_at, page)


def details(*rows: dict[str, object]) -> pl.DataFrame:
    """Decoded records."""
    return pl.DataFrame([ONE | row for row in rows], schema=DETAIL)


def findings(*ordinals: int) -> pl.DataFrame:
    """A finding for each of these records."""
    told = {"line": 1, "field": "", "code": "bad_date", "severity": 2, "message": "", "raw": ""}
    return pl.DataFrame([told | {"ordinal": one} for one in ordinals], schema=FINDINGS)


def whole(ordinal: int, **said: object) -> dict[str, object]:
    """An answer to a whole batch."""
    return {"ordinal": ordinal, "scope": "batch", **said}


def gone_through(one: FanOut, *chunk: pl.DataFrame) -> tuple[pl.DataFrame, list[int]]:
    """All details of a chunk afterwards, and the ordinals of its findings."""
    pieces = list(one.of(*chunk))
    assert all(len(piece) <= 2 for piece, _ in pieces)
    told = [ordinal for _, found in pieces for ordinal in found["ordinal"]]
    return pl.concat([piece for piece, _ in pieces]), told


@pytest.mark.parametrize("said", [{"batch": 1}, {"reference": "000001"}])
def test_an_answer_to_a_batch_is_one_to_each_request(world: World, said: dict[str, object]) -> None:
    through = fan_out(world)
    first = details({"ordinal": 1, "reference": "A"}, whole(2, **said), whole(4, reference="99"))
    several, told = gone_through(through, first, findings(0, 1, 3, 5))
    assert several["ordinal"].to_list() == [1, 2, 3, 4, 5, 6, 8]
    assert several["quantity"].to_list() == [None, 1, 2, 3, 4, 5, None]
    assert several["batch_ordinal"].to_list() == [None, 1, 2, 3, 4, 5, None]
    assert several["attempt"].to_list()[1:6] == [1] * 5
    assert several["redemption_id"][1:6].n_unique() == 5
    assert several["redemption_id"][6] == 0
    assert set(several["code"]) == {"0000"}
    assert told == [0, 1, 7, 9]

    again, told = gone_through(through, details({"ordinal": 6}, whole(7, **said)), findings(8))
    assert again["ordinal"].to_list() == [10, 11, 12, 13, 14, 15]
    assert told == [16]
    assert through.added == 8


def test_a_batch_is_answered_only_so_often_in_one_file(world: World) -> None:
    through = fan_out(world)
    once = details(whole(1, batch=1))
    for _ in range(MAX_ANSWERS):
        assert len(gone_through(through, once, findings())[0]) == 5
    assert through.left == 0
    assert len(gone_through(through, once, findings())[0]) == 1
    assert through.left == 1


def test_any_number_of_batches_is_looked_up(world: World) -> None:
    chunk = details(*(whole(n, batch=n) for n in range(2, 2_500)), whole(2_500, batch=1))
    pieces = [piece for piece, _ in fan_out(world).of(chunk, findings())]
    assert sum(map(len, pieces)) == len(chunk) + 4


@pytest.mark.parametrize("reference", [None, "", "MSG-1", "0x1", "1 ", "-1", "9" * 30, "2"])
def test_nothing_is_guessed_of_a_batch_that_is_not_ours(
    world: World, reference: str | None
) -> None:
    several, _ = gone_through(fan_out(world), details(whole(1, reference=reference)), findings())
    assert several["reference"].to_list() == [reference]
    assert several["redemption_id"].to_list() == [0]


def test_a_batch_sealed_after_the_file_came_is_not_known_to_it(world: World) -> None:
    through = fan_out(world, earlier_s=1)
    several, _ = gone_through(through, details(whole(1, batch=1)), findings())
    assert len(several) == 1
