"""A report about a week reads a week: the plans of what reports ask of the store."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.test_plans import Read, lasting_plans, long_grown, plans, walked
from fake_clock import FakeClock
from handback.ids import Prefix, public_id
from handback.journal.commit import BLOCK
from handback.reports.reading import reading
from handback.reports.registry import REPORTS
from handback.store.session import Store
from handback_server.bench.engine import PROGRAMME
from world import World

__all__ = ["long_grown"]

# As many rows as there are agreements, or as files that came and went.
SMALL = {"programme", "partner", "unit", "agreement_version", "payout_batch", "handback_file"}
SMALL |= {"run_chunk"}

ABOUT = {
    "member": {"member": "M00000077"},
    "attempts": {"batch": public_id(Prefix.PAYOUT_BATCH, 1)},
    "continuity": {"file": public_id(Prefix.HANDBACK_FILE, 1)},
}
# The ledger's own tests look after what they ask; records are read from files.
ELSEWHERE = {"liability", "open", "records"}


def period(store: Store) -> dict[str, str]:
    """The last instant at which anything was committed."""
    with store.read() as tx:
        last = tx.scalars(sa.select(sa.func.max(BLOCK.c.committed_at))).one()
    return {"from": last.isoformat(), "to": (last + timedelta(seconds=1)).isoformat()}


def reading_of(store: Store, folder: Path, name: str, asked: dict[str, str]) -> Read:
    """A report as far as its first rows."""
    report, desk = REPORTS[name], World(store, FakeClock(), folder).desk
    known = {one.name for one in report.parameters}
    given = {key: text for key, text in asked.items() if key in known}

    def read(tx: sa.Connection) -> object:
        run = reading(desk, tx, report.parameters, PROGRAMME, given, unmasked=True)
        return next(report.rows(run), None)

    return read


@pytest.mark.parametrize("name", sorted(REPORTS.keys() - ELSEWHERE))
def test_a_report_reads_what_it_is_about(long_grown: Store, name: str, tmp_path: Path) -> None:
    asked = period(long_grown) | ABOUT.get(name, {})
    plan = plans(long_grown, reading_of(long_grown, tmp_path, name, asked))
    assert walked(plan) <= SMALL, plan


@pytest.mark.parametrize("name", sorted(REPORTS.keys() - ELSEWHERE))
def test_it_does_by_the_plan_for_all_values_too(
    long_grown: Store, name: str, tmp_path: Path
) -> None:
    if long_grown.dialect.name == "sqlite":
        pytest.skip("SQLite has no other")
    asked = period(long_grown) | ABOUT.get(name, {})
    plan = lasting_plans(long_grown, reading_of(long_grown, tmp_path, name, asked))
    assert walked(plan) <= SMALL, plan


@pytest.mark.parametrize(
    "asked",
    [
        {"redemption": public_id(Prefix.REDEMPTION, 77)},
        {"batch": public_id(Prefix.PAYOUT_BATCH, 1)},
        {"file": public_id(Prefix.HANDBACK_FILE, 1)},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_events_are_found_by_what_they_are_of(
    long_grown: Store, asked: dict[str, str], tmp_path: Path
) -> None:
    plan = plans(long_grown, reading_of(long_grown, tmp_path, "events", asked))
    assert walked(plan) <= SMALL, plan


def test_the_blocks_of_a_period_are_found_by_their_instants(
    long_grown: Store, tmp_path: Path
) -> None:
    plan = plans(long_grown, reading_of(long_grown, tmp_path, "reasons", period(long_grown)))
    assert "ix_block_committed" in plan, plan
