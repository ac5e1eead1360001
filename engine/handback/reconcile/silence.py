"""What a partner's silence comes to where its agreement reads an answer into it.

Pure: columns in, columns out. Silence confirms, or it rejects; what follows such a rejection is for
the policy of the class that the agreement gives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

import polars as pl

from handback.journal.changes import changes_of
from handback.lifecycle import relation
from handback.lifecycle.table import Trigger
from handback.partners.agreement import Agreement
from handback.partners.policy import Action
from handback.partners.vocabulary import AnswerStyle
from handback.reconcile.following import DUE_AGAIN, due_again, follow
from handback.store.bulk import INSTANT

READ_AS: Final[Mapping[AnswerStyle, Trigger]] = MappingProxyType(
    {AnswerStyle.EXCEPTIONS_ONLY: Trigger.CONFIRM, AnswerStyle.SUCCESSES_ONLY: Trigger.EXPIRE}
)
"""The trigger that silence pulls; a partner of any other style owes an answer to everything."""

# A redemption that awaits an answer to its live attempt, of which nothing was heard. `in_doubt` is
# 1 where an earlier attempt may have credited it.
SILENT = pl.Schema(
    {
        "redemption_id": pl.Int64(),
        "state": pl.Int16(),
        "attempt": pl.Int16(),
        "version": pl.Int32(),
        "quantity": pl.Int64(),
        "held": pl.Int64(),
        "fulfilled": pl.Int64(),
        "programme_id": pl.Int64(),
        "partner_id": pl.Int64(),
        "unit_id": pl.Int64(),
        "in_doubt": pl.Int16(),
        "first_sent_at": INSTANT,
    }
)


@dataclass(frozen=True, slots=True)
class Silence:
    """What silence comes to: CHANGES, the rows for the due queue, and who waits for a person.

    The latter have the columns `redemption_id`, `attempt`, `quantity` and `reason_class`.
    """

    changes: pl.DataFrame
    due_again: pl.DataFrame = field(default_factory=DUE_AGAIN.to_frame)
    waiting: pl.DataFrame = field(default_factory=pl.DataFrame)


def read_silence(silent: pl.DataFrame, agreement: Agreement, now: datetime) -> Silence:
    """Read silence (columns of SILENT) as the agreement does, whose style is one of READ_AS."""
    trigger = READ_AS[agreement.answers.style]
    asked = silent.with_columns(
        trigger=pl.lit(int(trigger), pl.Int16),
        answered_attempt="attempt",
        moved="held",
        same_unit=pl.lit(1, pl.Int16),
        waiting=pl.lit(0, pl.Int16),
        reason_class=pl.lit(int(agreement.answers.silence_class), pl.Int16),
        reason_code=pl.lit(None, pl.String),
        file_id=pl.lit(None, pl.Int64),
        ordinal=pl.lit(None, pl.Int64),
    )
    read = relation.decide(asked)
    assert read["legal"].all(), "what awaits an answer may be read as answered"
    if trigger is Trigger.CONFIRM:
        return Silence(changes_of(read))
    return _followed_up(read, agreement, now)


def _followed_up(rejected: pl.DataFrame, agreement: Agreement, now: datetime) -> Silence:
    """The rejections, and what the policy of their class makes of them."""
    second, followed = follow(agreement.policies, rejected, now)
    waiting = followed.filter(pl.col("action") == int(Action.REVIEW))
    return Silence(
        pl.concat([changes_of(rejected), second]),
        due_again(followed),
        waiting.select("redemption_id", "attempt", "quantity", "reason_class"),
    )
