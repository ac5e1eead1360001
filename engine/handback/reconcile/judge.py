"""Judging records: what is known of each is laid out as columns, and the rulings are looked up.

Pure column work beside `decide`. Everything a record may contradict is given as columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self

import polars as pl

from handback.lifecycle.table import State, Trigger
from handback.partners.agreement import Agreement, Quantity
from handback.partners.codes import ReasonClass
from handback.partners.policy import Policies
from handback.reconcile.facts import PARTIALS, Fate
from handback.reconcile.rulings import RULINGS, Becomes
from handback.store.shape import shape


@dataclass(frozen=True, slots=True)
class Given:
    """What decisions depend on besides the columns."""

    policies: Policies
    file_id: int
    now: datetime
    quantity: Quantity = field(default_factory=Quantity)
    return_days: int | None = None

    @classmethod
    def of(cls, agreement: Agreement, file_id: int, now: datetime) -> Self:
        """Under the terms of an agreement."""
        answers = agreement.answers
        return cls(agreement.policies, file_id, now, agreement.quantity, answers.return_days)


# What is added to a record by its ruling: the trigger it pulls and the one before that (0 for
# none), the kind of break it opens (0 for none), what it counts as, and whether a part of it goes
# out again. `ruling` is the row's place in RULINGS, null where the record is plain.
RULED = pl.Schema(
    {
        "ruling": pl.UInt32(),
        "trigger": pl.Int16(),
        "first": pl.Int16(),
        "kind": pl.Int16(),
        "fate": pl.Int16(),
        "resubmits": pl.Boolean(),
    }
)

# The rulings' columns, by their place.
_BECOMES: Final = pl.DataFrame(
    [
        {
            "ruling": place,
            "trigger": int(ruling.becomes.trigger or 0),
            "first": int(ruling.becomes.first or 0),
            "kind": int(ruling.becomes.kind or 0),
            "fate": int(ruling.becomes.fate),
            "resubmits": ruling.becomes.resubmits,
        }
        for place, ruling in enumerate(RULINGS)
    ],
    schema=RULED,
)


def judged(records: pl.DataFrame, answers: pl.DataFrame, given: Given) -> pl.DataFrame:
    """The records, no two of one redemption, with the columns of RULED, in any order.

    They stand beside the standings of their redemptions; `answers` (columns of ANSWERS) is what
    the journal holds on those that are not plain.
    """
    compared = _compared(records, answers)
    is_plain = compared.select(_IS_PLAIN).to_series()
    if is_plain.all():
        return _as_plain(compared)
    odd = _with_knowledge(compared.filter(~is_plain), answers, given).with_columns(
        partial=PARTIALS[given.quantity.partial],
        tolerance=pl.col("unit").replace_strict(
            dict(given.quantity.tolerance), default=0, return_dtype=pl.Int64
        ),
    )
    ruled = odd.select(*compared.columns, _FIRST_THAT_HOLDS)
    told = ruled.join(_BECOMES, on="ruling", how="left", maintain_order="left")
    return pl.concat([_as_plain(compared.filter(is_plain)), told]) if is_plain.any() else told


def _compared(records: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """`asked` is what a confirmation would have to name; a notice of a change names nothing.

    `heard` is whether the journal has anything to say on the redemption.
    """
    heard = records["redemption_id"].is_in(answers["redemption_id"].implode())
    return records.with_columns(*_COMPARED, heard=heard)


_UNNAMED: Final = (pl.col("reason_class") == int(ReasonClass.OK_CHANGED)) & (
    pl.col("named_quantity") == 0
)
_IS_OPEN: Final = ~pl.col("state").is_in([int(State.CONFIRMED), int(State.FAILED)])
_COMPARED: Final = (
    pl.when(~_UNNAMED.fill_null(False)).then("named_quantity").alias("named_quantity"),
    pl.when(_IS_OPEN).then("held").otherwise("attempt_quantity").alias("asked"),
)

# What most records are. The rulings say the same of them, only later; a test holds both together.
_PLAIN: Final = {
    trigger: Becomes(trigger) for trigger in (Trigger.CONFIRM, Trigger.REJECT, Trigger.ACKNOWLEDGE)
}

# Whether a record answers what is awaited, with nothing about it that could be doubted.
_AGREES: Final = (
    pl.col("named_quantity").fill_null(pl.col("asked")) == pl.col("asked"),
    pl.col("named_quantity").is_not_null() | (pl.col("named_fee").fill_null(0) == 0),
    pl.col("attempt_quantity") == pl.col("asked"),
    pl.col("named_unit").fill_null(pl.col("unit")) == pl.col("unit"),
    pl.col("named_member").fill_null(pl.col("member_ref")) == pl.col("member_ref"),
)
_IS_PLAIN: Final = (
    (pl.col("state") == int(State.AWAITING_HANDBACK))
    & (pl.col("answered_attempt") == pl.col("attempt"))
    & pl.col("says").is_in([int(trigger) for trigger in _PLAIN])
    & ~pl.col("reason_class").is_in([int(ReasonClass.PARTIAL), int(ReasonClass.DUPLICATE)])
    & ((pl.col("says") != int(Trigger.ACKNOWLEDGE)) | ~pl.col("heard"))
    & pl.all_horizontal(_AGREES)
).fill_null(False)

# Each of them pulls the trigger of its class.
_RULED_PLAIN: Final = shape(
    RULED,
    ruling=pl.lit(None),
    trigger=pl.col("says"),
    first=pl.lit(0),
    kind=pl.lit(0),
    fate=pl.lit(int(Fate.EVENT)),
    resubmits=pl.lit(False),
)


def _as_plain(records: pl.DataFrame) -> pl.DataFrame:
    """Plain records with the columns of RULED."""
    return records.with_columns(_RULED_PLAIN)


# The place of the first ruling that holds; there always is one.
_FIRST_THAT_HOLDS: Final = pl.coalesce(
    pl.when(ruling.arrives.holds, *(fact.holds for fact in ruling.where)).then(
        pl.lit(place, pl.UInt32)
    )
    for place, ruling in enumerate(RULINGS)
).alias("ruling")


_ON: Final = ["redemption_id", "answered_attempt"]


def _with_knowledge(records: pl.DataFrame, answers: pl.DataFrame, given: Given) -> pl.DataFrame:
    """What the journal holds on the answered attempt, as the columns that `facts.Known` reads."""
    if answers.is_empty():
        return records.with_columns(_NOTHING_KNOWN)
    seen = records.join(_per_attempt(answers, given), on=_ON, how="left")
    told = answers.select(*_ON, "code", says="trigger", same_code=True).unique()
    seen = seen.join(told, on=[*_ON, "says", "code"], how="left", nulls_equal=True)
    came_back = answers.filter(answers["trigger"].is_in(_RETURNS)).select(
        *_ON, named_quantity="moved", same_return=True
    )
    seen = seen.join(came_back.unique(), on=[*_ON, "named_quantity"], how="left")
    too_late = pl.lit(False)
    if given.return_days is not None:
        too_late = pl.col("confirmed_at") < given.now - timedelta(days=given.return_days)
    return seen.with_columns(_KNOWN, too_late=too_late.fill_null(False))


_RETURNS: Final = (int(Trigger.RETURN), int(Trigger.RETURN_PART))
_FLAGS: Final = (
    "known_confirm",
    "credited",
    "by_silence",
    "borne",
    "known_reject",
    "told_reject",
    "rejected_here",
    "known_return",
    "same_code",
)
_NOTHING_KNOWN: Final = tuple(
    pl.lit(False).alias(name) for name in (*_FLAGS, "same_return", "same_quantity", "too_late")
)
_ALL_OF_IT: Final = pl.col("named_quantity").is_null() & pl.col("known_return")
_CREDITED: Final = pl.min_horizontal("named_quantity", "attempt_quantity")
_KNOWN: Final = (
    pl.col(_FLAGS).fill_null(False),
    (pl.col("same_return") | _ALL_OF_IT).fill_null(False).alias("same_return"),
    (pl.col("confirmed_quantity") == _CREDITED).fill_null(False).alias("same_quantity"),
)


def _per_attempt(answers: pl.DataFrame, given: Given) -> pl.DataFrame:
    """What was answered to each attempt before, whatever was said besides."""
    here = (pl.col("file_id") == given.file_id).fill_null(False)
    of_attempt = answers.sort("at", maintain_order=True).group_by(_ON)
    return of_attempt.agg(*_PER_ATTEMPT, rejected_here=(_REJECT & here).any())


_CONFIRM, _REJECT, _CAME_BACK = (
    pl.col("trigger") == int(one) for one in (Trigger.CONFIRM, Trigger.REJECT, Trigger.RETURN)
)
_PER_ATTEMPT: Final = (
    _CONFIRM.any().alias("known_confirm"),
    # Each return takes one confirmation back: then the attempt stands credited no more.
    (_CONFIRM.sum() > _CAME_BACK.sum()).alias("credited"),
    ((_CONFIRM & pl.col("by_silence")).any() & ~_CAME_BACK.any()).alias("by_silence"),
    pl.col("borne").any(),
    pl.col("moved").filter(_CONFIRM).last().alias("confirmed_quantity"),
    pl.col("at").filter(_CONFIRM).max().alias("confirmed_at"),
    _REJECT.any().alias("known_reject"),
    # Silence that was read as a rejection is none that the partner could contradict.
    (_REJECT & ~pl.col("by_silence")).any().alias("told_reject"),
    _CAME_BACK.any().alias("known_return"),
)
