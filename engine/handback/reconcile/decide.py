"""Deciding a chunk: every record becomes an event, a repeat or a break.

Pure: columns in, columns out. The lifecycle's relation says which answers are legal; what it
refuses is judged by what is already known. Records of one redemption are decided in the order in
which the file has them, a round for each, so the result does not depend on where chunks begin.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from handback.breaks.doubts import MAY_BE_CREDITED
from handback.breaks.kinds import BreakKind
from handback.journal.changes import CHANGES, changes_of
from handback.lifecycle import relation
from handback.lifecycle.table import State, Trigger
from handback.partners.codes import trigger_of
from handback.partners.policy import Action
from handback.reconcile.facts import Fate
from handback.reconcile.following import DUE_AGAIN, due_again, follow, moved_on
from handback.reconcile.judge import Given, judged
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

# What a partner left uncredited of an attempt and is to be redeemed anew.
REMAINDERS = pl.Schema(
    {
        "redemption_id": pl.Int64(),
        "attempt": pl.Int16(),
        "quantity": pl.Int64(),
        "programme_id": pl.Int64(),
        "partner_id": pl.Int64(),
        "unit_id": pl.Int64(),
        "member_ref": pl.String(),
    }
)

_NO_LONGER_DUE = pl.Schema({"redemption_id": pl.Int64()})


@dataclass(frozen=True, slots=True)
class Decided:
    """What records come to: CHANGES, FATES, the due rows to write and to delete, REMAINDERS."""

    changes: pl.DataFrame = field(default_factory=CHANGES.to_frame)
    fates: pl.DataFrame = field(default_factory=FATES.to_frame)
    due_again: pl.DataFrame = field(default_factory=DUE_AGAIN.to_frame)
    no_longer_due: pl.DataFrame = field(default_factory=_NO_LONGER_DUE.to_frame)
    remainders: pl.DataFrame = field(default_factory=REMAINDERS.to_frame)

    def __add__(self, other: Decided) -> Decided:
        return Decided(
            pl.concat([self.changes, other.changes]),
            pl.concat([self.fates, other.fates]),
            pl.concat([self.due_again, other.due_again]),
            pl.concat([self.no_longer_due, other.no_longer_due]),
            pl.concat([self.remainders, other.remainders]),
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
            standings = _moved_on(standings, now, outcome.decided)
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
    """The matched records, with what each says."""
    matched = records.filter(pl.col("match") == int(Match.ONE))
    return matched.select(
        "ordinal",
        "redemption_id",
        "answered_attempt",
        "attempt_quantity",
        "code",
        "mapped",
        pl.col("reason_class").cast(pl.Int16),
        trigger_of(pl.col("reason_class")).alias("says"),
        pl.col("quantity").alias("named_quantity"),
        pl.col("fee").alias("named_fee"),
        pl.col("unit").alias("named_unit"),
        pl.col("member_ref").alias("named_member"),
        pl.col("code").alias("reason_code"),
        pl.lit(file_id, pl.Int64).alias("file_id"),
    )


# Two records that agree in these say the same: the second is a repeat of the first.
_SAYS = (
    "redemption_id",
    "answered_attempt",
    "code",
    "reason_class",
    "named_quantity",
    "named_fee",
    "named_unit",
    "named_member",
)


def _apart(asked: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Those that say something, and those that say again what an earlier one says.

    Where there are several of a redemption, they are in the file's order.
    """
    alone = asked["redemption_id"].is_unique()
    several = asked.filter(~alone).sort("ordinal")
    if several.is_empty():
        return asked, several
    new = several.unique(list(_SAYS), keep="first", maintain_order=True)
    equal = several.join(new.select("ordinal"), on="ordinal", how="anti")
    return pl.concat([asked.filter(alone), new]), equal


def _round(records: pl.DataFrame, answers: pl.DataFrame, given: Given) -> _Round:
    """Decide records of which no two are of the same redemption."""
    ruled = judged(records, answers, given)
    moving = ruled["trigger"] > 0
    if not moving.all():
        still = [_fates(ruled.filter(~moving))]
        ruled = ruled.filter(moving)
    else:
        still = []
    parts, whole = _parted(ruled)
    taken = _taken(whole)
    second, followed = follow(given.policies, taken, given.now)
    waits = pl.col("action") == int(Action.REVIEW)
    told = followed.with_columns(kind=pl.when(waits).then(_review()).otherwise("kind"))
    waited = (pl.col("waiting") == 1) & (pl.col("trigger") == int(Trigger.CONFIRM))
    decided = Decided(
        changes=pl.concat([parts, changes_of(taken), second]),
        fates=pl.concat([_fates(told), *still]),
        due_again=due_again(followed),
        no_longer_due=taken.filter(waited).select("redemption_id"),
        remainders=_remainders(parts, taken),
    )
    return _Round(decided, _told(taken, given))


# What a trigger moves, where that is not what the record names, or else all that is held.
_MOVED = (
    pl.when(pl.col("trigger") == int(Trigger.CONFIRM))
    .then("held")
    .when(pl.col("trigger") == int(Trigger.RETURN))
    .then("fulfilled")
    .otherwise(pl.coalesce("named_quantity", "held"))
)


def _parted(ruled: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What leaves the held quantity before the rest is confirmed (columns of CHANGES), and the
    records as they stand after that."""
    short = ruled["first"] > 0
    if not short.any():
        return CHANGES.to_frame(), ruled
    less = ruled.filter(short)
    parts = _taken(
        less.with_columns(trigger="first", then="trigger"),
        pl.col("held") - pl.col("named_quantity"),
    )
    after = moved_on(parts).with_columns(trigger="then").select(ruled.columns)
    return changes_of(parts), pl.concat([ruled.filter(~short), after])


def _taken(ruled: pl.DataFrame, moved: pl.Expr = _MOVED) -> pl.DataFrame:
    """The steps that rulings ask for, as the lifecycle takes them."""
    taken = relation.decide(ruled.with_columns(moved=moved, same_unit=pl.lit(1, pl.Int16)))
    assert taken["legal"].all(), "a ruling follows the lifecycle"
    return taken


def _review() -> pl.Expr:
    """The break in which a rejected redemption waits for a person."""
    return (
        pl.when(pl.col("trigger") == int(Trigger.RETURN))
        .then(int(BreakKind.RETURNED))
        .when("mapped")
        .then(int(BreakKind.REVIEW))
        .otherwise(int(BreakKind.UNMAPPED_CODE))
        .cast(pl.Int16)
    )


def _remainders(parts: pl.DataFrame, taken: pl.DataFrame) -> pl.DataFrame:
    """Those of the parts that are to go out again (columns of REMAINDERS)."""
    if parts.is_empty():
        return REMAINDERS.to_frame()
    again = taken.filter("resubmits").select("redemption_id", "member_ref")
    found = parts.join(again, on="redemption_id", how="inner")
    return found.select(pl.col(name).cast(kind) for name, kind in REMAINDERS.items())


def _told(taken: pl.DataFrame, given: Given) -> pl.DataFrame:
    """What the journal will hold of these steps (columns of ANSWERS)."""
    told = taken.with_columns(by_silence=pl.lit(False), borne=pl.lit(False), at=pl.lit(given.now))
    return told.select(pl.col(name).cast(kind) for name, kind in ANSWERS.items())


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


def _moved_on(standings: pl.DataFrame, records: pl.DataFrame, outcome: Decided) -> pl.DataFrame:
    """The standings after a round of these records."""
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
    opening = outcome.fates.filter(pl.col("kind") > 0).select("ordinal")
    doubting = records.join(opening, on="ordinal", how="semi").filter(
        pl.col("reason_class").is_in([int(one) for one in MAY_BE_CREDITED])
    )
    doubted = doubting.select("redemption_id", in_doubt=pl.lit(1, pl.Int16))
    for news in (last, waiting, doubted):
        standings = standings.update(news, on="redemption_id", how="left")
    return standings
