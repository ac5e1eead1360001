"""A loaded database is what the product would have left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel

import handback_migrations
from handback.intake.pickup import pick_up
from handback.lifecycle.table import State
from handback.partners.registry import Agreements
from handback.reconcile.run import reconcile
from handback.redemptions.commands import Caller, execute
from handback.redemptions.draft import Outcome
from handback.redemptions.requests import Submit
from handback_server.bench import grown
from handback_server.bench.answers import sent, write_answers
from handback_server.bench.engine import ACTOR, PARTNER, PROGRAMME, UNIT, Engine, engine
from handback_server.bench.ground import Place
from handback_server.bench.grown import load

TABLES = SQLModel.metadata.tables
# When, under which names and with which bytes; the loader leaves no bytes behind.
APART = {
    "handback_file": {
        "name",
        "landing_key",
        "fingerprint",
        "size_bytes",
        "file_sequence",
        "sequence_number",
    },
    "payout_batch": {"file_name", "fingerprint", "size_bytes", "due_by"},
}
TOLD_BY_SPANS = "trace_context"
# Names are given, and ids taken, before there is anything to compare.
ELSEWHERE = {"id_range", "programme", "partner", "unit", "agreement_version"}


@pytest.fixture
def place(store_kind: str, store_url: str, tmp_path: Path) -> Place:
    """A migrated database, once on each store."""
    return Place(store_kind, store_url, folder(tmp_path, "one"), None)


@pytest.fixture
def other_place(store_kind: str, empty_store_url: str, tmp_path: Path) -> Place:
    """Another one on the same store."""
    handback_migrations.migrate(empty_store_url)
    return Place(store_kind, empty_store_url, folder(tmp_path, "other"), None)


def folder(root: Path, name: str) -> Path:
    made = root / name
    made.mkdir()
    return made


def submissions(count: int) -> list[Submit]:
    """What the loader's redemptions were asked for as."""
    return [
        Submit(
            PROGRAMME,
            PARTNER,
            request_key=f"grown-{number:013}",
            member_ref=f"M{number:08}",
            quantity=number % 9_000 + 500,
            unit=UNIT,
            fields={"surname": "Example"},
        )
        for number in range(1, count + 1)
    ]


def submit(ours: Engine, asked: Sequence[Submit]) -> list[Outcome]:
    answers = execute(ours.store, ours.desk.clock, Agreements(), Caller(ACTOR), asked)
    assert all(isinstance(answer, Outcome) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Outcome)]


def confirm(ours: Engine, folder: Path) -> None:
    """Answer everything that was sent, and reconcile it."""
    exchange = folder / "exchange"
    records = sent(exchange).with_columns(code=pl.lit("0000"))
    write_answers(records, exchange / "inbound" / "answers.csv", sequence=9)
    for file_id in pick_up(ours.desk, ours.transport):
        reconcile(ours.desk, file_id, ACTOR)


def stored(ours: Engine) -> dict[str, list[dict[str, Any]]]:
    """Every row, by table, in the order of its key, without what can only differ."""
    found = {}
    with ours.store.read() as tx:
        for name, table in TABLES.items():
            if name in ELSEWHERE:
                continue
            columns = [
                column
                for column in table.columns
                if column.name not in APART.get(name, set())
                and column.name != TOLD_BY_SPANS
                and not column.name.endswith("_at")
            ]
            selected = sa.select(*columns).order_by(*table.primary_key.columns)
            found[name] = [dict(row._mapping) for row in tx.execute(selected)]
    return found


def indexes(ours: Engine) -> dict[str, str]:
    """Every index, those of keys too, as the database itself writes it down."""
    catalogue = {
        "sqlite": "select name, coalesce(sql, '') from sqlite_master where type = 'index'",
        "postgresql": "select indexname, indexdef from pg_indexes where schemaname = 'public'",
    }
    with ours.store.read() as tx:
        found = tx.execute(sa.text(catalogue[tx.dialect.name]))
        return {str(name): str(text) for name, text in found}


@pytest.mark.parametrize("state", [State.SUBMITTED, State.AWAITING_HANDBACK, State.CONFIRMED])
def test_every_row_is_what_the_product_writes(
    place: Place, other_place: Place, state: State
) -> None:
    with engine(place) as ours:
        submit(ours, submissions(7))
        if state is not State.SUBMITTED:
            ours.seal()
            ours.send()
        if state is State.CONFIRMED:
            confirm(ours, place.folder)
        assert ours.laws_hold()
        expected = stored(ours)
    if state is State.CONFIRMED:
        expected["member_detail"] = []  # erased
    assert load(other_place, 7, state) == range(1, 8)
    with engine(other_place) as ours:
        found = stored(ours)
    for name in TABLES.keys() - ELSEWHERE:
        assert found[name] == expected[name], name


def test_the_laws_hold_over_many_batches(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grown, "PER_BATCH", 120)
    with engine(place) as ours:
        bare = indexes(ours)
    assert len(load(place, 250)) == 250
    assert len(load(place, 130, State.AWAITING_HANDBACK)) == 130
    with engine(place) as ours:
        assert ours.laws_hold()
        assert indexes(ours) == bare


def test_the_product_goes_on_from_there(place: Place) -> None:
    load(place, 60)
    load(place, 40, State.SUBMITTED)
    with engine(place) as ours:
        ours.seal()
        ours.send()
        confirm(ours, place.folder)
        with ours.store.read() as tx:
            table = TABLES["redemption"]
            states = sa.select(table.c.state, sa.func.count()).group_by(table.c.state)
            assert tx.execute(states).all() == [(State.CONFIRMED, 100)]
        assert ours.laws_hold()


def test_what_was_loaded_is_answered_when_asked_for_again(place: Place) -> None:
    load(place, 3)
    with engine(place) as ours:
        (second,) = submit(ours, submissions(3)[1:2])
        assert (second.replayed, second.redemption.redemption_id) == (True, 2)
        new = replace(submissions(1)[0], request_key="new")
        (fresh,) = submit(ours, [new])
        assert (fresh.replayed, fresh.redemption.redemption_id > 3) == (False, True)
