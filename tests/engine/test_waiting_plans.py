"""What servers look for every few seconds is found where it waits, however much is done with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
import sqlalchemy as sa

from engine.test_plans import SMALL, Read, lasting_plans, long_grown, plans, sorted_whole, walked
from handback.breaks.kinds import BreakKind
from handback.clock import SystemClock
from handback.intake import watches
from handback.intake.states import FileState
from handback.lifecycle.table import State
from handback.partners.registry import Agreements, Terms
from handback.payouts import queries
from handback.payouts.days import day_of
from handback.payouts.deliver import sealed_batches
from handback.payouts.due import due_rows, kept_in
from handback.payouts.holds import refuse_held
from handback.payouts.lanes import SplitLane, is_due, lanes
from handback.payouts.queries import BatchFilter
from handback.payouts.stretches import Stretch
from handback.reconcile import parked
from handback.reconcile.settling import in_time, outstanding
from handback.reconcile.sweep import past_deadline, silent_attempts
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import (
    Attempt,
    Break,
    HandbackFile,
    PartnerHold,
    PayoutBatch,
    Redemption,
)
from handback_server.bench.engine import PARTNER, PROGRAMME

__all__ = ["long_grown"]

ATTEMPT, BATCH, BREAK = table_of(Attempt), table_of(PayoutBatch), table_of(Break)
FILE, HOLD, REDEMPTION = table_of(HandbackFile), table_of(PartnerHold), table_of(Redemption)

NOW = SystemClock().now()
# As after ten years of one file a day, each way; the partner was held now and then.
FIRST, DAYS = 1_000, 3_650
OPEN = range(FIRST + DAYS - 10, FIRST + DAYS)
"""The batches that are not settled; of half of them the deadline is over."""


@pytest.fixture(scope="module")
def years_on(long_grown: Store) -> Iterator[Store]:
    """The store after many years of small batches, of which a few are not yet answered."""
    with long_grown.write() as tx:
        spread = FIRST + ATTEMPT.c.redemption_id % DAYS
        tx.execute(sa.insert(BATCH), list(batches(tx)))
        tx.execute(sa.update(ATTEMPT).values(batch_id=spread))
        awaited = sa.select(ATTEMPT.c.redemption_id).where(ATTEMPT.c.batch_id.in_(OPEN))
        which = REDEMPTION.c.redemption_id.in_(awaited)
        tx.execute(sa.update(REDEMPTION).where(which).values(state=int(State.AWAITING_HANDBACK)))
        tx.execute(sa.insert(FILE), list(files(tx)))
        tx.execute(sa.insert(HOLD), list(held()))
        for kind, ids in ((BreakKind.EARLY_ANSWER, range(1, 9)), (BreakKind.MISSING_FILE, [9, 10])):
            some = BREAK.c.break_id.in_(ids)
            tx.execute(sa.update(BREAK).where(some).values(kind=int(kind), file_id=FIRST))
    if long_grown.dialect.name == "postgresql":
        with long_grown.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as tx:
            tx.exec_driver_sql("vacuum analyze")
    yield long_grown


def batches(tx: sa.Connection) -> Iterator[dict[str, object]]:
    one = tx.execute(sa.select(BATCH).limit(1)).one()._mapping
    for day in range(DAYS):
        number, at = FIRST + day, NOW - timedelta(days=DAYS - day)
        deadline_at = at + timedelta(days=5)
        settled_at = None if number in OPEN else deadline_at
        times = dict.fromkeys(("due_by", "sealed_at", "delivered_at", "dispatched_at"), at)
        ends = {"deadline_at": deadline_at, "settled_at": settled_at}
        yield {**one, "batch_id": number, "sequence": number, **times, **ends}


def files(tx: sa.Connection) -> Iterator[dict[str, object]]:
    one = tx.execute(sa.select(FILE).limit(1)).one()._mapping
    for day in range(DAYS):
        at = NOW - timedelta(days=DAYS - day)
        numbers = {"file_id": FIRST + day, "file_sequence": str(day), "sequence_number": day}
        state = FileState.RECONCILED if day % 50 else FileState.REFUSED
        times = {"received_at": at, "closed_at": at}
        yield {**one, **numbers, **times, "name": f"{day}.csv", "state": int(state)}


def held() -> Iterator[dict[str, object]]:
    for number in range(1, DAYS):
        at = NOW - timedelta(days=DAYS - number)
        row = {"hold_id": number, "partner_id": 1, "reason": "a test", "held_at": at}
        yield {**row, "held_by": "tests", "released_at": at, "released_by": "tests"}


def of_terms(tx: sa.Connection, read: str) -> object:
    """What gathering asks first."""
    terms = Agreements().current(tx, PROGRAMME, PARTNER)
    match read:
        case "held":
            return refuse_held(tx, terms)
        case "anything":
            return is_due(tx, terms, NOW)
        case "lanes":
            return lanes(tx, terms, NOW)
        case "split":
            return lanes(tx, split(terms), NOW)
        case "stretch":
            waiting = pl.DataFrame({"due_at": [NOW] * 100, "redemption_id": range(1, 101)})
            lane = SplitLane(terms.partner_id, 1, "miles", NOW, "Example", waiting)
            stretch = Stretch(lane, None, (NOW, 90))
            return due_rows(tx, terms, stretch, {"surname"})
        case _:
            return day_of(tx, terms, NOW)


def split(terms: Terms) -> Terms:
    """The same under which one file has one surname."""
    payout = replace(terms.agreement.payout, split_by="surname")
    return replace(terms, agreement=replace(terms.agreement, payout=payout))


READS: dict[str, Read] = {
    "batches past their deadline": lambda tx: tx.execute(past_deadline(NOW)),
    "overdue batches": lambda tx: queries.page(tx, BatchFilter(PROGRAMME, overdue_at=NOW), 0, 101),
    "how far batches are answered": lambda tx: tx.execute(in_time(NOW)),
    "an answer outstanding": lambda tx: tx.execute(outstanding(OPEN[0], 0)),
    "attempts of silence": lambda tx: tx.execute(silent_attempts(OPEN[0], None)),
    "parked answers": lambda tx: tx.execute(parked.ready()),
    "why something did not leave": lambda tx: tx.execute(kept_in(1, OPEN[0])),
    "batches to deliver": sealed_batches,
    "whether a partner is held": lambda tx: of_terms(tx, "held"),
    "whether anything is due": lambda tx: of_terms(tx, "anything"),
    "what is due": lambda tx: of_terms(tx, "lanes"),
    "what each lane has": lambda tx: of_terms(tx, "split"),
    "a stretch of a lane": lambda tx: of_terms(tx, "stretch"),
    "what went out on a day": lambda tx: of_terms(tx, "day"),
    "the last missing file": lambda tx: tx.execute(watches.told(1)),
    "the next file": lambda tx: tx.execute(watches.first_after(1, NOW - timedelta(days=2))),
    "the newest file": lambda tx: tx.execute(watches.last_file(1)),
}
NAMES = SMALL | {"agreement_version", "correction"}
# Has what is parked and nothing else, so it may be read from end to end.
PARKED = "SCAN break USING INDEX ix_break_early"


@pytest.mark.parametrize("name", READS)
def test_what_waits_is_found_by_an_index(years_on: Store, name: str) -> None:
    plan = plans(years_on, READS[name]).replace(PARKED, "")
    assert walked(plan) <= NAMES, plan


@pytest.mark.parametrize("name", READS)
def test_it_is_by_the_plan_for_all_values_too(years_on: Store, name: str) -> None:
    if years_on.dialect.name == "sqlite":
        pytest.skip("SQLite has no other")
    plan = lasting_plans(years_on, READS[name])
    assert walked(plan) <= NAMES, plan


@pytest.mark.parametrize("name", ["the last missing file", "the next file", "the newest file"])
def test_the_next_is_read_and_no_other(years_on: Store, name: str) -> None:
    plan = plans(years_on, READS[name])
    assert not sorted_whole(plan), plan
    assert "Sort" not in plan, plan


def test_what_waits_is_what_was_left_open(years_on: Store) -> None:
    with years_on.read() as tx:
        late = list(tx.scalars(past_deadline(NOW)))
        in_time_yet = [row.batch_id for row in tx.execute(in_time(NOW))]
        parked_now = tx.execute(parked.ready()).all()
    assert late + in_time_yet == list(OPEN)
    assert 0 < len(late) < len(OPEN)
    assert parked_now
