"""Matching is what docs/agreements.md says, in whatever order the rows come and wherever chunks
begin: the search of the engine against a model that takes one record at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

import matching_model as model
from agreements import source_of
from conftest import OpenStore
from fake_clock import FakeClock
from handback.formats.findings import DETAIL
from handback.intake.desk import Desk
from handback.intake.spool import Spool
from handback.lifecycle.table import State
from handback.partners import registry
from handback.partners.registry import Terms
from handback.reconcile import search as searching
from handback.reconcile.found import forget
from handback.reconcile.match import Match, match
from handback.reconcile.rules import Arrival
from handback.reconcile.search import search
from handback.store.bulk import table_of
from handback.store.tables import Attempt, HandbackFile, PayoutBatch, Redemption
from matching_model import Record, Request, Rules, Steps, Verdict
from world import Answer, World, skyways_file

ATTEMPT, BATCH, HANDBACK_FILE, REDEMPTION = (
    table_of(one) for one in (Attempt, PayoutBatch, HandbackFile, Redemption)
)

# Few of each, so that records meet attempts and each other.
REFERENCES = (
    *("0012", "012", "ab-12", "AB12", "HB12", "hb 0012", "0", "7"),
    *("A-1", "a2", "A 3", "HB-04", "5B", "HBHB6", "00700", "Z"),
)
FILE = 999
MEMBERS = tuple(f"M{number}" for number in range(1, 9))
QUANTITIES = (100, 200)
FIRST_DAY = date(2026, 3, 2)  # of the tests' clock
DAYS = [FIRST_DAY + timedelta(days=number) for number in range(-1, 8)]

STEPS = Steps(drop="symbols", case="ignore", prefixes=("HB",), zeros="drop")
NORMALISE = """
[handback.normalise]
drop = "symbols"
case = "ignore"
prefixes = ["HB"]
zeros = "drop"
"""
KEYLESS: Sequence[Sequence[Sequence[str]]] = (
    [["reference"]],
    [["reference", "quantity"], ["normalised_reference"]],
    [["normalised_reference", "member"], ["member", "quantity"]],
    [["reference", "quantity", "date"], ["normalised_reference", "date"], ["member", "window"]],
    [["member", "quantity", "window"], ["reference"]],
    [["member", "quantity", "date"], ["member", "quantity"], ["member"]],
)
KEYED: Sequence[Sequence[Sequence[str]]] = (
    [["reference_key"], ["normalised_reference"], ["member", "quantity", "window"]],
    [["reference_key", "quantity"], ["member", "quantity"]],
    [["reference_key"], ["member"]],
)


class Past:
    """Partners with the same requests behind them, one under references of their fields, the other
    under keys; whatever rules are tried, nothing of it changes."""

    def __init__(self, world: World) -> None:
        self.world = world
        for partner in ("keyless", "keyed"):
            self.apply(partner, [["reference_key"]] if partner == "keyed" else [["reference"]])
        for number in range(24):
            for partner in ("keyless", "keyed"):
                world.submit(
                    QUANTITIES[number // 8 % 2],
                    partner=partner,
                    member_ref=MEMBERS[number * 7 % 11 % 8],
                    fields={"surname": REFERENCES[number * 5 % 16]},
                )
            if number % 6 == 5:
                for partner in ("keyless", "keyed"):
                    world.send(partner)
                world.clock.advance(timedelta(days=1))
            if number == 11:
                self._answer_some()

    def _answer_some(self) -> None:
        """Some are confirmed, and some have been rejected and go out once more."""
        sent = self.world.sent(self.world.delivered("keyed")[0])
        records = [Answer(*one, code) for one, code in zip(sent, ("0000", "0301") * 3, strict=True)]
        self.world.hand_back(skyways_file(records), "past.csv", "keyed")
        self.world.take_in()
        with self.world.store.write() as tx:
            past = tx.execute(sa.select(HANDBACK_FILE)).mappings().one()
            tx.execute(sa.insert(HANDBACK_FILE).values({**past, "file_id": FILE}))

    def apply(self, partner: str, rules: Sequence[Sequence[str]], days: int = 2) -> Terms:
        """The terms of a partner with these rules."""
        more = ""
        if any("window" in rule for rule in rules):
            more += f"match_days = {days}\n"
        if any("normalised_reference" in rule for rule in rules):
            more += NORMALISE
        listed = [list(rule) for rule in rules]
        source = (
            source_of("skyways")
            .replace("skyways", partner)
            .replace(
                'match = [["reference_key"], ["reference", "quantity", "member"]]',
                f"match = {listed}\n{more}",
            )
        )
        if partner == "keyless":
            source = source.replace("HB{key:018}", "{surname}")
        registry.apply(self.world.store, self.world.clock, source, "tests")
        with self.world.store.read() as tx:
            return self.world.agreements.current(tx, "aurora", partner)

    def requests(self, terms: Terms) -> list[Request]:
        """Every attempt of a partner, as the model sees it."""
        zone = terms.agreement.time_zone

        def day(instant: datetime) -> date:
            return instant.astimezone(zone).date()

        awaits = (REDEMPTION.c.state == int(State.AWAITING_HANDBACK)) & (
            REDEMPTION.c.attempt == ATTEMPT.c.attempt
        )
        select = (
            sa.select(
                ATTEMPT.c.redemption_id,
                ATTEMPT.c.attempt,
                ATTEMPT.c.reference,
                ATTEMPT.c.quantity,
                REDEMPTION.c.member_ref,
                REDEMPTION.c.submitted_at,
                BATCH.c.sealed_at,
                awaits.label("awaits"),
            )
            .join(REDEMPTION, REDEMPTION.c.redemption_id == ATTEMPT.c.redemption_id)
            .join(BATCH, BATCH.c.batch_id == ATTEMPT.c.batch_id)
            .where(ATTEMPT.c.partner_id == terms.partner_id)
        )
        template = terms.agreement.payout.reference
        with self.world.store.read() as tx:
            rows = tx.execute(select).all()
        return [
            Request(
                *row[:2],
                row[2]
                or template.render(_attempt(*row[:2]), batch=1, on=FIRST_DAY)["reference"][0],
                *row[3:5],
                day(row[5]),
                day(row[6]),
                bool(row[7]),
            )
            for row in rows
        ]


def _attempt(redemption_id: int, attempt: int) -> pl.DataFrame:
    return pl.DataFrame({"redemption_id": [redemption_id], "attempt": [attempt], "ordinal": [1]})


@pytest.fixture(scope="module")
def past(open_store: OpenStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    with ExitStack() as stack:
        store = open_store(stack)
        stack.callback(store.close)
        yield Past(World(store, FakeClock(), tmp_path_factory.mktemp("past")))


def details(terms: Terms, records: Sequence[Record]) -> pl.DataFrame:
    """Records as the decoder gives them."""
    frame = pl.DataFrame(
        {
            "ordinal": [one.ordinal for one in records],
            "reference": [one.reference for one in records],
            "quantity": [one.quantity for one in records],
            "member_ref": [one.member for one in records],
            "answered_on": [one.answered_on for one in records],
        },
        schema={name: DETAIL[name] for name in _SAID},
    )
    read = terms.agreement.payout.reference.read(frame["reference"])
    missing = (pl.lit(None, kind).alias(name) for name, kind in DETAIL.items())
    whole = frame.with_columns(read).with_columns(
        one for one in missing if one.meta.output_name() not in (*_SAID, *read.columns)
    )
    return whole.select(pl.col(name).cast(kind) for name, kind in DETAIL.items())


_SAID = ("ordinal", "reference", "quantity", "member_ref", "answered_on")


def matched(past: Past, terms: Terms, records: Sequence[Record], cut: int) -> Mapping[int, Verdict]:
    """What the engine makes of a file with these records in this order, in chunks of `cut`."""
    world = past.world
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(world.store, world.landing, Spool(Path(folder)), world.agreements, world.clock)
        with desk.spool.writing(FILE, cut) as writer:
            frame = details(terms, records)
            for start in range(0, len(frame), cut):
                writer.add(frame[start : start + cut])
            decoded = writer.close(1, records=len(frame), rejected=0)
        arrival = Arrival(FILE, world.clock.now())
        with patch.object(searching, "AT_ONCE", cut):
            contents = search(desk, terms, arrival, decoded, lambda: False)
        assert contents is not None
        with world.store.write() as tx:
            forget(tx, FILE)
        told: dict[int, Verdict] = {}
        for chunk in range(contents.chunks):
            rows = desk.spool.read(FILE, chunk)
            with world.store.write() as tx:
                for row in match(world.store, tx, terms, rows).iter_rows(named=True):
                    told[row["ordinal"]] = _verdict(row)
    return told


def _verdict(row: Mapping[str, object]) -> Verdict:
    if row["match"] == Match.ONE:
        return "one", ((int(str(row["redemption_id"])), int(str(row["answered_attempt"]))),)
    if row["match"] == Match.SEVERAL:
        pairs = (one.split("/") for one in str(row["candidates"]).split(", "))
        return "several", tuple((int(first), int(last)) for first, last in pairs)
    return "none", ()


def records_of(references: Sequence[str | None]) -> st.SearchStrategy[list[Record]]:
    """Files of up to a dozen records, many of which say the same."""
    of_record = st.tuples(
        st.sampled_from(references),
        st.sampled_from([None, *QUANTITIES, 300]),
        st.sampled_from([None, *MEMBERS, "M0"]),
        st.sampled_from([None, *DAYS]),
    )
    return st.lists(of_record, min_size=1, max_size=12).map(
        lambda rows: [Record(number, *row) for number, row in enumerate(rows, start=1)]
    )


def check(past: Past, terms: Terms, rules: Rules, draw: Callable[..., object], keyed: bool) -> None:
    """One file, as drawn, against the model: as it stands, and shuffled and cut otherwise."""
    requests = past.requests(terms)
    keys = {one.reference: one.name for one in requests} if keyed else {}
    printed = [*keys, *(one.lower().replace("hb", "") for one in list(keys)[:6])]
    drawn = draw(records_of([None, "?", *(printed or REFERENCES), "0 12", "Hb-7", "a 1"]))
    assert isinstance(drawn, list)
    records = [
        Record(one.ordinal, one.reference or "", *_rest(one), key=keys.get(one.reference or ""))
        for one in drawn
    ]
    came_on = past.world.clock.now().astimezone(terms.agreement.time_zone).date()
    expected = model.match(rules, records, requests, came_on)
    shuffled = draw(st.permutations(records))
    cut = draw(st.integers(1, 6))
    assert isinstance(shuffled, list)
    assert isinstance(cut, int)
    assert matched(past, terms, shuffled, cut) == expected


def _rest(one: Record) -> tuple[int | None, str | None, date | None]:
    return one.quantity, one.member, one.answered_on


@pytest.mark.parametrize("rules", KEYLESS, ids=str)
def test_references_of_fields_match_as_documented(
    past: Past, rules: Sequence[Sequence[str]]
) -> None:
    terms = past.apply("keyless", rules)

    @settings(max_examples=15, deadline=None)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        check(past, terms, Rules(rules, STEPS, 2), data.draw, keyed=False)

    run()


@pytest.mark.parametrize("rules", KEYED, ids=str)
def test_references_with_keys_match_as_documented(
    past: Past, rules: Sequence[Sequence[str]]
) -> None:
    terms = past.apply("keyed", rules)

    @settings(max_examples=15, deadline=None)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        check(past, terms, Rules(rules, STEPS, 2), data.draw, keyed=True)

    run()
