"""What a record says, and what is known of its redemption: the words that rulings are made of.

Every fact is a column expression over a record beside the standing of its redemption and what the
journal holds on the attempt it answers, as `judge.prepared` lays them out; none is ever null.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import polars as pl

from handback.lifecycle.table import State, Trigger
from handback.partners.codes import ReasonClass
from handback.partners.vocabulary import Partial


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is so or not. Its words stand alone, or after "the record" or "where"."""

    words: str
    holds: pl.Expr


PARTIALS: Final = {partial: number for number, partial in enumerate(Partial, start=1)}
"""The agreement's word on partial credits, as the column `partial` has it."""


def _says(trigger: Trigger) -> pl.Expr:
    return pl.col("says") == int(trigger)


def _in(state: State) -> pl.Expr:
    return pl.col("state") == int(state)


_LIVE: Final = pl.col("answered_attempt") == pl.col("attempt")
_WAITING: Final = pl.col("waiting") == 1
_SHORT: Final = pl.col("named_quantity") < pl.col("asked")
_OVER: Final = pl.col("named_quantity") > pl.col("asked")
_BY_NO_MORE: Final = (pl.col("named_quantity") - pl.col("asked")).abs() <= pl.col("tolerance")
# Nothing named is all of it.
_NAMED: Final = pl.col("named_quantity").is_not_null()


def _sure(holds: pl.Expr) -> pl.Expr:
    """Without a quantity or an answer there is nothing to compare: then it is not so."""
    return holds.fill_null(False)


class Says:
    """What arrives."""

    ANYTHING = Fact("anything", pl.lit(True))
    CONFIRMS = Fact("a confirmation", _says(Trigger.CONFIRM))
    INTERIM = Fact("an interim answer", _says(Trigger.ACKNOWLEDGE))
    REJECTS = Fact("a rejection", _says(Trigger.REJECT))
    DUPLICATE = Fact(
        "a rejection as a duplicate", pl.col("reason_class") == int(ReasonClass.DUPLICATE)
    )
    RETURNS = Fact("a return", _says(Trigger.RETURN))
    NO_CREDIT = Fact(
        "an interim answer or a rejection, also as a duplicate",
        ~_says(Trigger.CONFIRM) & ~_says(Trigger.RETURN),
    )


class Named:
    """What the record names besides."""

    OTHER_UNIT = Fact("names another unit", _sure(pl.col("named_unit") != pl.col("unit")))
    OTHER_MEMBER = Fact(
        "names another member, without a code that says so",
        _sure(pl.col("named_member") != pl.col("member_ref"))
        & (pl.col("reason_class") != int(ReasonClass.OK_CHANGED)),
    )
    OTHER_QUANTITY = Fact(
        "names another quantity than the attempt's",
        _sure(pl.col("named_quantity") != pl.col("attempt_quantity")),
    )
    PART_WITHOUT_QUANTITY = Fact(
        "credits a part and names no quantity",
        (pl.col("reason_class") == int(ReasonClass.PARTIAL)) & ~_NAMED,
    )
    FEE_WITHOUT_QUANTITY = Fact(
        "names a fee and no quantity", ~_NAMED & _sure(pl.col("named_fee") != 0)
    )
    NOTHING = Fact("names a quantity of nothing", _sure(pl.col("named_quantity") <= 0))
    LITTLE_LESS = Fact("names less, within the tolerance", _sure(_SHORT & _BY_NO_MORE))
    LESS = Fact("names less than is held", _sure(_SHORT))
    FAR_MORE = Fact("names more, above the tolerance", _sure(_OVER & ~_BY_NO_MORE))
    ALL_FULFILLED = Fact(
        "names all that is fulfilled, or no quantity",
        ~_NAMED | _sure(pl.col("named_quantity") == pl.col("fulfilled")),
    )
    PART_FULFILLED = Fact(
        "names a part of what is fulfilled",
        _sure((pl.col("named_quantity") > 0) & (pl.col("named_quantity") < pl.col("fulfilled"))),
    )


class Stands:
    """Where the redemption stands."""

    AHEAD = Fact(
        "the attempt has not been dispatched yet",
        pl.col("answered_attempt") > pl.col("attempt"),
    )
    OLDER = Fact(
        "a later attempt has been dispatched since",
        pl.col("answered_attempt") < pl.col("attempt"),
    )
    AWAITED = Fact(
        "the attempt's answer is awaited",
        _in(State.AWAITING_HANDBACK) & _LIVE,
    )
    NEWER_AWAITED = Fact(
        "a later attempt's answer is awaited",
        _in(State.AWAITING_HANDBACK) & ~_LIVE,
    )
    NEWER_IN_BATCH = Fact("the next attempt is in a sealed batch", _in(State.RETRYING) & ~_WAITING)
    CONFIRMED = Fact("it is confirmed", _in(State.CONFIRMED))
    REJECTED = Fact("it is rejected, and waits for a person", _in(State.REJECTED))
    FAILED = Fact("it was given up, the value given back", _in(State.FAILED))
    OPEN = Fact(
        "the attempt's answer is awaited, or a retry waits for its batch",
        (_in(State.AWAITING_HANDBACK) & _LIVE) | (_in(State.RETRYING) & _WAITING),
    )


class Known:
    """What the journal holds on the answered attempt."""

    INTERIM = Fact("the same interim answer was given before", pl.col("same_code"))
    CONFIRMED = Fact("this attempt was confirmed before", pl.col("known_confirm"))
    CREDITED = Fact("this attempt stands credited", pl.col("credited"))
    NOT_CREDITED = Fact("another attempt stands credited", ~pl.col("credited"))
    SAME_QUANTITY = Fact("for the same quantity", pl.col("same_quantity"))
    SAME_CODE = Fact("with the same code", pl.col("same_code"))
    BY_SILENCE = Fact("silence on this attempt had confirmed it", pl.col("by_silence"))
    BORNE = Fact("two people bear the credit, the value given back before", pl.col("borne"))
    REJECTED = Fact("this attempt was rejected before", pl.col("known_reject"))
    REFUSED = Fact("the partner, or two people, had rejected this attempt", pl.col("told_reject"))
    REJECTED_HERE = Fact("the same file rejects this attempt", pl.col("rejected_here"))
    RETURNED = Fact("its credit had come back", pl.col("known_return"))
    SAME_RETURN = Fact("the same came back before", pl.col("same_return"))
    TOO_LATE = Fact("`return_days` are over", pl.col("too_late"))


class Agreed:
    """What the agreement says of a part."""

    REVIEW = Fact('`partial = "review"`', pl.col("partial") == PARTIALS[Partial.REVIEW])
    RELEASE = Fact('`partial = "release"`', pl.col("partial") == PARTIALS[Partial.RELEASE])
    RESUBMIT = Fact('`partial = "resubmit"`', pl.col("partial") == PARTIALS[Partial.RESUBMIT])


class Fate(IntEnum):
    """What a record became; an undecodable one is a reject and never comes here."""

    EVENT = 1
    REPEAT = 2
    BREAK = 3
