"""Deciding a chunk: every record becomes an event, a repeat or a break.

Pure: columns in, columns out. The lifecycle's relation says which answers are legal; what it
refuses is judged by what is already known. Records of one redemption are decided in the order in
which the file has them, a round for each, so the result does not depend on where chunks begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Final

import polars as pl

from handback.breaks.doubts import MAY_BE_CREDITED
from handback.breaks.kinds import BreakKind
from handback.journal.changes import NO_CHANGES, changes_of
from handback.lifecycle import relation
from handback.lifecycle.table import State, Trigger
from handback.partners.codes import trigger_of
from handback.partners.policy import Action
from handback.reconcile.facts import Fate
from handback.reconcile.following import NOT_DUE_AGAIN, due_again, follow, moved_on
from handback.reconcile.judge import Given, judged
from handback.reconcile.match import Match
from handback.reconcile.standing import ANSWERS
from handback.store.shape import shape

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

_NO_FATES: Final = FATES.to_frame()
_NO_REMAINDERS: Final = REMAINDERS.to_frame()
_STILL_DUE: Final = pl.DataFrame(schema={"redemption_id": pl.Int64()})


@dataclass(frozen=True, slots=True)
class Decided:
    """What records come to: CHANGES, FATES, the due rows to write and to delete, REMAINDERS."""

    changes: pl.DataFrame = field(default_factory=NO_CHANGES.clone)
    fates: pl.DataFrame = field(default_factory=_NO_FATES.clone)
    due_again: pl.DataFrame = field(default_factory=NOT_DUE_AGAIN.clone)
    no_longer_due: pl.DataFrame = field(default_factory=_STILL_DUE.clone)
    remainders: pl.DataFrame = field(default_factory=_NO_REMAINDERS.clone)

    @classmethod
    def together(cls, parts: Sequence[Decided]) -> Decided:
        """What several sets of records come to, one after another."""
        if not parts:
            return cls()
        columns = ([getattr(part, one.name) for part in parts] for one in fields(cls))
        return cls(*map(pl.concat, columns))


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
    left, equal = _apart(_asked(records, given.file_id))
    decided = [Decided(fates=_fates(equal, Fate.REPEAT))] if len(equal) else []
    for _ in range(_MAX_ROUNDS):
        if left.is_empty():
            break
        first = left["redemption_id"].is_first_distinct()
        now, left = left.filter(first), left.filter(~first)
        stood = now.join(standings, on="redemption_id", how="inner")
        outcome, taken = _round(stood, answers, given)
        decided.append(outcome)
        if len(left):
            standings = _moved_on(standings, now, outcome)
            answers = pl.concat([answers, _told(taken, given)])
    if len(left):
        decided.append(Decided(fates=_fates(left, Fate.BREAK, BreakKind.CONTRADICTION)))
    return Decided.together(decided)


def needs_answers(records: pl.DataFrame, standings: pl.DataFrame) -> pl.Series:
    """The redemptions for which a decision may ask what the journal already holds."""
    seen = records.join(
        standings.select("redemption_id", "state", "attempt"), on="redemption_id", how="inner"
    )
    return seen.filter(~_SURELY_PLAIN)["redemption_id"].unique()


_SAYS: Final = trigger_of(pl.col("reason_class"))
_SURELY_PLAIN: Final = (
    (pl.col("state") == int(State.AWAITING_HANDBACK))
    & (pl.col("answered_attempt") == pl.col("attempt"))
    & _SAYS.is_in([int(Trigger.CONFIRM), int(Trigger.REJECT)])
    & pl.col("redemption_id").is_unique()
)

_ASKED: Final = (
    *("ordinal", "redemption_id", "answered_attempt", "attempt_quantity", "code", "mapped"),
    pl.col("reason_class").cast(pl.Int16),
    _SAYS.alias("says"),
    pl.col("quantity").alias("named_quantity"),
    pl.col("fee").alias("named_fee"),
    pl.col("unit").alias("named_unit"),
    pl.col("member_ref").alias("named_member"),
    pl.col("code").alias("reason_code"),
)


def _asked(records: pl.DataFrame, file_id: int) -> pl.DataFrame:
    """The matched records, with what each says."""
    matched = records.filter(records["match"] == int(Match.ONE))
    return matched.select(*_ASKED, file_id=pl.lit(file_id, pl.Int64))


# Two records that agree in these say the same: the second is a repeat of the first.
_SAYING: Final = (
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
    if alone.all():
        return asked, asked.clear()
    several = asked.filter(~alone).sort("ordinal")
    new = several.unique(list(_SAYING), keep="first", maintain_order=True)
    equal = several.join(new.select("ordinal"), on="ordinal", how="anti")
    return pl.concat([asked.filter(alone), new]), equal


def _round(
    records: pl.DataFrame, answers: pl.DataFrame, given: Given
) -> tuple[Decided, pl.DataFrame]:
    """Decide records of which no two are of the same redemption; beside it the steps taken."""
    ruled = judged(records, answers, given)
    moving = ruled["trigger"] > 0
    still = [_fates(ruled.filter(~moving))] if not moving.all() else []
    parts, whole = _parted(ruled.filter(moving) if still else ruled)
    taken = _taken(whole)
    second, followed = follow(given.policies, taken, given.now)
    decided = Decided(
        changes=pl.concat([parts, changes_of(taken), second]),
        fates=pl.concat([_fates(followed.with_columns(kind=_KIND)), *still]),
        due_again=due_again(followed),
        no_longer_due=taken.filter(_WAITED).select("redemption_id"),
        remainders=_remainders(parts, taken),
    )
    return decided, taken


# A rejected redemption waits for a person in a break of its own.
_REVIEW: Final = (
    pl.when(pl.col("trigger") == int(Trigger.RETURN))
    .then(int(BreakKind.RETURNED))
    .when("mapped")
    .then(int(BreakKind.REVIEW))
    .otherwise(int(BreakKind.UNMAPPED_CODE))
)
_KIND: Final = pl.when(pl.col("action") == int(Action.REVIEW)).then(_REVIEW).otherwise("kind")
_WAITED: Final = (pl.col("waiting") == 1) & (pl.col("trigger") == int(Trigger.CONFIRM))

# What a trigger moves, where that is not what the record names, or else all that is held.
_MOVED: Final = (
    pl.when(pl.col("trigger") == int(Trigger.CONFIRM))
    .then("held")
    .when(pl.col("trigger") == int(Trigger.RETURN))
    .then("fulfilled")
    .otherwise(pl.coalesce("named_quantity", "held"))
)


_SAME_UNIT: Final = pl.lit(1, pl.Int16)


def _parted(ruled: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What leaves the held quantity before the rest is confirmed (columns of CHANGES), and the
    records as they stand after that."""
    short = ruled["first"] > 0
    if not short.any():
        return NO_CHANGES, ruled
    less = ruled.filter(short)
    parts = _taken(
        less.with_columns(trigger="first", then="trigger"),
        pl.col("held") - pl.col("named_quantity"),
    )
    after = moved_on(parts).with_columns(trigger="then").select(ruled.columns)
    return changes_of(parts), pl.concat([ruled.filter(~short), after])


def _taken(ruled: pl.DataFrame, moved: pl.Expr = _MOVED) -> pl.DataFrame:
    """The steps that rulings ask for, as the lifecycle takes them."""
    taken = relation.decide(ruled.with_columns(moved=moved, same_unit=_SAME_UNIT))
    assert taken["legal"].all(), "a ruling follows the lifecycle"
    return taken


def _remainders(parts: pl.DataFrame, taken: pl.DataFrame) -> pl.DataFrame:
    """Those of the parts that are to go out again (columns of REMAINDERS)."""
    if parts.is_empty():
        return _NO_REMAINDERS
    again = taken.filter("resubmits").select("redemption_id", "member_ref")
    found = parts.join(again, on="redemption_id", how="inner")
    return found.select(shape(REMAINDERS))


def _told(taken: pl.DataFrame, given: Given) -> pl.DataFrame:
    """What the journal will hold of these steps (columns of ANSWERS)."""
    no, now = pl.lit(False), pl.lit(given.now)
    return taken.select(shape(ANSWERS, by_silence=no, borne=no, at=now))


def _fates(
    records: pl.DataFrame, fate: Fate | None = None, kind: BreakKind | None = None
) -> pl.DataFrame:
    """Rows of `FATES`; fate and kind are the records' own where they are not given."""
    said = {"moved": _CONCERNED}
    if fate is not None:
        said |= {"fate": pl.lit(int(fate)), "kind": pl.lit(int(kind or 0))}
    return records.select(shape(FATES, **said))


_CONCERNED: Final = pl.coalesce("named_quantity", "attempt_quantity")


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
