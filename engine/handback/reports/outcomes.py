"""What became of attempts: the one reading of it that batches and their attempts share."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from handback.lifecycle.table import Trigger
from handback.reports.events import ATTEMPT, BATCH, of_attempt
from handback.reports.stretches import EVENT

OUTCOMES: Final = ("confirmed", "rejected", "pending", "remainder")
"""Every attempt has one: `remainder` where it was recalled and so never reached its partner."""

_OUTCOME_OF: Final = {
    Trigger.CONFIRM: "confirmed",
    Trigger.REINSTATE: "confirmed",
    Trigger.REJECT: "rejected",
    Trigger.EXPIRE: "rejected",
    Trigger.RETURN: "rejected",
}
# What leaves an attempt without being confirmed, rejected or pending: the rest of it is.
_LEFT_OUT: Final = (Trigger.RELEASE, Trigger.ADJUST, Trigger.WRITE_OFF, Trigger.RETURN_PART)

_RECALLED: Final = BATCH.c.recalled_at.is_not(None)


def outcome_column() -> sa.ColumnElement[str]:
    """The outcome of an attempt (joined with its batch): that of the last answer to it."""
    last = (
        sa.select(EVENT.c.trigger)
        .where(of_attempt, EVENT.c.trigger.in_(list(_OUTCOME_OF)))
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
        .where(of_attempt, EVENT.c.trigger.in_(_LEFT_OUT))
        .correlate(ATTEMPT)
        .scalar_subquery()
    )
    left_out = sa.case((_RECALLED, ATTEMPT.c.quantity), else_=moved)
    return sa.type_coerce(left_out, sa.BigInteger).label("left_out")


def _text(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    return sa.type_coerce(column, sa.Text)
