"""A few changes written row by row, or as a frame: the store says the same afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import polars as pl
import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel

from fake_clock import FakeClock
from handback.errors import VersionConflict
from handback.journal.changes import BIRTHS, CHANGES
from handback.journal.commit import Cause, CauseKind, commit
from handback.journal.rows import Birth, Change, commit_rows
from handback.lifecycle import machine
from handback.lifecycle.table import RESTING_STATES, State, Trigger, View, apply
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Block, BlockTotal, Event, Redemption

CAUSE = Cause(CauseKind.COMMAND, None, "tester", "00-01-02-01")
WRITTEN: tuple[type[SQLModel], ...] = (Redemption, Event, Block, BlockTotal)

# What commands have nothing to say of.
OF_ANSWERS = ("reason_code", "file_id", "ordinal")
OF_PART = (Trigger.RELEASE, Trigger.ADJUST, Trigger.WRITE_OFF)

Group = tuple[list[Change], list[Birth]]


class Lot:
    """Random legal steps of random redemptions, decided one by one by the machine."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._born: dict[int, tuple[Birth, State, View[int], int]] = {}

    def group(self, size: int) -> Group:
        """So many steps, several of some redemptions, in no order between redemptions."""
        changes: list[Change] = []
        births: list[Birth] = []
        while len(changes) < size:
            if not self._born or self._random.random() < 0.5:
                births.append(self._bear())
                number = births[-1].redemption_id
            else:
                number = self._random.choice(list(self._born))
            if (change := self._step(number)) is not None:
                changes.append(change)
        # Changes of one redemption keep their order; that of redemptions does not matter.
        return sorted(changes, key=lambda one: (one.redemption_id * 7 % 11, one.version)), births

    def _bear(self) -> Birth:
        number, quantity = len(self._born) + 1, self._random.randint(1, 10**12)
        member = self._random.choice(['M"1"', "M\\1", "{M,1}", "NULL", "Zoë ☃", "M'1'"])
        owner = (1, self._random.randint(1, 3), self._random.randint(1, 2))
        birth = Birth(number, *owner, quantity, member)
        view = View(
            attempt=0,
            answered_attempt=0,
            quantity=quantity,
            held=0,
            fulfilled=0,
            moved=quantity,
            same_unit=1,
            waiting=1,
        )
        self._born[number] = birth, State.NONE, view, 0
        return birth

    def _moved(self, trigger: Trigger, view: View[int]) -> int:
        """All that is held, or a part of it."""
        return self._random.randrange(view.held) if trigger in OF_PART else view.held

    def _step(self, number: int) -> Change | None:
        birth, state, view, version = self._born[number]
        if state in RESTING_STATES:
            return None
        trigger = self._random.choice(machine.allowed(state))
        attempt = view.attempt + (trigger.name == "DISPATCH")
        seen = View(
            attempt=view.attempt,
            answered_attempt=attempt,
            quantity=view.quantity,
            held=view.held,
            fulfilled=view.fulfilled,
            moved=self._moved(trigger, view) if version else view.quantity,
            same_unit=1,
            waiting=int(trigger.name != "DISPATCH"),
            approved=1,
        )
        if trigger in OF_PART and not seen.moved:
            return None
        if trigger.name == "CONFIRM" and not view.attempt:
            return None
        row = machine.decide(seen, state, trigger)
        now_attempt, held, fulfilled = apply(row.effect, seen)
        after = View(now_attempt, now_attempt, view.quantity, held, fulfilled, 0, 1, 1)
        self._born[number] = birth, row.target, after, version + 1
        return Change(
            redemption_id=number,
            version=version + 1,
            trigger=int(trigger),
            from_state=int(state),
            to_state=int(row.target),
            attempt=attempt,
            reason_class=self._random.randint(0, 13),
            quantity=seen.moved,
            new_attempt=now_attempt,
            new_held=held,
            new_fulfilled=fulfilled,
            programme_id=birth.programme_id,
            partner_id=birth.partner_id,
            unit_id=birth.unit_id,
            debit=int(row.posting.debit) if row.posting else 0,
            credit=int(row.posting.credit) if row.posting else 0,
        )


Commit = Callable[[Store, sa.Connection, Group, FakeClock], int]


def by_rows(store: Store, tx: sa.Connection, group: Group, clock: FakeClock) -> int:
    return commit_rows(tx, CAUSE, *group, clock.now())


def by_frames(store: Store, tx: sa.Connection, group: Group, clock: FakeClock) -> int:
    known = {name: CHANGES[name] for name in Change._fields}
    answer = (pl.lit(None, CHANGES[name]).alias(name) for name in OF_ANSWERS)
    changes = (
        pl.DataFrame(group[0], schema=known, orient="row")
        .with_columns(answer)
        .select(CHANGES.names())
    )
    births = pl.DataFrame(group[1], schema=BIRTHS, orient="row")
    return commit(store, tx, CAUSE, changes, clock.now(), births)


def written(store: Store, clock: FakeClock, groups: Sequence[Group], commit: Commit) -> object:
    """Everything in the journal's tables after these groups; the store is empty again then."""
    with store.write() as tx:
        first = min(commit(store, tx, group, clock) for group in groups)
        told = {}
        for model in WRITTEN:
            table = table_of(model)
            rows = tx.execute(sa.select(table).order_by(*table.primary_key)).mappings()
            # Numbers of blocks are never given twice: only the distance to the first tells.
            told[table.name] = [
                {**row, **({"block_id": row["block_id"] - first} if "block_id" in row else {})}
                for row in rows
            ]
        for model in reversed(WRITTEN):
            tx.execute(sa.delete(table_of(model)))
    return told


def test_the_columns_are_those_of_frames() -> None:
    assert Change._fields == tuple(name for name in CHANGES if name not in OF_ANSWERS)
    assert Birth._fields == tuple(BIRTHS)


@pytest.mark.parametrize("seed", range(6))
def test_both_write_the_same(store: Store, clock: FakeClock, seed: int) -> None:
    lot = Lot(seed)
    groups = [lot.group(size) for size in (1, 2, 37, 1, 150, 5)]
    assert written(store, clock, groups, by_rows) == written(store, clock, groups, by_frames)


@pytest.mark.parametrize("commit", [by_rows, by_frames])
def test_both_refuse_a_version_that_has_moved(
    store: Store, clock: FakeClock, commit: Commit
) -> None:
    lot = Lot(1)
    first, second = lot.group(20), lot.group(20)
    with store.write() as tx:
        commit(store, tx, first, clock)
    late = [one for one in second[0] if one.redemption_id in {b.redemption_id for b in first[1]}]
    moved = [one._replace(version=one.version + 1) for one in late]
    with pytest.raises(VersionConflict), store.write() as tx:
        commit(store, tx, (moved, []), clock)
    with store.read() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(table_of(Event))) == 20


@pytest.mark.parametrize("commit", [by_rows, by_frames])
def test_a_redemption_is_born_once(store: Store, clock: FakeClock, commit: Commit) -> None:
    group = Lot(2).group(1)
    with store.write() as tx:
        commit(store, tx, group, clock)
    with pytest.raises(VersionConflict), store.write() as tx:
        commit(store, tx, group, clock)
