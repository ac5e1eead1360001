"""No read walks what grows: the plans of the very statements that the query modules send."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa

from conftest import OpenStore
from handback.breaks import notes
from handback.breaks import queries as breaks
from handback.breaks.doubts import doubts, in_doubt
from handback.breaks.queries import BreakFilter
from handback.journal.read import extent
from handback.ledger import queries as ledger
from handback.ledger.queries import BalanceFilter
from handback.ledger.snapshots import roll_up
from handback.lifecycle.table import State
from handback.reconcile.standing import with_breaks
from handback.redemptions import known
from handback.redemptions import queries as redemptions
from handback.redemptions.queries import RedemptionFilter
from handback.store.bulk import table_of
from handback.store.lookup import Compiled
from handback.store.session import Store
from handback.store.tables import Redemption
from handback.verify.runs import Runs
from handback_server.bench import grown, left_behind, past
from handback_server.bench.engine import PROGRAMME
from handback_server.bench.ground import Place

REDEMPTION = table_of(Redemption)

# Large enough for PostgreSQL to prefer an index wherever it can use one.
REDEMPTIONS = 20_000
DUE = 2_000
# Their rows are as many as the agreements, and may well be walked.
SMALL = {"programme", "partner", "unit"}

Read = Callable[[sa.Connection], object]
READS: dict[str, Read] = {
    "one redemption": lambda tx: redemptions.get(tx, PROGRAMME, 77),
    "its history": lambda tx: redemptions.history(tx, PROGRAMME, 77),
    "as it was": lambda tx: redemptions.as_of(tx, PROGRAMME, 77, 2),
    "a page of redemptions": lambda tx: redemptions.page(tx, RedemptionFilter(PROGRAMME), 9, 101),
    "a partner's": lambda tx: redemptions.page(
        tx, RedemptionFilter(PROGRAMME, partner="airline"), 9, 101
    ),
    "a member's": lambda tx: redemptions.page(
        tx, RedemptionFilter(PROGRAMME, member_ref="M00000077"), 0, 101
    ),
    "open breaks": lambda tx: breaks.page(tx, BreakFilter(PROGRAMME), 9, 101),
    "all breaks": lambda tx: breaks.page(tx, BreakFilter(PROGRAMME, include_closed=True), 9, 101),
    "a redemption's breaks": lambda tx: breaks.page(
        tx, BreakFilter(PROGRAMME, redemption_id=77), 0, 101
    ),
    "a file's breaks": lambda tx: breaks.page(tx, BreakFilter(PROGRAMME, file_id=1), 0, 101),
    "breaks of an owner": lambda tx: breaks.page(tx, BreakFilter(PROGRAMME, owner="ann"), 9, 101),
    "breaks for a second person": lambda tx: breaks.page(
        tx, BreakFilter(PROGRAMME, proposed=True), 9, 101
    ),
    "one break": lambda tx: breaks.get(tx, PROGRAMME, 1),
    "the history of a break": lambda tx: notes.history(tx, 1),
    "what came before it": lambda tx: breaks.earlier(tx, breaks.get(tx, PROGRAMME, 1)),
    "what else quoted its reference": lambda tx: breaks.earlier(
        tx, replace(breaks.get(tx, PROGRAMME, 1), redemption_id=None, reference="HB1")
    ),
    "doubts about a redemption": lambda tx: doubts(tx, [77]),
    "which redemptions have breaks": lambda tx: with_breaks(tx, pl.Series([70, 77])),
    "whether it is in doubt": lambda tx: tx.execute(
        sa.select(in_doubt(REDEMPTION.c.redemption_id)).where(REDEMPTION.c.redemption_id == 77)
    ),
    "balances": lambda tx: ledger.page(tx, BalanceFilter(PROGRAMME)),
    "a partner's balances": lambda tx: ledger.page(tx, BalanceFilter(PROGRAMME, "airline")),
    "balances of long ago": lambda tx: ledger.page(tx, BalanceFilter(PROGRAMME, at_position=1_049)),
    "how long the journal is": extent,
}


@pytest.fixture(scope="module")
def long_grown(open_store: OpenStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with many redemptions, a block and a break to a few of them; read only."""
    steps = (replace(past.STEPS[0], together=1), *past.STEPS[1:])
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        store = open_store(stack)
        stack.callback(store.close)
        for module in (past, left_behind):
            patch.setattr(module, "STEPS", steps)
            patch.setattr(module, "PER_BREAK", 10)
        patch.setattr(grown, "PER_BREAK", 10)
        patch.setattr(grown, "roll_up", partial(roll_up, every=50))
        url = store.engine.url.set(drivername=store.dialect.name)
        kind = "sqlite" if store.dialect.name == "sqlite" else "postgres"
        folder = tmp_path_factory.mktemp("grown")
        place = Place(kind, url.render_as_string(hide_password=False), folder, None)
        grown.load(place, REDEMPTIONS)
        due = grown.load(place, DUE, State.SUBMITTED)
        former = grown.TABLES["former_detail"]
        given = [
            {"redemption_id": one, "version": 2, "member_ref": "M1", "changed": "[]"} for one in due
        ]
        with store.write() as tx:
            tx.execute(sa.insert(former), given)
            if store.dialect.name == "postgresql":  # which analyses by itself what grows
                tx.execute(sa.text("analyze"))
        yield store


@dataclass(frozen=True)
class Asked:
    """A statement as it went to the database."""

    statement: str
    parameters: Any


@contextmanager
def overheard(store: Store) -> Iterator[list[Asked]]:
    """What is asked of a store meanwhile."""
    asked: list[Asked] = []

    def hear(_connection: object, _cursor: object, text: str, values: object, *_: object) -> None:
        asked.append(Asked(text, values))

    sa.event.listen(store.engine, "before_cursor_execute", hear)
    yield asked
    sa.event.remove(store.engine, "before_cursor_execute", hear)


def plans(store: Store, read: Read) -> str:
    """How the database goes about a read, statement by statement."""
    explain = "explain query plan" if store.dialect.name == "sqlite" else "explain (costs off)"
    with store.read() as tx:
        with overheard(store) as asked:
            read(tx)
        assert asked
        rows = [tx.exec_driver_sql(f"{explain} {one.statement}", one.parameters) for one in asked]
        return "\n".join(str(row[-1]) for found in rows for row in found)


def lasting_plans(store: Store, read: Read) -> str:
    """How PostgreSQL goes about a read once it has met it often: by one plan for all values."""
    with store.read() as tx:
        if tx.exec_driver_sql("show server_version_num").scalar_one() < "160000":
            pytest.skip("PostgreSQL tells of such plans from version 16 on")
        with overheard(store) as asked:
            read(tx)
        driver = tx.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        rows = []
        for one in asked:
            statement = one.statement % {
                name: f"${number}" for number, name in enumerate(one.parameters, start=1)
            }
            explain = f"explain (generic_plan, costs off) {statement}"
            # One that it has met often the driver would prepare, for values that nobody gives.
            rows += driver.execute(explain.encode(), prepare=False).fetchall()
        return "\n".join(row[0] for row in rows)


def walked_indexes(plan: str) -> set[str]:
    """The indexes that a plan of PostgreSQL reads entry by entry, in search of some."""
    scans = re.findall(r"Index (?:Only )?Scan (?:Backward )?using (\w+) .*\n\s*(.*)", plan)
    return {name for name, then in scans if then.startswith("Filter")}


def walked(plan: str) -> set[str]:
    """The tables that a plan reads from end to end."""
    scans = re.findall(r"Seq Scan on (\w+)", plan) + re.findall(r"\bSCAN (\w+)", plan)
    return {name.strip('"') for name in scans} & set(grown.TABLES)


def sorted_whole(plan: str) -> bool:
    """Whether SQLite puts rows of a table in order that it could have read in order."""
    return "USE TEMP B-TREE FOR ORDER BY" in plan


@pytest.mark.parametrize("name", READS)
def test_nothing_that_grows_is_walked(long_grown: Store, name: str) -> None:
    plan = plans(long_grown, READS[name])
    assert walked(plan) <= SMALL, plan


@pytest.mark.parametrize("name", READS)
def test_nor_is_it_by_the_plan_for_all_values(long_grown: Store, name: str) -> None:
    if long_grown.dialect.name == "sqlite":
        pytest.skip("SQLite has no other")
    plan = lasting_plans(long_grown, READS[name])
    assert walked(plan) <= SMALL, plan
    assert not walked_indexes(plan), plan


@pytest.mark.parametrize("name", [name for name in READS if "page" in name or "open" in name])
def test_pages_are_read_in_their_order(long_grown: Store, name: str) -> None:
    plan = plans(long_grown, READS[name])
    assert not sorted_whole(plan), plan
    assert not re.search(r"Sort Key: (redemption|break)\.", plan), plan


def test_what_became_of_breaks_is_found_by_key(long_grown: Store) -> None:
    plan = plans(long_grown, lambda tx: list(Runs().close(tx)))
    assert "event" not in walked(plan), plan
    # Paired as sets they took minutes where PostgreSQL had no statistics yet.
    assert not re.search(r"(Anti|Semi) Join", plan), plan


LOOKUPS = {
    "terms and keys": known.TERMS_AND_REQUESTS.of_many,
    "terms and key": known.TERMS_AND_REQUESTS.of_one,
    "keys": known.REQUESTS.of_many,
    "key": known.REQUESTS.of_one,
}


def looked_up(store: Store, on: Mapping[str, Compiled]) -> str:
    """How the database goes about what every group of commands asks of it, whatever the values."""
    asked = on[store.dialect.name]
    with store.read() as tx:
        if store.dialect.name == "sqlite":
            rows = tx.exec_driver_sql(
                f"explain query plan {asked.text}", tuple("[]" for _ in asked.names)
            )
        else:
            if tx.exec_driver_sql("show server_version_num").scalar_one() < "160000":
                pytest.skip("PostgreSQL tells of such plans from version 16 on")
            numbered = asked.text % tuple(f"${place + 1}" for place in range(len(asked.names)))
            rows = tx.exec_driver_sql(f"explain (generic_plan, costs off) {numbered}")
        return "\n".join(str(row[-1]) for row in rows)


@pytest.mark.parametrize("name", LOOKUPS)
def test_what_commands_refer_to_is_found_by_its_key(long_grown: Store, name: str) -> None:
    plan = looked_up(long_grown, LOOKUPS[name])
    # The last two have next to no rows here.
    assert walked(plan) <= SMALL | {"agreement_version", "correction"}, plan
    if long_grown.dialect.name == "sqlite":
        assert "(programme_id=? AND request_key=?)" in plan, plan
    else:
        assert "using pk_request" in plan, plan
        assert not walked_indexes(plan), plan


def test_a_walk_would_be_seen(long_grown: Store) -> None:
    block = grown.TABLES["block"]
    found = plans(long_grown, lambda tx: tx.execute(sa.select(sa.func.sum(block.c.event_count))))
    assert walked(found) == {"block"}
