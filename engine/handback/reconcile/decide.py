"""Deciding a chunk: every record becomes an event, a repeat or a break.

Pure: columns in, columns out. The lifecycle's relation says which answers are legal; what it
refuses is judged by what is already known. Records of one redemption are decided in the order in
which the file has them, a round for each, so the result does not depend on where chunks begin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from handback.breaks.kinds import BreakKind
from handback.journal.changes import CHANGES, changes_of
from handback.lifecycle import relation
from handback.lifecycle.table import State, Trigger
from handback.partners import policy
from handback.partners.codes import trigger_of
from handback.partners.policy import Action, Policies
from handback.reconcile.judge import (
    Fate,
    after_silence,
    as_rejections,
    judged,
    with_doubts,
    with_knowledge,
)
from handback.reconcile.match import Match
from handback.reconcile.standing import ANSWERS

# A record as decided: its fate, and the kind of break it opens, 0 for none. An event may open one
# too, where its redemption then waits for a person. `moved` is null where neither record nor
# attempt names a quantity, and `redemption_id` 0 where the record was not matched.
FATES = pl.Schema(
    {
        "ordinal": pl.Int64(),
        "redemption_id": pl.Int64(),
        "fate": pl.Int16(),
        "kind": pl.Int16(),
        "moved": pl.Int64(),
    }
)

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


@dataclass(frozen=True, slots=True)
class Given:
    """What decisions depend on besides the columns."""

    policies: Policies
    file_id: int
    now: datetime


_NO_LONGER_DUE = pl.Schema({"redemption_id": pl.Int64()})


@dataclass(frozen=True, slots=True)
class Decided:
    """What records come to: CHANGES, FATES, and the due rows to write and to delete."""

    changes: pl.DataFrame = field(default_factory=CHANGES.to_frame)
    fates: pl.DataFrame = field(default_factory=FATES.to_frame)
    due_again: pl.DataFrame = field(default_factory=DUE_AGAIN.to_frame)
    no_longer_due: pl.DataFrame = field(default_factory=_NO_LONGER_DUE.to_frame)

    def __add__(self, other: Decided) -> Decided:
        return Decided(
            pl.concat([self.changes, other.changes]),
            pl.concat([self.fates, other.fates]),
            pl.concat([self.due_again, other.due_again]),
            pl.concat([self.no_longer_due, other.no_longer_due]),
        )


# Each round takes one record of every redemption. Records past this many of one redemption in one
# chunk, all different, say nothing that could still be applied.
_MAX_ROUNDS = 32


def decide(
    records: pl.DataFrame, standings: pl.DataFrame, answers: pl.DataFrame, given: Given
) -> Decided:
    """Decide the matched records of a chunk.

    `records` has the columns of DETAIL and MATCHED with `reason_class` and `mapped`; `standings`
    a row for every redemption among them; `answers` what the journal holds for those where it
    matters, see `needs_answers`.
    """
    if records.is_empty():
        return Decided()
    left, equal = _apart(_asked(records, given.file_id))
    decided = Decided(fates=_fates(equal, Fate.REPEAT))
    for _ in range(_MAX_ROUNDS):
        if left.is_empty():
            break
        first = left["redemption_id"].is_first_distinct()
        now, left = left.filter(first), left.filter(~first)
        outcome = _round(now.join(standings, on="redemption_id", how="inner"), answers, given)
        decided += outcome.decided
        if len(left):
            standings = _moved_on(standings, outcome.decided)
            answers = pl.concat([answers, outcome.answers])
    return decided + Decided(fates=_fates(left, Fate.BREAK, BreakKind.CONTRADICTION))


def needs_answers(records: pl.DataFrame, standings: pl.DataFrame) -> pl.Series:
    """The redemptions for which a decision may ask what the journal already holds."""
    seen = records.join(
        standings.select("redemption_id", "state", "attempt"), on="redemption_id", how="inner"
    )
    trigger = trigger_of(pl.col("reason_class"))
    plain = (
        (pl.col("state") == int(State.AWAITING_HANDBACK))
        & (pl.col("answered_attempt") == pl.col("attempt"))
        & trigger.is_in([int(Trigger.CONFIRM), int(Trigger.REJECT)])
        & (pl.len().over("redemption_id") == 1)
    )
    return seen.filter(~plain)["redemption_id"].unique()


@dataclass(frozen=True, slots=True)
class _Round:
    decided: Decided
    answers: pl.DataFrame


def _asked(records: pl.DataFrame, file_id: int) -> pl.DataFrame:
    """The matched records in the file's order, with what each would do."""
    matched = records.filter(pl.col("match") == int(Match.ONE))
    return matched.select(
        "ordinal",
        "redemption_id",
        "answered_attempt",
        "attempt_quantity",
        "code",
        "mapped",
        pl.col("reason_class").cast(pl.Int16),
        trigger_of(pl.col("reason_class")).alias("trigger"),
        pl.col("quantity").alias("named_quantity"),
        pl.col("unit").alias("named_unit"),
        pl.col("member_ref").alias("named_member"),
        pl.col("code").alias("reason_code"),
        pl.lit(file_id).alias("file_id"),
    ).sort("ordinal")


# Two records that agree in these say the same: the second is a repeat of the first.
_SAYS = (
    "redemption_id",
    "answered_attempt",
    "code",
    "reason_class",
    "named_quantity",
    "named_unit",
    "named_member",
)


def _apart(asked: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Those that say something, and those that say again what an earlier one says."""
    alone = asked["redemption_id"].is_unique()
    several = asked.filter(~alone)
    if several.is_empty():
        return asked, several
    new = several.unique(list(_SAYS), keep="first", maintain_order=True)
    equal = several.join(new.select("ordinal"), on="ordinal", how="anti")
    return pl.concat([asked.filter(alone), new]), equal


def _round(records: pl.DataFrame, answers: pl.DataFrame, given: Given) -> _Round:
    """Decide records of which no two are of the same redemption."""
    told = after_silence(records, answers)
    seen = with_knowledge(with_doubts(as_rejections(told)), answers, given.file_id)
    doubtful = pl.col("doubt") > 0
    verdict = relation.decide(
        seen.with_columns(trigger=pl.when(doubtful).then(0).otherwise("trigger").cast(pl.Int16))
    ).with_columns(trigger=seen["trigger"])
    legal = verdict.filter("legal")
    illegal = verdict.filter(~pl.col("legal"))
    refused = [_fates(judged(illegal))] if len(illegal) else []
    first = changes_of(legal)
    second, follow = _follow_up(legal, given)
    waited = (pl.col("waiting") == 1) & (pl.col("trigger") == int(Trigger.CONFIRM))
    decided = Decided(
        changes=pl.concat([first, second]),
        fates=pl.concat([_fates(follow, Fate.EVENT), *refused]),
        due_again=follow.filter(pl.col("action") == int(Action.RETRY)).select(
            pl.col(name).cast(kind) for name, kind in DUE_AGAIN.items()
        ),
        no_longer_due=legal.filter(waited).select("redemption_id"),
    )
    return _Round(decided, legal.select(pl.col(name).cast(kind) for name, kind in ANSWERS.items()))


# What a policy says of a rejection.
_STEPPED = ("action", "due_at", "same_reference", "sent_since")


def _follow_up(legal: pl.DataFrame, given: Given) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the policies make of rejections: the second events, and the records with `action`,
    `due_at` and the `kind` of the break in which a redemption waits for a person."""
    rejecting = legal["to_state"] == int(State.REJECTED)
    if not rejecting.any():
        nothing = [pl.lit(None).alias(name) for name in _STEPPED]
        return pl.DataFrame(schema=CHANGES), legal.with_columns(*nothing, kind=pl.lit(0, pl.Int16))
    stepped = policy.steps(
        given.policies, legal.filter(rejecting).drop("held", "fulfilled"), given.now
    ).rename({"new_held": "held", "new_fulfilled": "fulfilled"})
    triggers = {int(Action.RETRY): int(Trigger.RETRY), int(Action.FAIL): int(Trigger.FAIL)}
    followed = stepped.filter(pl.col("action") != int(Action.REVIEW)).with_columns(
        state=pl.col("to_state"),
        trigger=pl.col("action").replace_strict(triggers, return_dtype=pl.Int16),
        moved=pl.col("held"),
        version=pl.col("version") + 1,
        waiting=pl.lit(0, pl.Int16),
    )
    second = relation.decide(followed.drop("legal", "to_state", "new_attempt", "debit", "credit"))
    assert second["legal"].all(), "a policy follows the lifecycle"
    review = (
        pl.when(pl.col("trigger") == int(Trigger.RETURN))
        .then(int(BreakKind.RETURNED))
        .when("mapped")
        .then(int(BreakKind.REVIEW))
        .otherwise(int(BreakKind.UNMAPPED_CODE))
    )
    waits = pl.col("action") == int(Action.REVIEW)
    follow = legal.join(
        stepped.select("ordinal", *_STEPPED), on="ordinal", how="left"
    ).with_columns(kind=pl.when(waits).then(review).otherwise(0).cast(pl.Int16))
    return changes_of(second), follow


def _fates(
    records: pl.DataFrame, fate: Fate | None = None, kind: BreakKind | None = None
) -> pl.DataFrame:
    """Rows of `FATES`; fate and kind are the records' own where they are not given."""
    if fate is not None:
        records = records.with_columns(fate=pl.lit(int(fate)))
    if kind is not None or "kind" not in records.columns:
        records = records.with_columns(kind=pl.lit(int(kind or 0)))
    named = records.with_columns(moved=pl.coalesce("named_quantity", "attempt_quantity"))
    return named.select(pl.col(name).cast(dtype) for name, dtype in FATES.items())


def _moved_on(standings: pl.DataFrame, outcome: Decided) -> pl.DataFrame:
    """The standings after a round."""
    last = (
        outcome.changes.sort("version")
        .unique("redemption_id", keep="last")
        .select(
            "redemption_id",
            state="to_state",
            attempt="new_attempt",
            version="version",
            held="new_held",
            fulfilled="new_fulfilled",
        )
    )
    waiting = pl.concat(
        [
            outcome.due_again.select("redemption_id", waiting=pl.lit(1, pl.Int16)),
            outcome.no_longer_due.select("redemption_id", waiting=pl.lit(0, pl.Int16)),
        ]
    )
    return standings.update(last, on="redemption_id", how="left").update(
        waiting, on="redemption_id", how="left"
    )
