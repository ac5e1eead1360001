"""No search walks what grows: the stage is walked, and each row of it looked up by an index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from conftest import OpenStore
from handback.clock import SystemClock
from handback.formats.findings import DETAIL
from handback.lifecycle.table import State
from handback.partners import registry
from handback.partners.registry import Agreements, Terms
from handback.partners.vocabulary import MatchColumn
from handback.reconcile.match import MATCHED
from handback.reconcile.nearest import nearest
from handback.reconcile.normal import keep_normal_forms
from handback.reconcile.rules import Arrival, ask
from handback.store.session import Store
from handback_server.bench import grown
from handback_server.bench.engine import PARTNER, PROGRAMME, agreement
from handback_server.bench.ground import Place

REQUESTS = 20_000
RULES = (
    ["reference_key"],
    ["reference", "quantity"],
    ["reference", "member", "date"],
    ["normalised_reference"],
    ["normalised_reference", "quantity", "member", "window"],
    ["member"],
    ["member", "quantity", "window"],
)


class Grown:
    """A store with many requests that await their answer, and terms that name every rule."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        url = store.engine.url.set(drivername=store.dialect.name)
        kind = "sqlite" if store.dialect.name == "sqlite" else "postgres"
        place = Place(kind, url.render_as_string(hide_password=False), folder, None)
        grown.load(place, REQUESTS, State.AWAITING_HANDBACK)
        clock, agreements = SystemClock(), Agreements()
        source = re.sub(
            "\nmatch = .*\n",
            f'\nmatch = {list(RULES)}\n[handback.normalise]\nprefixes = ["HB"]\nzeros = "drop"\n',
            agreement(),
        ).replace('name = "partner_ref"', 'name = "answered_on", type = "date"')
        registry.apply(store, clock, source, "tests")
        with store.read() as tx:
            self.terms: Terms = agreements.current(tx, PROGRAMME, PARTNER)
        self.arrival = Arrival(1, clock.now())
        keep_normal_forms(store, agreements, self.terms, self.arrival.received_at)

    def records(self) -> pl.DataFrame:
        """Some records (columns of DETAIL) that lack nothing a rule names."""
        said: dict[str, object] = {
            "ordinal": range(1, 201),
            "reference": [str(number * 997) for number in range(200)],
            "redemption_id": range(1, 201),
            "attempt": 1,
            "quantity": 700,
            "member_ref": [f"M{number:08}" for number in range(200)],
            "answered_on": date(2026, 3, 2),
        }
        frame = pl.DataFrame({name: said.get(name) for name in DETAIL})
        return frame.cast(dict(DETAIL))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def many(open_store: OpenStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    with ExitStack() as stack:
        store = open_store(stack)
        stack.callback(store.close)
        yield Grown(store, tmp_path_factory.mktemp("many"))


@contextmanager
def overheard(store: Store) -> Iterator[list[tuple[str, Any]]]:
    """The selects that are sent to a store meanwhile, with their values."""
    asked: list[tuple[str, Any]] = []

    def hear(_connection: object, _cursor: object, text: str, values: object, *_: object) -> None:
        if text.startswith("SELECT"):
            asked.append((text, values))

    sa.event.listen(store.engine, "before_cursor_execute", hear)
    yield asked
    sa.event.remove(store.engine, "before_cursor_execute", hear)


def explained(store: Store, tx: sa.Connection, asked: list[tuple[str, Any]]) -> str:
    """How the database went about these selects, in the transaction that has their stages."""
    explain = "explain query plan" if store.dialect.name == "sqlite" else "explain (costs off)"
    rows = [
        row for text, values in asked for row in tx.exec_driver_sql(f"{explain} {text}", values)
    ]
    return "\n".join(str(row[-1]) for row in rows)


def walked(plan: str) -> set[str]:
    """The lasting tables that a plan reads from end to end, or by no more than their partner."""
    scans = re.findall(r"Seq Scan on (\w+)", plan) + re.findall(r"\bSCAN (\w+)", plan)
    scans += re.findall(r"SEARCH (\w+) USING [\w ]+ \((?:partner_id|programme_id)=\?\)", plan)
    scans += re.findall(r"Bitmap Heap Scan on (\w+)", plan)
    return {name.strip('"') for name in scans} & set(grown.TABLES)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_search_looks_each_value_up(many: Grown, rule: list[str]) -> None:
    parts = tuple(map(MatchColumn, rule))
    with many.store.write() as tx:
        with overheard(many.store) as asked:
            ask(many.store, tx, many.terms, parts, many.records(), many.arrival)
        assert asked
        plan = explained(many.store, tx, asked)
    assert not walked(plan), plan
    if rule[0] == "normalised_reference":
        by_form = r"form=\? AND reference=\?|\(reference = stage"
        assert re.search(by_form, plan), plan
    if rule[0] == "member":
        assert re.search(r"member_ref=\?|\(member_ref = stage", plan), plan


def test_so_do_the_nearest_misses(many: Grown) -> None:
    unmatched = many.records().drop("redemption_id", "attempt")
    none = {name: pl.lit(0 if name == "match" else None, kind) for name, kind in MATCHED.items()}
    with many.store.write() as tx:
        with overheard(many.store) as asked:
            told = nearest(many.store, tx, many.terms, unmatched.with_columns(**none))
        plan = explained(many.store, tx, asked)
    assert len(told) > 100
    assert not walked(plan), plan
