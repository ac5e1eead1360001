"""What follows a rejection by the policies: another attempt, the end, or a person's review.

No policy sends out again or gives back what an earlier attempt may have credited: that waits for a
person.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import polars as pl

from handback.journal.changes import NO_CHANGES, changes_of
from handback.lifecycle import relation
from handback.lifecycle.table import State, Trigger
from handback.partners import policy
from handback.partners.policy import Action, Policies
from handback.store.shape import shape

# A redemption that goes back into the due queue; its policy allows that where its first attempt was
# not delivered before `sent_since`.
DUE_AGAIN = pl.Schema(
    {
        "redemption_id": pl.Int64(),
        "partner_id": pl.Int64(),
        "unit_id": pl.Int64(),
        "due_at": pl.Datetime("us", "UTC"),
        "same_reference": pl.Int16(),
        "sent_since": pl.Datetime("us", "UTC"),
    }
)

NOT_DUE_AGAIN: Final = DUE_AGAIN.to_frame()
_AS_DUE_AGAIN: Final = shape(DUE_AGAIN)

_TRIGGERS: Final = {int(Action.RETRY): int(Trigger.RETRY), int(Action.FAIL): int(Trigger.FAIL)}
_REVIEW: Final = pl.lit(int(Action.REVIEW), pl.Int16)
_STEPPED: Final = ("action", "due_at", "same_reference", "sent_since")
_NO_STEP: Final = [pl.lit(None).alias(name) for name in _STEPPED]


def moved_on(taken: pl.DataFrame) -> pl.DataFrame:
    """Redemptions as a step that the relation allowed has left them, ready for the next one."""
    return (
        taken.drop("state", "held", "fulfilled", "attempt", "legal", "debit", "credit")
        .with_columns(
            pl.col("to_state").alias("state"),
            pl.col("new_held").alias("held"),
            pl.col("new_fulfilled").alias("fulfilled"),
            pl.col("new_attempt").alias("attempt"),
            version=pl.col("version") + 1,
        )
        .drop("to_state", "new_held", "new_fulfilled", "new_attempt")
    )


def follow(
    policies: Policies, taken: pl.DataFrame, now: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the policies make of the rejections among steps that the relation allowed.

    `taken` has `in_doubt` beside them: 1 where a redemption may stand credited all the same.
    Answers with the changes that follow (columns of CHANGES), and with the steps themselves beside
    `action` (null where nothing was rejected), `due_at`, `same_reference` and `sent_since`.
    """
    rejecting = taken["to_state"] == int(State.REJECTED)
    if not rejecting.any():
        return NO_CHANGES, taken.with_columns(_NO_STEP)
    stepped = policy.steps(policies, moved_on(taken.filter(rejecting)), now).with_columns(
        action=pl.when(pl.col("in_doubt") == 1).then(_REVIEW).otherwise("action")
    )
    going_on = stepped.filter(pl.col("action").is_in(list(_TRIGGERS)))
    second = relation.decide(
        going_on.with_columns(
            trigger=pl.col("action").replace_strict(_TRIGGERS, return_dtype=pl.Int16),
            moved="held",
            waiting=pl.lit(0, pl.Int16),
        )
    )
    assert second["legal"].all(), "a policy follows the lifecycle"
    followed = taken.join(
        stepped.select("redemption_id", *_STEPPED), on="redemption_id", how="left"
    )
    return changes_of(second), followed


def due_again(followed: pl.DataFrame) -> pl.DataFrame:
    """The rows of DUE_AGAIN for those that are to be tried again."""
    retried = followed.filter(pl.col("action") == int(Action.RETRY))
    return retried.select(_AS_DUE_AGAIN)
