"""The table for a set: every row of a frame decided at once, without a loop over them.

A frame's verdict is the number of the table row that holds, or 0 where none does; everything else
is looked up by that number in columns made from the table.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import and_
from typing import Final

import polars as pl

from handback.lifecycle.table import (
    TRANSITIONS,
    Effect,
    Transition,
    View,
    apply,
)

VIEW_COLUMNS: Final = tuple(View.__dataclass_fields__)

# Exactly these columns are added; the types are those of the store's columns.
DECIDED: Final = pl.Schema(
    {
        "legal": pl.Boolean(),
        "to_state": pl.Int16(),
        "new_attempt": pl.Int16(),
        "new_held": pl.Int64(),
        "new_fulfilled": pl.Int64(),
        "debit": pl.Int16(),
        "credit": pl.Int16(),
    }
)

# What recorded steps did; see `recorded`.
RECORDED: Final = pl.Schema(
    {
        "effect_attempt": pl.Int64(),
        "effect_held": pl.Int64(),
        "effect_fulfilled": pl.Int64(),
        "debit": pl.Int16(),
        "credit": pl.Int16(),
    }
)

_ROW: Final = "lifecycle_row"


def _column(row: Transition) -> dict[str, int]:
    return {
        "target": int(row.target),
        "debit": int(row.posting.debit) if row.posting else 0,
        "credit": int(row.posting.credit) if row.posting else 0,
        **row.effect._asdict(),
    }


_NUMBERED: Final = tuple(enumerate(TRANSITIONS, start=1))

# The table's columns by row number; number 0 is no row, and does nothing.
_TABLE: Final = pl.DataFrame(
    [dict.fromkeys(_column(TRANSITIONS[0]), 0), *(_column(row) for row in TRANSITIONS)]
)


def _of_row(column: str) -> pl.Expr:
    return pl.lit(_TABLE[column]).gather(pl.col(_ROW))


_EFFECT: Final = Effect(*(_of_row(name) for name in Effect._fields))


def _holds(row: Transition, view: View[pl.Expr]) -> pl.Expr:
    pair = (pl.col("state") == int(row.source)) & (pl.col("trigger") == int(row.trigger))
    return reduce(and_, (condition(view) for condition in row.guard), pair)


def _first_row(holding: Iterable[tuple[int, pl.Expr]]) -> pl.Expr:
    """The first number whose expression is true, else 0."""
    numbers = [pl.when(holds).then(pl.lit(number, dtype=pl.UInt32)) for number, holds in holding]
    return pl.coalesce(*numbers, pl.lit(0, dtype=pl.UInt32)).alias(_ROW)


def decide(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the table's verdict on each of its rows, in the same order.

    `frame` has the integer columns `state`, `trigger` and those of `View`, none with nulls; where
    it has no `approved`, no second person has approved anything. Added are the columns of
    `DECIDED`; where `legal` is false the state, attempt, held and fulfilled stay as they are.
    `debit` and `credit` are accounts, 0 where nothing is posted.
    """
    given = [name for name in VIEW_COLUMNS if name in frame.columns]
    view = View(**{name: pl.col(name).cast(pl.Int64) for name in given})
    attempt, held, fulfilled = apply(_EFFECT, view)
    legal = pl.col(_ROW) > 0
    # Few steps are asked for at a time, and each row of the table that is compared has its price.
    asked = set(frame.select("state", "trigger").unique().iter_rows())
    rows = [(n, row) for n, row in _NUMBERED if (row.source, row.trigger) in asked]
    decided = frame.with_columns(_first_row((number, _holds(row, view)) for number, row in rows))
    return decided.with_columns(
        legal=legal,
        to_state=pl.when(legal).then(_of_row("target")).otherwise("state").cast(pl.Int16),
        new_attempt=attempt.cast(pl.Int16),
        new_held=held,
        new_fulfilled=fulfilled,
        debit=_of_row("debit").cast(pl.Int16),
        credit=_of_row("credit").cast(pl.Int16),
    ).drop(_ROW)


def recorded(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame of recorded steps with what each of them did, in the same order.

    `frame` has the integer columns `trigger`, `from_state` and `to_state`. Added are the columns
    of `RECORDED`: the factors of `Effect` and the accounts, all 0 where the table has no such row.
    Whether the guards held is for `decide` to say.
    """
    steps = (
        (
            number,
            (pl.col("trigger") == int(row.trigger))
            & (pl.col("from_state") == int(row.source))
            & (pl.col("to_state") == int(row.target)),
        )
        for number, row in _NUMBERED
    )
    return (
        frame.with_columns(_first_row(steps))
        .with_columns(
            effect_attempt=_EFFECT.attempt,
            effect_held=_EFFECT.held,
            effect_fulfilled=_EFFECT.fulfilled,
            debit=_of_row("debit").cast(pl.Int16),
            credit=_of_row("credit").cast(pl.Int16),
        )
        .drop(_ROW)
    )
