"""What stands beside the product in its benchmarks does all of what it is timed for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from handback.lifecycle.table import State
from handback_server.bench import by_row, core_batches, floor, row_tables
from handback_server.bench.answers import Mix, answered
from handback_server.bench.apart import Figures
from handback_server.bench.by_hand import Job
from handback_server.bench.ground import Place, ground
from handback_server.bench.ingest import ingest

RECORDS = 2_000
OF_STATES = "select state, count(*) from {} group by state"


@pytest.fixture
def job(store_kind: str, empty_store_url: str, tmp_path: Path) -> Job:
    """Answers in random order to redemptions on each store, in a database without any table."""
    return Job(Place(store_kind, empty_store_url, tmp_path, None), RECORDS, "random")


def counts(job: Job, statement: str) -> dict[object, int]:
    engine = sa.create_engine(job.place.sqlalchemy_url)
    with engine.connect() as connection:
        found = {row[0]: row[1] for row in connection.execute(sa.text(statement))}
    engine.dispose()
    return found


@pytest.mark.parametrize("connections", [1, 2])
def test_the_floor_moves_every_redemption_and_writes_an_event(job: Job, connections: int) -> None:
    floor.prepare(job)
    floor.run(job, 1 if job.place.store == "sqlite" else connections)  # which has one writer
    states = counts(job, OF_STATES.format("redemption"))
    assert sum(states.values()) == RECORDS
    assert 0.05 < states.pop(State.REJECTED) / RECORDS < 0.09
    assert set(states) == {State.CONFIRMED}
    noted = (
        "select r.state, count(*) from redemption r join event e"
        " on e.redemption_id = r.redemption_id and e.version = r.version and e.to_state = r.state"
        " where e.quantity = r.quantity and r.quantity = r.held + r.fulfilled group by r.state"
    )
    assert counts(job, noted) == counts(job, OF_STATES.format("redemption"))


@pytest.mark.parametrize("answer", [by_row.run, core_batches.run])
def test_the_others_answer_as_many_records_as_they_are_asked_to(
    job: Job, answer: Callable[[Job, int], Figures]
) -> None:
    row_tables.prepare(job)
    answer(job, RECORDS // 2)
    states = counts(job, OF_STATES.format("row_redemption"))
    assert sum(states.values()) == RECORDS
    assert states["awaiting"] == RECORDS // 2
    assert 0.05 < states["rejected"] / (RECORDS // 2) < 0.1
    history = counts(job, "select to_state, count(*) from row_history group by to_state")
    assert history == {state: count for state, count in states.items() if state != "awaiting"}


def test_answers_are_of_the_mix() -> None:
    mix = Mix(100_000)
    details = pl.DataFrame(
        {
            "reference": [f"HB{number:018}" for number in range(mix.redemptions)],
            "member_ref": ["M"] * mix.redemptions,
            "quantity": [500] * mix.redemptions,
        }
    )
    records = answered(details, mix, "random")
    assert len(records) == mix.records
    assert records["reference"].n_unique() == mix.redemptions
    assert share(records, pl.col("code") != "0000") == pytest.approx(0.07, abs=0.005)
    assert share(records, pl.col("quantity") != 500) == pytest.approx(0.01, abs=0.002)


def share(records: pl.DataFrame, of: pl.Expr) -> float:
    return len(records.filter(of)) / len(records)


def test_ingest_tells_its_rate_beside_the_others_and_that_the_laws_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A process of its own for each step is for figures, which nobody reads here.
    monkeypatch.setattr("handback_server.bench.ingest.apart", lambda step, *given: step(*given))
    with ground("sqlite") as own:
        told = ingest(own, 1_000, "random")
    rates: dict[str, Any] = {n: rate for n, rate in told.items() if n.endswith("records_per_s")}
    assert set(rates) == {
        "records_per_s",
        "floor_records_per_s",
        "row_by_row_records_per_s",
        "core_batches_records_per_s",
    }
    assert all(isinstance(rate, float) and rate > 0 for rate in rates.values())
    assert told["ratio_to_floor"] == rates["records_per_s"] / rates["floor_records_per_s"]
    assert told["records"] == 1_000
    assert told["order"] == "random"
    assert told["laws_hold"] is True
    assert "statements" not in told


def test_a_profile_has_the_statements_of_its_body_alone() -> None:
    with ground("postgres", profiled=True) as own, own.place("only") as place:
        engine = sa.create_engine(place.sqlalchemy_url)
        with engine.connect() as connection:
            connection.execute(sa.text("select 1 as before"))
            with own.profile() as statements:
                connection.execute(sa.text("select 2 as meanwhile"))
        engine.dispose()
    told = [statement["query"] for statement in statements]
    assert "select $1 as meanwhile" in told
    assert "select $1 as before" not in told
