"""The door for a few changes: what single commands come to, written row by row without a frame.

What is written is what `commit.commit` writes of the same changes. A frame of a few rows costs
milliseconds, a row microseconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Final, NamedTuple

import sqlalchemy as sa

from handback.errors import VersionConflict
from handback.journal.commit import BLOCK, BLOCK_TOTAL, EVENT, REDEMPTION, Cause
from handback.journal.totals import ALIKE, Total, totals_of
from handback.store.rows import Row, Rows, columns_of, insert_block, move_rows


class Change(NamedTuple):
    """One event and what it leaves behind, in the words of `changes.CHANGES`.

    Commands answer no record, so there is no code, no file and no ordinal.
    """

    redemption_id: int
    version: int
    trigger: int
    from_state: int
    to_state: int
    attempt: int
    reason_class: int
    quantity: int
    new_attempt: int
    new_held: int
    new_fulfilled: int
    programme_id: int
    partner_id: int
    unit_id: int
    debit: int
    credit: int


class Birth(NamedTuple):
    """What is known of a redemption from its submit on; the columns of `changes.BIRTHS`."""

    redemption_id: int
    programme_id: int
    partner_id: int
    unit_id: int
    quantity: int
    member_ref: str


def commit_rows(
    tx: sa.Connection,
    cause: Cause,
    changes: Sequence[Change],
    births: Sequence[Birth],
    at: datetime,
    beside: Sequence[Rows] = (),
) -> int:
    """Write decided changes as one block, and the rows of the same instant beside it; its id.

    There is at least one change, and a birth for every redemption whose first event is among them.

    Raises VersionConflict, and nothing may then be committed, where a redemption is no longer at
    the version its first change follows.
    """
    ordered = sorted(changes)
    was = {change.redemption_id: change.version - 1 for change in reversed(ordered)}
    last = {change.redemption_id: change for change in ordered}
    moves = [(key, was[key], *_after(change)) for key, change in last.items() if was[key]]
    if moves and (moved := move_rows(tx, moves)) != len(moves):
        raise VersionConflict(moved=moved, expected=len(moves))
    born = [_redemption(birth, last[birth.redemption_id], at) for birth in births]
    assert len(moves) + len(born) == len(last), "every birth has its submit, and no other"
    block = (int(cause.kind), cause.id, cause.actor, at, cause.trace_context, len(ordered))
    events = [change[:_OF_EVENT] for change in ordered]
    its = (Rows(_EVENT, events), Rows(_TOTAL, _totals(ordered)))
    return insert_block(tx, Rows(_BLOCK, [block]), its, (Rows(_REDEMPTION, born), *beside))


def rename_member(tx: sa.Connection, redemption_id: int, member_ref: str) -> None:
    """Give a redemption another member, in the transaction that has just moved it."""
    renamed = sa.update(REDEMPTION).where(REDEMPTION.c.redemption_id == redemption_id)
    tx.execute(renamed.values(member_ref=member_ref))


def _after(change: Change) -> Row:
    """The redemption after an event, in the order of `MOVED`."""
    return (
        change.version,
        change.to_state,
        change.new_attempt,
        change.new_held,
        change.new_fulfilled,
    )


_REDEMPTION: Final = columns_of(
    REDEMPTION,
    "redemption_id",
    "programme_id",
    "partner_id",
    "unit_id",
    "quantity",
    "submitted_at",
    "state",
    "attempt",
    "version",
    "held",
    "fulfilled",
    "member_ref",
)


def _redemption(birth: Birth, last: Change, at: datetime) -> Row:
    return (
        birth.redemption_id,
        birth.programme_id,
        birth.partner_id,
        birth.unit_id,
        birth.quantity,
        at,
        last.to_state,
        last.new_attempt,
        last.version,
        last.new_held,
        last.new_fulfilled,
        birth.member_ref,
    )


_BLOCK: Final = columns_of(
    BLOCK, "cause_kind", "cause_id", "actor", "committed_at", "trace_context", "event_count"
)
# What a change says of its event comes first.
_OF_EVENT: Final = Change._fields.index("new_attempt")
_EVENT: Final = columns_of(EVENT, *Change._fields[:_OF_EVENT])
_TOTAL: Final = columns_of(BLOCK_TOTAL, *Total._fields)


_alike: Final = attrgetter(*ALIKE)


def _totals(changes: Sequence[Change]) -> list[Row]:
    """What the block moves on each account that it touches."""
    posted: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for change in changes:
        if change.debit:
            posted[_alike(change)].append(change.quantity)
    return [*totals_of((*alike, sum(some), len(some)) for alike, some in posted.items())]
