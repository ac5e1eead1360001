"""Committing one step of a whole set of redemptions, without reading them.

Where all take the same step for the same attempt, the table's row says beforehand what becomes of
each. The database then moves those that stand as presumed, by one statement, and writes their
events from what they have become; if there are as many as the caller counted, the presumption held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from handback.errors import VersionConflict
from handback.journal.commit import MAX_EVENTS, Cause, insert_block
from handback.lifecycle.table import State, Transition, Trigger, View, apply, rows_of
from handback.store.among import among_chosen
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Due, Event, Redemption

DUE, EVENT, REDEMPTION = table_of(Due), table_of(Event), table_of(Redemption)


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to a set of redemptions, all presumed to be in one state and in no due queue.

    It concerns `attempt`, and moves nothing between accounts. `chosen` selects their redemption_id,
    each once, and the quantity concerned; there are `count` of them. `version` is where all of them
    stand, None where they differ.
    """

    trigger: Trigger
    state: State
    version: int | None
    attempt: int
    chosen: sa.Select[Any]
    count: int

    @property
    def transition(self) -> Transition:
        """The row of the table for it."""
        (row,) = rows_of(self.state, self.trigger)
        assert row.posting is None, "what posts has totals, and goes through `commit`"
        return row


def commit_steps(
    store: Store, tx: sa.Connection, cause: Cause, steps: Sequence[Step], at: datetime
) -> int:
    """Let the redemptions of all steps take them, as one block; returns its id.

    Raises VersionConflict, and nothing may then be committed, where one of them is not in the state
    presumed or a guard of the table refuses it.
    """
    expected = sum(step.count for step in steps)
    assert 0 < expected <= MAX_EVENTS, expected
    moved = sum(tx.execute(_move(tx, step)).rowcount for step in steps)
    if moved != expected:
        raise VersionConflict(moved=moved, expected=expected)
    block_id = insert_block(store, tx, cause, expected, at)
    written = sum(tx.execute(_note(step, block_id)).rowcount for step in steps)
    assert written == expected, "every redemption that moves has its event"
    return block_id


def _move(tx: sa.Connection, step: Step) -> sa.Update:
    """The update of those that stand as presumed."""
    row = step.transition
    view: View[Any] = View(
        attempt=REDEMPTION.c.attempt,
        answered_attempt=sa.literal(step.attempt, sa.SmallInteger),
        quantity=REDEMPTION.c.quantity,
        held=REDEMPTION.c.held,
        fulfilled=REDEMPTION.c.fulfilled,
        moved=REDEMPTION.c.held,
        same_unit=sa.literal(1),
        waiting=sa.literal(0),
    )
    queued = sa.exists().where(DUE.c.redemption_id == REDEMPTION.c.redemption_id)
    conditions = [
        REDEMPTION.c.state == int(row.source),
        ~queued,
        *(holds(view) for holds in row.guard),
    ]
    if step.version is not None:
        conditions.append(REDEMPTION.c.version == step.version)
    after = dict(zip(row.effect._fields, apply(row.effect, view), strict=True))
    ids = step.chosen.with_only_columns(step.chosen.selected_columns.redemption_id)
    return (
        sa.update(REDEMPTION)
        .where(among_chosen(tx, REDEMPTION.c.redemption_id, ids), *conditions)
        .values(
            state=int(row.target),
            version=REDEMPTION.c.version + 1,
            **{name: after[name] for name, factor in row.effect._asdict().items() if factor},
        )
    )


def _note(step: Step, block_id: int) -> sa.Insert:
    """Their events, once they have moved."""
    row, chosen = step.transition, step.chosen.subquery("chosen")
    values = {
        "redemption_id": chosen.c.redemption_id,
        "version": REDEMPTION.c.version if step.version is None else _literal(step.version + 1),
        "block_id": sa.literal(block_id, sa.BigInteger),
        "trigger": _literal(row.trigger),
        "from_state": _literal(row.source),
        "to_state": _literal(row.target),
        "attempt": _literal(step.attempt),
        "reason_class": _literal(0),
        "quantity": chosen.c.quantity,
    }
    written = sa.select(*values.values()).select_from(chosen)
    if step.version is None:
        written = written.join(REDEMPTION, REDEMPTION.c.redemption_id == chosen.c.redemption_id)
    return (
        sa.insert(EVENT)
        .from_select(list(values), written)
        .execution_options(preserve_rowcount=True)  # SQLAlchemy keeps it of updates only
    )


def _literal(number: int) -> sa.ColumnElement[int]:
    return sa.literal_column(str(int(number)))
