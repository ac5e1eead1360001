"""Judging records that the lifecycle cannot simply take: mismatches, repeats, contradictions.

Pure column work beside `decide`. Everything a record may contradict is given as columns.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import polars as pl

from handback.breaks.kinds import BreakKind
from handback.lifecycle.table import State, Trigger
from handback.partners.codes import ReasonClass

# In the column `doubt`, where other numbers are kinds of break: nothing new is said.
REPEATED: Final = 1_000


class Fate(IntEnum):
    """What a record became; an undecodable one is a reject and never comes here."""

    EVENT = 1
    REPEAT = 2
    BREAK = 3


def as_rejections(records: pl.DataFrame) -> pl.DataFrame:
    """The records with a return of what nobody has confirmed as the rejection that it amounts to.

    Where silence confirms, or where reports overtake each other, the money may be back before
    anything was said of it.
    """
    returned = pl.col("trigger") == int(Trigger.RETURN)
    open_still = pl.col("state") == int(State.AWAITING_HANDBACK)
    live = pl.col("answered_attempt") == pl.col("attempt")
    rejecting = pl.when(returned & open_still & live).then(int(Trigger.REJECT))
    return records.with_columns(trigger=rejecting.otherwise("trigger").cast(pl.Int16))


def with_doubts(records: pl.DataFrame) -> pl.DataFrame:
    """`moved`, the view's other columns, and `doubt`: the break that a mismatch alone makes.

    A quantity, unit or member other than ours is doubted whatever the record says besides: which
    of several records about one attempt comes first must not matter.
    """
    returned = pl.col("trigger").is_in([int(Trigger.RETURN), int(Trigger.RETURN_PART)])
    ours = pl.when(returned).then("fulfilled").otherwise("held")
    other_quantity = pl.col("named_quantity") != pl.col("attempt_quantity")
    other_unit = pl.col("named_unit") != pl.col("unit")
    credited_elsewhere = pl.col("reason_class") == int(ReasonClass.OK_CHANGED)
    other_member = (pl.col("named_member") != pl.col("member_ref")) & ~credited_elsewhere
    return records.with_columns(
        moved=pl.coalesce("named_quantity", ours),
        same_unit=(~other_unit.fill_null(False)).cast(pl.Int16),
        doubt=pl.when(other_unit.fill_null(False))
        .then(int(BreakKind.UNIT_MISMATCH))
        .when(other_quantity.fill_null(False))
        .then(int(BreakKind.QUANTITY_MISMATCH))
        .when(other_member.fill_null(False))
        .then(int(BreakKind.MEMBER_MISMATCH))
        .otherwise(0)
        .cast(pl.Int16),
    )


def after_silence(records: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """The records, their `trigger` a return where one rejects what silence had confirmed.

    A confirmation by silence is one that no file brought, nor a person: that has a class.
    """
    unsaid = pl.col("file_id").is_null() & (pl.col("reason_class") == int(ReasonClass.NONE))
    confirmed = (pl.col("trigger") == int(Trigger.CONFIRM)) & unsaid
    on = ["redemption_id", "answered_attempt"]
    presumed = answers.filter(confirmed).select(*on, by_silence=pl.lit(True)).unique()
    if presumed.is_empty():
        return records
    refuted = (pl.col("trigger") == int(Trigger.REJECT)) & pl.col("by_silence").fill_null(False)
    return (
        records.join(presumed, on=on, how="left", maintain_order="left")
        .with_columns(
            trigger=pl.when(refuted).then(int(Trigger.RETURN)).otherwise("trigger").cast(pl.Int16)
        )
        .drop("by_silence")
    )


def with_knowledge(records: pl.DataFrame, answers: pl.DataFrame, file_id: int) -> pl.DataFrame:
    """What the journal already holds about the answered attempt, as flags.

    `known_same` is the same answer; `known_confirm`, `known_reject` and `known_return` are any of
    their kind.
    A confirmation and a rejection of one attempt in the same file contradict each other even
    where the lifecycle could still take the later one.
    """
    per_attempt = answers.group_by("redemption_id", "answered_attempt").agg(
        known_confirm=(pl.col("trigger") == int(Trigger.CONFIRM)).any(),
        # Silence that was read as a rejection is none that the partner could contradict.
        known_reject=(
            (pl.col("trigger") == int(Trigger.REJECT)) & pl.col("file_id").is_not_null()
        ).any(),
        known_return=(pl.col("trigger") == int(Trigger.RETURN)).any(),
        rejected_here=((pl.col("trigger") == int(Trigger.REJECT)) & (pl.col("file_id") == file_id))
        .fill_null(False)
        .any(),
    )
    exact = answers.select(
        "redemption_id",
        "answered_attempt",
        "trigger",
        "moved",
        # A code tells interim answers apart; a final one stays the same whatever its code.
        code=pl.when(pl.col("trigger") == int(Trigger.ACKNOWLEDGE)).then("code"),
    ).unique()
    on = ["redemption_id", "answered_attempt"]
    seen = records.with_columns(
        code_compared=pl.when(pl.col("trigger") == int(Trigger.ACKNOWLEDGE)).then("code"),
        # Once confirmed, nothing is held any more: what was moved is what the attempt asked for.
        moved_compared=pl.coalesce("named_quantity", "attempt_quantity"),
    ).join(per_attempt, on=on, how="left")
    seen = seen.join(
        exact.with_columns(known_same=pl.lit(True)),
        left_on=[*on, "trigger", "moved_compared", "code_compared"],
        right_on=[*on, "trigger", "moved", "code"],
        how="left",
        nulls_equal=True,
    ).with_columns(
        pl.col(
            "known_same", "known_confirm", "known_reject", "known_return", "rejected_here"
        ).fill_null(False)
    )
    contradicts = (pl.col("trigger") == int(Trigger.CONFIRM)) & pl.col("rejected_here")
    repeated = pl.col("known_same") & (pl.col("doubt") == 0)
    return seen.with_columns(
        doubt=pl.when(contradicts & (pl.col("doubt") == 0) & ~pl.col("known_same"))
        .then(int(BreakKind.CONTRADICTION))
        .when(repeated)
        .then(REPEATED)
        .otherwise("doubt")
        .cast(pl.Int16)
    )


def judged(records: pl.DataFrame) -> pl.DataFrame:
    """`fate` and `kind` of records that the lifecycle refused."""
    confirm = pl.col("trigger") == int(Trigger.CONFIRM)
    reject = pl.col("trigger") == int(Trigger.REJECT)
    acknowledge = pl.col("trigger") == int(Trigger.ACKNOWLEDGE)
    returned = pl.col("trigger") == int(Trigger.RETURN)
    duplicate = pl.col("reason_class") == int(ReasonClass.DUPLICATE)
    failed = pl.col("state") == int(State.FAILED)
    older = pl.col("answered_attempt") < pl.col("attempt")
    # A newer attempt is on its way: its file is sealed, though not yet delivered.
    in_batch = (pl.col("state") == int(State.RETRYING)) & (pl.col("waiting") == 0)
    ahead = pl.col("answered_attempt") > pl.col("attempt")
    kinds = (
        pl.when((pl.col("doubt") > 0) & (pl.col("doubt") != REPEATED))
        .then("doubt")
        .when(pl.col("doubt") == REPEATED)
        .then(0)
        .when(ahead)
        .then(int(BreakKind.EARLY_ANSWER))
        # An interim answer after anything later is kept in the landing, and changes nothing.
        .when(acknowledge)
        .then(0)
        .when(duplicate)
        .then(pl.when("known_confirm").then(0).otherwise(int(BreakKind.DUPLICATE_REJECTION)))
        .when(confirm & failed)
        .then(int(BreakKind.CONFIRMED_AFTER_FAILURE))
        .when(confirm & (older | in_batch))
        .then(int(BreakKind.POSSIBLE_DOUBLE_CREDIT))
        # The money that comes back for what was rejected, or the other way round.
        .when((returned & pl.col("known_reject")) | (reject & pl.col("known_return")))
        .then(0)
        .when((confirm & pl.col("known_reject")) | (reject & pl.col("known_confirm")))
        .then(int(BreakKind.CONTRADICTION))
        # An older attempt was given up already: its rejection is no news.
        .when(reject & older)
        .then(0)
        .otherwise(int(BreakKind.LATE_ANSWER))
    )
    return records.with_columns(kind=kinds.cast(pl.Int16)).with_columns(
        fate=pl.when(pl.col("kind") > 0)
        .then(int(Fate.BREAK))
        .otherwise(int(Fate.REPEAT))
        .cast(pl.Int16)
    )
