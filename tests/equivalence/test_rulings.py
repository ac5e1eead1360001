"""What becomes of a record: the rulings, the short way that most records take, and the page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import polars as pl
import pytest

from handback.breaks.kinds import BreakKind
from handback.lifecycle.table import State, Trigger
from handback.partners.agreement import Quantity
from handback.partners.codes import TRIGGER_OF, ReasonClass
from handback.partners.policy import Policies
from handback.partners.vocabulary import Partial
from handback.reconcile import judge, render
from handback.reconcile.decide import Decided, decide
from handback.reconcile.facts import Fate
from handback.reconcile.judge import Given, judged
from handback.reconcile.match import Match
from handback.reconcile.rulings import RULINGS
from handback.reconcile.standing import ANSWERS, STANDINGS

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
THIS_FILE, OTHER_FILE = 7, 6
QUANTITY = 100

# Where a redemption stands: state, last dispatched attempt, and whether it waits for a batch.
PLACES = (
    (State.SUBMITTED, 0, 1),
    (State.AWAITING_HANDBACK, 1, 0),
    (State.AWAITING_HANDBACK, 2, 0),
    (State.RETRYING, 1, 1),
    (State.RETRYING, 1, 0),
    (State.CONFIRMED, 1, 0),
    (State.CONFIRMED, 2, 0),
    (State.REJECTED, 1, 0),
    (State.REJECTED, 2, 0),
    (State.FAILED, 1, 0),
)
CLASSES = (
    ReasonClass.OK,
    ReasonClass.OK_CHANGED,
    ReasonClass.PARTIAL,
    ReasonClass.WAIT,
    ReasonClass.DEAD,
    ReasonClass.DUPLICATE,
    ReasonClass.RETURNED,
)
NAMED = (
    *((quantity, None, "miles", "M1") for quantity in (None, 0, 60, 99, 100, 101, 140)),
    (None, None, None, None),
    (None, 0, None, None),
    (None, 5, None, None),
    (100, 5, "miles", "M1"),
    (100, None, "nights", "M1"),
    (100, None, "miles", "M2"),
)
# What the journal holds on the first attempt: trigger, quantity, code, file, by silence, days ago.
Held = tuple[Trigger, int, str | None, int | None, bool, int]
CONFIRMED: Held = (Trigger.CONFIRM, QUANTITY, "c1", OTHER_FILE, False, 3)
HELD: tuple[tuple[Held, ...], ...] = (
    (),
    ((Trigger.ACKNOWLEDGE, QUANTITY, "c2", OTHER_FILE, False, 3),),
    (CONFIRMED,),
    ((Trigger.CONFIRM, 60, "c1", OTHER_FILE, False, 3),),
    ((Trigger.CONFIRM, QUANTITY, None, None, True, 3),),
    ((Trigger.CONFIRM, QUANTITY, None, None, True, 40),),
    ((Trigger.CONFIRM, QUANTITY, "c1", OTHER_FILE, False, 40),),
    ((Trigger.REJECT, QUANTITY, "c1", OTHER_FILE, False, 3),),
    ((Trigger.REJECT, QUANTITY, "c1", THIS_FILE, False, 0),),
    ((Trigger.REJECT, QUANTITY, None, None, True, 3),),
    ((Trigger.WRITE_OFF, QUANTITY, None, None, False, 3),),
    (CONFIRMED, (Trigger.RETURN, QUANTITY, "c1", OTHER_FILE, False, 1)),
    (CONFIRMED, (Trigger.RETURN_PART, 60, "c1", OTHER_FILE, False, 1)),
    (
        (Trigger.CONFIRM, QUANTITY, "c0", OTHER_FILE, False, 3),
        (Trigger.RETURN, 100, "c1", 6, False, 1),
    ),
)
# An attempt that is awaited has had no final answer.
CASES = [
    case
    for case in product(PLACES, CLASSES, NAMED, HELD)
    if case[0] != (State.AWAITING_HANDBACK, 1, 0) or case[3] in HELD[:2]
]


def standings() -> pl.DataFrame:
    rows: Iterator[dict[str, object]] = (
        {
            "redemption_id": number,
            "state": int(state),
            "attempt": attempt,
            "version": 5,
            "quantity": QUANTITY,
            "held": QUANTITY if state not in (State.CONFIRMED, State.FAILED) else 0,
            "fulfilled": QUANTITY if state is State.CONFIRMED else 0,
            "waiting": waiting,
            "programme_id": 1,
            "partner_id": 1,
            "unit_id": 1,
            "unit": "miles",
            "member_ref": "M1",
            "in_doubt": 0,
            "first_sent_at": NOW,
        }
        for number, ((state, attempt, waiting), _, _, _) in enumerate(CASES, start=1)
    )
    return pl.DataFrame(list(rows), schema=STANDINGS)


def records() -> pl.DataFrame:
    rows = [
        {
            "ordinal": number,
            "match": int(Match.ONE),
            "redemption_id": number,
            "answered_attempt": 1,
            "attempt_quantity": QUANTITY,
            "code": "c2" if TRIGGER_OF[reason_class] is Trigger.ACKNOWLEDGE else "c1",
            "mapped": True,
            "reason_class": int(reason_class),
            "quantity": quantity,
            "fee": fee,
            "unit": unit,
            "member_ref": member,
        }
        for number, (_, reason_class, (quantity, fee, unit, member), _) in enumerate(CASES, start=1)
    ]
    numbers = {
        "answered_attempt": pl.Int16,
        "quantity": pl.Int64,
        "fee": pl.Int64,
        "attempt_quantity": pl.Int64,
    }
    return pl.DataFrame(rows, schema_overrides=numbers)


def answers() -> pl.DataFrame:
    rows = [
        {
            "redemption_id": number,
            "answered_attempt": 1,
            "trigger": int(Trigger.CONFIRM if trigger is Trigger.WRITE_OFF else trigger),
            "moved": moved,
            "code": code,
            "file_id": file_id,
            "by_silence": by_silence,
            "borne": trigger is Trigger.WRITE_OFF,
            "at": NOW - timedelta(days=days),
        }
        for number, (_, _, _, held) in enumerate(CASES, start=1)
        for trigger, moved, code, file_id, by_silence, days in held
    ]
    return pl.DataFrame(rows, schema=ANSWERS)


def given(partial: Partial) -> Given:
    return Given(Policies(), THIS_FILE, NOW, Quantity(partial, {"miles": 1}), return_days=30)


def ruled(partial: Partial) -> pl.DataFrame:
    """Every case with its ruling, none taken the short way."""
    asked = records().select(
        pl.all().exclude("quantity", "unit", "member_ref", "match"),
        pl.lit(THIS_FILE, pl.Int64).alias("file_id"),
        named_quantity="quantity",
        named_fee="fee",
        named_unit="unit",
        named_member="member_ref",
        reason_code="code",
        says=pl.Series([int(TRIGGER_OF[case[1]] or 0) for case in CASES], dtype=pl.Int16),
    )
    beside = asked.join(standings(), on="redemption_id")
    return judged(beside, answers(), given(partial)).sort("redemption_id")


def decided(partial: Partial) -> Decided:
    return decide(records(), standings(), answers(), given(partial))


def test_each_ruling_is_met_by_some_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "_IS_PLAIN", pl.col("says").is_null())
    met: set[int] = set()
    for partial in Partial:
        met |= set(ruled(partial)["ruling"])
    unmet = [RULINGS[place] for place in range(len(RULINGS)) if place not in met]
    assert unmet == []


@pytest.mark.parametrize("partial", Partial)
def test_the_short_way_leads_where_the_rulings_do(
    partial: Partial, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = ruled(partial)
    monkeypatch.setattr(judge, "_IS_PLAIN", pl.col("says").is_null())
    whole = ruled(partial)
    assert short["ruling"].null_count() > 10
    assert short.drop("ruling").equals(whole.drop("ruling"))


@pytest.mark.parametrize("partial", Partial)
def test_what_is_decided_is_what_the_ruling_says(
    partial: Partial, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = decided(partial)
    monkeypatch.setattr(judge, "_IS_PLAIN", pl.col("says").is_null())
    fates = outcome.fates.sort("redemption_id")
    steps: dict[int, list[Trigger]] = {}
    for number, trigger in (
        outcome.changes.sort("version").select("redemption_id", "trigger").rows()
    ):
        steps.setdefault(number, []).append(Trigger(trigger))
    for place, (number, fate, kind) in zip(
        ruled(partial)["ruling"], fates.select("redemption_id", "fate", "kind").rows(), strict=True
    ):
        becomes = RULINGS[place].becomes
        asked = [trigger for trigger in (becomes.first, becomes.trigger) if trigger is not None]
        assert Fate(fate) is becomes.fate, (CASES[number - 1], RULINGS[place])
        assert steps.get(number, [])[: len(asked)] == asked
        if asked[-1:] not in ([Trigger.REJECT], [Trigger.RETURN]):
            assert (kind or None) == becomes.kind
            assert len(steps.get(number, [])) == len(asked)


@pytest.mark.parametrize("partial", Partial)
def test_nothing_is_created_or_lost(partial: Partial) -> None:
    outcome = decided(partial)
    after = outcome.changes.sort("version").unique("redemption_id", keep="last")
    assert (after["new_held"] >= 0).all()
    assert (after["new_fulfilled"] >= 0).all()
    assert (after["new_held"] + after["new_fulfilled"] <= QUANTITY).all()
    confirmed = after.filter(pl.col("to_state") == int(State.CONFIRMED))
    assert (confirmed["new_held"] == 0).all()
    remainders = outcome.remainders.join(
        outcome.changes.filter(pl.col("trigger") == int(Trigger.RELEASE)), on="redemption_id"
    )
    assert (len(remainders) > 0) == (partial is Partial.RESUBMIT)
    assert remainders["quantity"].equals(remainders["quantity_right"], check_names=False)


def test_whoever_is_not_confirmed_automatically_stands_in_a_break() -> None:
    """A confirmation is an event, a repeat, or for a person: none is lost."""
    kinds = {
        ruling.becomes.kind
        for ruling in RULINGS
        if ruling.becomes.trigger is None and ruling.arrives.words == "a confirmation"
    }
    assert kinds - {None} == {
        BreakKind.UNKNOWN_QUANTITY,
        BreakKind.OVER_CREDIT,
        BreakKind.CONFIRMED_AFTER_FAILURE,
        BreakKind.CONTRADICTION,
        BreakKind.POSSIBLE_DOUBLE_CREDIT,
        BreakKind.DOUBLE_CREDIT,
        BreakKind.QUANTITY_MISMATCH,
        BreakKind.RETURN_REVERSED,
        BreakKind.LATE_ANSWER,
    }


def test_the_page_in_the_docs_is_fresh() -> None:
    assert (ROOT / render.PATH).read_text(encoding="utf-8") == render.page()
