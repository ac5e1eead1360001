"""The table for a set: every row of a frame decided at once, without a loop over them.

A frame's verdict is the number of the table row that holds, or 0 where none does; everything else
is looked up by that number in columns made from the table.
"""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import Final

import polars as pl

from handback.lifecycle.table import (
    NO_EFFECT,
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

_ROW: Final = "lifecycle_row"
_EFFECTS: Final = (NO_EFFECT, *(row.effect for row in TRANSITIONS))


def _looked_up(values: list[int]) -> pl.Expr:
    """A column of the table, by row number; the first value stands for "no row"."""
    return pl.lit(pl.Series(values, dtype=pl.Int64)).gather(pl.col(_ROW))


def _holds(row: Transition, view: View[pl.Expr]) -> pl.Expr:
    pair = (pl.col("state") == int(row.source)) & (pl.col("trigger") == int(row.trigger))
    return reduce(and_, (condition(view) for condition in row.guard), pair)


def _row_number(view: View[pl.Expr]) -> pl.Expr:
    verdict = pl.lit(0, dtype=pl.UInt32)
    for number, row in enumerate(TRANSITIONS, start=1):
        verdict = (
            pl.when(_holds(row, view)).then(pl.lit(number, dtype=pl.UInt32)).otherwise(verdict)
        )
    return verdict


def decide(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the table's verdict on each of its rows, in the same order.

    `frame` has the integer columns `state`, `trigger` and those of `View`, none with nulls. Added
    are the columns of `DECIDED`; where `legal` is false the state, attempt, held and fulfilled
    stay as they are. `debit` and `credit` are accounts, 0 where nothing is posted.
    """
    view = View(**{name: pl.col(name).cast(pl.Int64) for name in VIEW_COLUMNS})
    effect = Effect(
        attempt=_looked_up([effect.attempt for effect in _EFFECTS]),
        held=_looked_up([effect.held for effect in _EFFECTS]),
        fulfilled=_looked_up([effect.fulfilled for effect in _EFFECTS]),
    )
    postings = [row.posting for row in TRANSITIONS]
    targets = _looked_up([0, *(int(row.target) for row in TRANSITIONS)])
    attempt, held, fulfilled = apply(effect, view)
    decided = frame.with_columns(_row_number(view).alias(_ROW)).with_columns(
        legal=pl.col(_ROW) > 0,
        to_state=pl.when(pl.col(_ROW) > 0).then(targets).otherwise(pl.col("state")),
        new_attempt=attempt,
        new_held=held,
        new_fulfilled=fulfilled,
        debit=_looked_up([0, *(int(posting.debit) if posting else 0 for posting in postings)]),
        credit=_looked_up([0, *(int(posting.credit) if posting else 0 for posting in postings)]),
    )
    return decided.drop(_ROW).with_columns(
        pl.col(name).cast(kind) for name, kind in DECIDED.items()
    )
