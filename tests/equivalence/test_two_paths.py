"""One redemption at a time or a set of them: the table gives the same answer."""

from __future__ import annotations

from itertools import product

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handback.errors import IllegalTransition
from handback.lifecycle import machine, relation
from handback.lifecycle.table import TRANSITIONS, State, Transition, Trigger, View, apply

Verdict = tuple[bool, int, int, int, int, int, int]

PAIRS = list(product(State, Trigger))

# Both sides of every comparison in the guards: below, equal, above.
BOUNDARIES = {
    "attempt": (0, 1, 2),
    "answered_attempt": (0, 1, 2, 3),
    "quantity": (5,),
    "held": (0, 4, 5),
    "fulfilled": (0, 4, 5),
    "moved": (0, 1, 4, 5, 6),
    "same_unit": (0, 1),
    "waiting": (0, 1),
    "approved": (0, 1),
}
VIEWS = [
    View(**dict(zip(BOUNDARIES, found, strict=True))) for found in product(*BOUNDARIES.values())
]


def by_machine(state: State, trigger: Trigger, view: View[int]) -> Verdict:
    try:
        row = machine.decide(view, state, trigger)
    except IllegalTransition:
        return (False, state, view.attempt, view.held, view.fulfilled, 0, 0)
    posting = (row.posting.debit, row.posting.credit) if row.posting else (0, 0)
    return (True, row.target, *apply(row.effect, view), *posting)


def frame_of(cases: list[tuple[State, Trigger, View[int]]]) -> pl.DataFrame:
    columns: dict[str, list[int]] = {
        "state": [int(state) for state, _, _ in cases],
        "trigger": [int(trigger) for _, trigger, _ in cases],
    }
    for name in relation.VIEW_COLUMNS:
        columns[name] = [getattr(view, name) for _, _, view in cases]
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Int64))


def by_relation(cases: list[tuple[State, Trigger, View[int]]]) -> list[Verdict]:
    return relation.decide(frame_of(cases)).select(list(relation.DECIDED)).rows()


@pytest.mark.parametrize("state", State)
def test_both_paths_agree_on_every_trigger_and_boundary(state: State) -> None:
    cases = [(state, trigger, view) for trigger in Trigger for view in VIEWS]
    disagreeing = [
        (case, one, other)
        for case, one, other in zip(
            cases, (by_machine(*case) for case in cases), by_relation(cases), strict=True
        )
        if one != other
    ]
    assert disagreeing == []


small = st.integers(min_value=0, max_value=3)
quantities = st.one_of(small, st.integers(min_value=0, max_value=2**53))
views = st.builds(
    View,
    attempt=small,
    answered_attempt=small,
    quantity=quantities,
    held=quantities,
    fulfilled=quantities,
    moved=quantities,
    same_unit=st.integers(min_value=0, max_value=1),
    waiting=st.integers(min_value=0, max_value=1),
    approved=st.integers(min_value=0, max_value=1),
)


@given(st.lists(st.tuples(st.sampled_from(State), st.sampled_from(Trigger), views), max_size=50))
def test_both_paths_agree_on_random_sets(cases: list[tuple[State, Trigger, View[int]]]) -> None:
    assert by_relation(cases) == [by_machine(*case) for case in cases]


@pytest.mark.parametrize(("state", "trigger"), PAIRS)
def test_at_most_one_row_of_a_pair_holds(state: State, trigger: Trigger) -> None:
    rows = [row for row in TRANSITIONS if (row.source, row.trigger) == (state, trigger)]
    for view in VIEWS:
        holding = [row for row in rows if all(condition(view) for condition in row.guard)]
        assert len(holding) <= 1, view


@pytest.mark.parametrize("row", TRANSITIONS, ids=lambda row: f"{row.source}-{row.trigger}")
def test_every_row_is_taken_by_some_redemption(row: Transition) -> None:
    taken = [view for view in VIEWS if by_machine(row.source, row.trigger, view)[0]]
    assert row is machine.decide(taken[0], row.source, row.trigger)


def test_a_frame_keeps_its_rows_order_and_other_columns() -> None:
    view = View(1, 1, 5, 5, 0, 5, 1, 0)
    cases = [(state, Trigger.CONFIRM, view) for state in State]
    frame = frame_of(cases).with_row_index("line")

    decided = relation.decide(frame)

    assert decided["line"].to_list() == frame["line"].to_list()
    assert decided.filter("legal")["state"].to_list() == [State.AWAITING_HANDBACK]
    assert decided.schema == pl.Schema({**frame.schema, **relation.DECIDED})


def test_an_empty_frame_is_decided_too() -> None:
    assert by_relation([]) == []


def test_nothing_is_approved_where_nothing_is_said_of_it() -> None:
    view = View(1, 1, 5, 5, 0, 5, 1, 0, approved=1)
    frame = frame_of([(State.REJECTED, Trigger.CONFIRM, view)])

    assert relation.decide(frame)["legal"].to_list() == [True]
    assert relation.decide(frame.drop("approved"))["legal"].to_list() == [False]


@given(st.lists(st.tuples(st.sampled_from(State), st.sampled_from(Trigger), views), max_size=50))
def test_what_a_step_did_is_read_from_its_record(
    cases: list[tuple[State, Trigger, View[int]]],
) -> None:
    decided = relation.decide(frame_of(cases)).filter("legal")
    steps = decided.select("trigger", "to_state", "held", "fulfilled", "moved", from_state="state")

    recorded = relation.recorded(steps)

    moved = pl.col("moved")
    held = recorded.select(pl.col("held") + pl.col("effect_held") * moved).to_series()
    fulfilled = recorded.select(pl.col("fulfilled") + pl.col("effect_fulfilled") * moved)
    assert held.to_list() == decided["new_held"].to_list()
    assert fulfilled.to_series().to_list() == decided["new_fulfilled"].to_list()
    assert recorded.select("debit", "credit").equals(decided.select("debit", "credit"))


def test_rows_between_the_same_states_by_the_same_trigger_have_one_effect() -> None:
    effects = {(row.trigger, row.source, row.target): row.effect for row in TRANSITIONS}
    assert all(effects[row.trigger, row.source, row.target] == row.effect for row in TRANSITIONS)


def test_a_step_outside_the_table_did_nothing() -> None:
    steps = pl.DataFrame({"trigger": [99, 4], "from_state": [2, 6], "to_state": [3, 3]})
    nothing = dict.fromkeys(relation.RECORDED.names(), 0)
    assert relation.recorded(steps).select(relation.RECORDED.names()).to_dicts() == [nothing] * 2
