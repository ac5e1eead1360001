"""The ledger's reads cost what is open, or what they name: never what is finished."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from engine.test_plans import SMALL, Read, long_grown, plans, sorted_whole, walked
from handback.journal.read import extent
from handback.ledger import open_redemptions, periods, postings
from handback.ledger.continuity import continuity
from handback.ledger.cuts import Stretch
from handback.ledger.instants import instant_at, position_at
from handback.ledger.liability import By, liability
from handback.ledger.outstanding import OpenFilter
from handback.ledger.postings import START, PostingFilter
from handback.ledger.statements import member_statement
from handback.lifecycle.table import State
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Attempt, Break, Due, PayoutBatch, Redemption
from handback_server.bench.engine import PROGRAMME

__all__ = ["long_grown"]

ATTEMPT, BATCH, DUE = table_of(Attempt), table_of(PayoutBatch), table_of(Due)
BREAK, REDEMPTION = table_of(Break), table_of(Redemption)
AT = datetime(2026, 3, 2, tzinfo=UTC)
MEMBER = "M00000077"
# Batches that are long settled: as many as ten years of one a day.
FIRST, SETTLED = 1_000, 3_650
OPEN = 100


@pytest.fixture(scope="module")
def long_kept(long_grown: Store) -> Iterator[Store]:
    """The same store after many years of small batches, with little that is open."""
    with long_grown.write() as tx:
        one = tx.execute(sa.select(BATCH).limit(1)).one()._mapping
        rows = [
            {**one, "batch_id": number, "sequence": number, "settled_at": one["dispatched_at"]}
            for number in range(FIRST, FIRST + SETTLED)
        ]
        tx.execute(sa.insert(BATCH), rows)
        spread = FIRST + ATTEMPT.c.redemption_id % SETTLED
        tx.execute(sa.update(ATTEMPT).values(batch_id=spread))
        few = sa.select(DUE.c.redemption_id).order_by(DUE.c.redemption_id).limit(OPEN)
        waiting = REDEMPTION.c.state == int(State.SUBMITTED)
        gone = waiting & REDEMPTION.c.redemption_id.not_in(few)
        tx.execute(sa.delete(REDEMPTION).where(gone))
        tx.execute(sa.delete(DUE).where(DUE.c.redemption_id.not_in(few)))
        looked_at = BREAK.c.break_id > 50
        tx.execute(sa.update(BREAK).where(looked_at).values(closed_at=BREAK.c.opened_at))
    if long_grown.dialect.name == "postgresql":
        with long_grown.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as tx:
            tx.exec_driver_sql("vacuum analyze")
    yield long_grown


def stretch_of(tx: sa.Connection, blocks: int) -> Stretch:
    newest = extent(tx).newest
    return Stretch(newest - blocks, newest)


def recent(tx: sa.Connection, **narrowed: str) -> PostingFilter:
    return PostingFilter(PROGRAMME, stretch_of(tx, 5), **narrowed)  # type: ignore[arg-type]


READS: dict[str, Read] = {
    **{
        f"liability by {by}": lambda tx, by=by: liability(  # type: ignore[misc]
            tx, OpenFilter(PROGRAMME), by, AT
        )
        for by in By
    },
    "one member's liability": lambda tx: liability(
        tx, OpenFilter(PROGRAMME, member_ref=MEMBER), By.MEMBER, AT
    ),
    "liability of a moment ago": lambda tx: liability(
        tx, OpenFilter(PROGRAMME, position=extent(tx).newest - 5), By.STANDING, AT
    ),
    "a page of what is open": lambda tx: open_redemptions.page(
        tx, OpenFilter(PROGRAMME), (0, 0), 101
    ),
    "a further page": lambda tx: open_redemptions.page(tx, OpenFilter(PROGRAMME), (0, 20_050), 101),
    "a page of a member's postings": lambda tx: postings.page(
        tx, PostingFilter(PROGRAMME, stretch_of(tx, 400), member_ref=MEMBER), START, 101
    ),
    "a member's statement": lambda tx: member_statement(
        tx, PostingFilter(PROGRAMME, stretch_of(tx, 400), member_ref=MEMBER), START, 101
    ),
    "closed periods": lambda tx: periods.page(tx, PROGRAMME, 0, 101),
    "where an instant cuts": lambda tx: position_at(tx, AT),
    "how late it was": lambda tx: instant_at(tx, 1_020),
}
# What PostgreSQL finds by BRIN it may as well read in full where a table is as small as here.
BY_BLOCK: dict[str, Read] = {
    "the newest postings": lambda tx: postings.page(tx, recent(tx), START, 101),
    "a partner's newest postings": lambda tx: postings.page(
        tx, recent(tx, partner="airline", unit="miles"), START, 101
    ),
    "a run's continuity": lambda tx: continuity(tx, 1),
}
# All that is due is read, and it is little.
NAMES = SMALL | {"period", "due"}


@pytest.mark.parametrize("name", READS)
def test_nothing_that_is_finished_is_walked(long_kept: Store, name: str) -> None:
    plan = plans(long_kept, READS[name])
    assert walked(plan) <= NAMES, plan


@pytest.mark.parametrize("name", BY_BLOCK)
def test_postings_are_found_by_their_blocks(long_kept: Store, name: str) -> None:
    if long_kept.dialect.name == "postgresql":
        pytest.skip("what is found by BRIN may be read in full in a table as small as this")
    plan = plans(long_kept, BY_BLOCK[name])
    assert walked(plan) <= NAMES, plan


def test_pages_of_what_is_open_are_read_in_their_order(long_kept: Store) -> None:
    plan = plans(long_kept, READS["a further page"])
    assert not sorted_whole(plan), plan


def test_what_is_open_is_what_was_left_open(long_kept: Store) -> None:
    with long_kept.read() as tx:
        (line,) = liability(tx, OpenFilter(PROGRAMME), By.PARTNER, AT)
    assert line.total.count == OPEN
