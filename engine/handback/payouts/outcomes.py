"""What became of attempts: the one reading of it that all reports share."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from handback.lifecycle.table import State, Trigger
from handback.store.bulk import table_of
from handback.store.tables import Attempt, Event, PayoutBatch

ATTEMPT, BATCH, EVENT = table_of(Attempt), table_of(PayoutBatch), table_of(Event)

OUTCOMES: Final = ("confirmed", "rejected", "pending", "remainder")
"""Every attempt has one: `remainder` where it was recalled and so never reached its partner."""

_OUTCOME_OF: Final = {
    Trigger.CONFIRM: "confirmed",
    Trigger.REINSTATE: "confirmed",
    Trigger.WRITE_OFF: "confirmed",
    Trigger.REJECT: "rejected",
    Trigger.EXPIRE: "rejected",
    Trigger.RETURN: "rejected",
}
# What leaves an attempt without being confirmed, rejected or pending: the rest of it is.
_LEFT_OUT: Final = (Trigger.RELEASE, Trigger.ADJUST, Trigger.WRITE_OFF, Trigger.RETURN_PART)

# Of what had been given back all of it is written off, because it was credited: that is an answer.
# Otherwise a part is, beside which the rest is confirmed.
_OF_PART: Final = (EVENT.c.trigger == int(Trigger.WRITE_OFF)) & (
    EVENT.c.from_state != int(State.FAILED)
)
_OF_ALL: Final = (EVENT.c.trigger == int(Trigger.WRITE_OFF)) & (
    EVENT.c.from_state == int(State.FAILED)
)

_OF_ATTEMPT: Final = (EVENT.c.redemption_id == ATTEMPT.c.redemption_id) & (
    EVENT.c.attempt == ATTEMPT.c.attempt
)
_RECALLED: Final = BATCH.c.recalled_at.is_not(None)


def outcome_column() -> sa.ColumnElement[str]:
    """The outcome of an attempt (joined with its batch): that of the last answer to it."""
    last = (
        sa.select(EVENT.c.trigger)
        .where(_OF_ATTEMPT, EVENT.c.trigger.in_(list(_OUTCOME_OF)), ~_OF_PART)
        .order_by(EVENT.c.version.desc())
        .limit(1)
        .correlate(ATTEMPT)
        .scalar_subquery()
    )
    named = {int(trigger): outcome for trigger, outcome in _OUTCOME_OF.items()}
    answered = sa.case(named, value=last, else_="pending")
    return _text(sa.case((_RECALLED, "remainder"), else_=answered)).label("outcome")


def left_out_column() -> sa.ColumnElement[int]:
    """How much of an attempt went elsewhere: given back, adjusted, written off, returned in part.

    All of it where the attempt was recalled.
    """
    moved = (
        sa.select(sa.func.coalesce(sa.func.sum(EVENT.c.quantity), 0))
        .where(_OF_ATTEMPT, EVENT.c.trigger.in_(_LEFT_OUT), ~_OF_ALL)
        .correlate(ATTEMPT)
        .scalar_subquery()
    )
    left_out = sa.case((_RECALLED, ATTEMPT.c.quantity), else_=moved)
    return sa.type_coerce(left_out, sa.BigInteger).label("left_out")


def _text(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    return sa.type_coerce(column, sa.Text)
