"""What is written in one message to PostgreSQL is a transaction by itself, all or nothing of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from agreements import SKYWAYS, apply_example
from engine.test_redemptions import CALLER, SUBMIT
from fake_clock import FakeClock
from handback.partners.registry import Agreements, Terms
from handback.redemptions.commands import execute
from handback.redemptions.draft import Outcome
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import (
    Block,
    BlockTotal,
    Due,
    Event,
    MemberDetail,
    Redemption,
    Request,
    TraceLink,
)

TRACED = replace(SUBMIT, trace_context=f"00-{'1' * 32}-{'2' * 16}-01")
WRITTEN = [
    table_of(kind)
    for kind in (Block, BlockTotal, Due, Event, MemberDetail, Redemption, Request, TraceLink)
]


@pytest.fixture
def shared(postgres_url: str, clock: FakeClock) -> Iterator[Store]:
    """A store on PostgreSQL with the terms of skyways."""
    store = Store.open(postgres_url)
    apply_example(store, clock, SKYWAYS)
    yield store
    store.close()


def transactions(store: Store) -> set[int]:
    """Those that wrote what is in the tables of redemptions."""
    made = sa.literal_column("xmin::text::bigint", sa.BigInteger)
    each = (sa.select(made).select_from(table) for table in WRITTEN)
    with store.read() as tx:
        return set(tx.execute(sa.union(*each)).scalars())


@pytest.mark.parametrize("count", [1, 3])
def test_what_submits_write_is_one_transaction(shared: Store, clock: FakeClock, count: int) -> None:
    woken: list[int] = []
    shared.on_commit(lambda: woken.append(len(transactions(shared))))
    submits = [replace(TRACED, request_key=f"order-{number}") for number in range(count)]
    shared.take_ids("redemption", 1)  # which is a transaction of its own
    woken.clear()
    answers = execute(shared, clock, Agreements(), CALLER, submits)
    assert all(isinstance(answer, Outcome) for answer in answers)
    assert woken == [1], "whoever follows the journal is told, after the commit"
    with shared.read() as tx:
        assert all(tx.scalar(sa.select(sa.func.count()).select_from(one)) for one in WRITTEN)


def test_a_lone_submit_has_no_more_parameters_than_the_driver_remembers(
    shared: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    run = psycopg.Connection.execute

    def count(
        self: psycopg.Connection, query: str, given: Sequence[object] = (), **options: Any
    ) -> psycopg.Cursor:
        counted.append(len(given))
        return run(self, query, given or None, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", count)
    execute(shared, clock, Agreements(), CALLER, [TRACED])
    # A statement with more is taken apart anew each time, half as long as all else takes us.
    assert 40 < max(counted) <= 50


def test_what_fails_at_its_commit_is_not_answered(shared: Store, clock: FakeClock) -> None:
    with shared.write() as tx:
        for statement in (
            "create function refuse() returns trigger language plpgsql as"
            " 'begin raise exception ''no''; end'",
            "create constraint trigger refusing after insert on event"
            " deferrable initially deferred for each row execute function refuse()",
        ):
            tx.execute(sa.text(statement))
    with pytest.raises(psycopg.Error, match="no"):
        execute(shared, clock, Agreements(), CALLER, [TRACED])
    assert transactions(shared) == set()
    with shared.write() as tx:
        tx.execute(sa.text("drop trigger refusing on event"))
    (answer,) = execute(shared, clock, Agreements(), CALLER, [TRACED])
    assert isinstance(answer, Outcome)
    assert not answer.replayed


class Overtaken(Agreements):
    """Terms that are known only after somebody else has done the same, once."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        super().__init__()
        self._store, self._clock = store, clock
        self.first: Outcome | None = None

    def newest(self, tx: sa.Connection, partner_id: int, version: int, corrected: bool) -> Terms:
        if self.first is None:
            (first,) = execute(self._store, self._clock, Agreements(), CALLER, [TRACED])
            assert isinstance(first, Outcome)
            self.first = first
        return super().newest(tx, partner_id, version, corrected)


def test_who_is_overtaken_gets_the_answer_of_who_was_first(
    shared: Store, postgres_url: str, clock: FakeClock
) -> None:
    other = Store.open(postgres_url)
    agreements = Overtaken(other, clock)
    another = replace(TRACED, request_key="order-2")
    answer, neighbour = execute(shared, clock, agreements, CALLER, [TRACED, another])
    other.close()
    assert agreements.first is not None
    assert isinstance(answer, Outcome)
    assert isinstance(neighbour, Outcome)
    assert (answer.replayed, neighbour.replayed) == (True, False)
    assert answer.redemption == agreements.first.redemption._replace(due_at=None)
