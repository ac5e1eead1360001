"""Records decided on what they themselves presume, without reading.

A record that carries the key of an attempt, or for which the search found one, tells how its
redemption must stand for the answer to be news: awaiting an answer to just that attempt, with just
the quantity held that the record names. So the records of a redemption are decided on that, before
the store is asked, and written on condition that it is so. Where it is not, they are read and
decided like any other; nothing is ever decided otherwise than it would have been, only sooner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from handback.journal.changes import Presumed, without
from handback.lifecycle.table import State, Trigger
from handback.partners.codes import ReasonClass, trigger_of
from handback.partners.registry import Terms
from handback.reconcile.decide import Decided, decide
from handback.reconcile.judge import Given
from handback.reconcile.match import Match
from handback.reconcile.opened import broken
from handback.reconcile.rules import BY_KEY
from handback.reconcile.standing import ANSWERS, STANDINGS
from handback.store.bulk import WAS
from handback.store.shape import shape

_FOLLOWING: Final = (Trigger.RETRY, Trigger.FAIL)
_ANSWERING: Final = (Trigger.CONFIRM, Trigger.REJECT, Trigger.ACKNOWLEDGE)
# These name another member or another quantity than ours, so they do not tell what ours are.
_NOT_TELLING: Final = (ReasonClass.OK_CHANGED, ReasonClass.PARTIAL)
# A redemption has been submitted, and dispatched for its first attempt; each further one took a
# rejection, a retry and a dispatch. So at this version the attempt has no answer, not even an
# interim one, and the journal has nothing that a decision could ask for.
_FIRST_VERSION, _VERSIONS_OF_ATTEMPT = 2, 3

# What a decision rests on. `waiting` is what the state implies, `unit` what `unit_id` does.
_CONDITIONS: Final = (
    "state",
    "attempt",
    "held",
    "fulfilled",
    "partner_id",
    "unit_id",
    "member_ref",
)


@dataclass(frozen=True, slots=True)
class Presumption:
    """What records come to, and the breaks that they open.

    `told` are the `ordinal` of each and the `redemption_id` that it is of. `followed` are the
    redemptions (Int64) that a policy is to retry or fail: they may not be in doubt, which the
    update cannot compare.
    """

    told: pl.DataFrame
    decided: Decided
    breaks: pl.DataFrame
    followed: pl.Series
    presumed: Presumed


def presume(terms: Terms, records: pl.DataFrame, given: Given) -> Presumption:
    """What is presumed of a chunk's records (columns of SPOOLED with the classes of their codes).

    Covered are those whose redemption all of the chunk's records of it tell alike.
    """
    telling = _telling(terms, _aimed(terms, records))
    matched = telling.drop("redemption_id", "attempt").with_columns(
        telling["redemption_id"],
        match=pl.lit(int(Match.ONE), pl.Int16),
        answered_attempt=telling["attempt"],
        attempt_quantity="quantity",
        candidates=pl.lit(None, pl.String),
        alike=pl.lit(None, pl.Int64),
    )
    standings = _standings(terms, telling, given)
    decided = decide(matched, standings, ANSWERS.to_frame(), given)
    conditions = standings.select(
        "redemption_id",
        pl.col(name for name in _CONDITIONS if not standings[name].null_count()).name.prefix(WAS),
    )
    # What was submitted no earlier was sent no earlier.
    since = decided.due_again.select("redemption_id", since_submitted_at="sent_since")
    conditions = conditions.join(since, on="redemption_id", how="left", maintain_order="left")
    return Presumption(
        telling.select("ordinal", "redemption_id"),
        decided,
        broken(matched, standings, decided.fates),
        decided.changes.filter(pl.col("trigger").is_in(_FOLLOWING))["redemption_id"],
        Presumed.on(decided.changes, conditions),
    )


def _aimed(terms: Terms, records: pl.DataFrame) -> pl.DataFrame:
    """The records with the attempt that each can only answer as `redemption_id` and `attempt`, null
    where that is not known without the store."""
    by_key = terms.agreement.handback.match[0] == BY_KEY
    if by_key and records["match"].null_count() == len(records):
        return records
    # Answers to a whole batch come with the attempts in it.
    is_keyed = pl.col("match").is_null() if by_key else pl.col("scope").is_not_null()
    is_known = is_keyed | (pl.col("match") == int(Match.ONE))
    return records.with_columns(
        pl.when(is_known).then(name).alias(name) for name in ("redemption_id", "attempt")
    )


def _telling(terms: Terms, records: pl.DataFrame) -> pl.DataFrame:
    """The records of those redemptions of which all records tell the same."""
    named = pl.col("member_ref").is_not_null()
    if records["member_ref"].null_count() == len(records):
        named = pl.lit(True)
    tells = (
        trigger_of(pl.col("reason_class")).is_in(_ANSWERING)
        & ~pl.col("reason_class").is_in(_NOT_TELLING)
        & (pl.col("redemption_id") > 0)
        & (pl.col("quantity") > 0)
        & _unit(terms).is_in(list(terms.unit_ids))
        & named
    ).fill_null(False)
    alone = pl.col("redemption_id").is_unique()
    found = records.with_columns(tells=tells, alone=alone)
    several = found.filter(~pl.col("alone"))
    if len(several):
        told = pl.struct("attempt", "quantity", _unit(terms), "member_ref")
        differ = (
            several.group_by("redemption_id")
            .agg(alike=pl.col("tells").all() & (told.n_unique() == 1))
            .filter(~pl.col("alike"))
        )
        found = without(found, differ["redemption_id"])
    return found.filter("tells").drop("tells", "alone")


def _standings(terms: Terms, telling: pl.DataFrame, given: Given) -> pl.DataFrame:
    """How the redemptions of these records must stand (columns of STANDINGS)."""
    presumed = telling.filter(telling["redemption_id"].is_first_distinct()).select(
        "redemption_id",
        "attempt",
        "quantity",
        "member_ref",
        unit=_unit(terms),
        state=pl.lit(int(State.AWAITING_HANDBACK)),
        version=pl.col("attempt").cast(pl.Int32) * _VERSIONS_OF_ATTEMPT
        - (_VERSIONS_OF_ATTEMPT - _FIRST_VERSION),
        held="quantity",
        fulfilled=pl.lit(0),
        waiting=pl.lit(0),
        programme_id=pl.lit(terms.programme_id),
        partner_id=pl.lit(terms.partner_id),
        unit_id=_unit(terms).replace_strict(dict(terms.unit_ids), return_dtype=pl.Int64),
        in_doubt=pl.lit(0),
        first_sent_at=pl.lit(given.now),
    )
    return presumed.select(shape(STANDINGS))


def _unit(terms: Terms) -> pl.Expr:
    """The unit that a record is about; null where it names none of several."""
    only = next(iter(terms.unit_ids)) if len(terms.unit_ids) == 1 else None
    return pl.coalesce("unit", pl.lit(only, pl.String))
