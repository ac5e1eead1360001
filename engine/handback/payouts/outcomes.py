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
# Beside a part that is written off the rest is confirmed; what had been given back is written off
# because it was credited, and that is an answer.
_ANSWERS: Final = EVENT.c.trigger.in_(list(_OUTCOME_OF)) & (
    (EVENT.c.trigger != int(Trigger.WRITE_OFF)) | (EVENT.c.from_state == int(State.FAILED))
)
# What these are about is all of an attempt that is credited then; the rest has gone elsewhere.
_CREDITS: Final = (Trigger.CONFIRM, Trigger.REINSTATE, Trigger.WRITE_OFF)

OF_ATTEMPT: Final = (EVENT.c.redemption_id == ATTEMPT.c.redemption_id) & (
    EVENT.c.attempt == ATTEMPT.c.attempt
)
_RECALLED: Final = BATCH.c.recalled_at.is_not(None)


def outcome_column() -> sa.ColumnElement[str]:
    """The outcome of an attempt (joined with its batch): that of the last answer to it.

    None stays `pending` for ever: the lifecycle lets nothing leave `awaiting_handback` but by an
    answer to its live attempt, be it a person's or what silence is read as.
    """
    last = (
        sa.select(EVENT.c.trigger)
        .where(OF_ATTEMPT, _ANSWERS)
        .order_by(EVENT.c.version.desc())
        .limit(1)
        .correlate(ATTEMPT)
        .scalar_subquery()
    )
    named = {int(trigger): outcome for trigger, outcome in _OUTCOME_OF.items()}
    answered = sa.case(named, value=last, else_="pending")
    return _text(sa.case((_RECALLED, "remainder"), else_=answered)).label("outcome")


def left_out_column() -> sa.ColumnElement[int]:
    """How much of an attempt is neither credited nor open: given back, adjusted, written off.

    That is what the last credit, or its return, is not about, and what came back of it in part. All
    of it where the attempt was recalled; less than nothing where more was credited than it asked.
    """
    later = EVENT.alias("later")
    credited_anew = sa.exists().where(
        later.c.redemption_id == EVENT.c.redemption_id,
        later.c.attempt == EVENT.c.attempt,
        later.c.version > EVENT.c.version,
        later.c.trigger.in_(_CREDITS),
    )
    returned = EVENT.c.trigger == int(Trigger.RETURN)
    in_part = EVENT.c.trigger == int(Trigger.RETURN_PART)
    stands = sa.case(
        (in_part | (returned & credited_anew), -EVENT.c.quantity),
        (returned, 0),  # what came back is all that the answer is about
        else_=EVENT.c.quantity,
    )
    credits_and_returns = EVENT.c.trigger.in_((*_CREDITS, Trigger.RETURN)) & _ANSWERS
    found = (
        sa.select(sa.func.sum(stands))
        .where(OF_ATTEMPT, credits_and_returns | in_part)
        .correlate(ATTEMPT)
        .scalar_subquery()
    )
    moved = ATTEMPT.c.quantity - sa.func.coalesce(found, ATTEMPT.c.quantity)
    left_out = sa.case((_RECALLED, ATTEMPT.c.quantity), else_=moved)
    return sa.type_coerce(left_out, sa.BigInteger).label("left_out")


def _text(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    return sa.type_coerce(column, sa.Text)
