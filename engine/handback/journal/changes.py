"""What the journal is asked to write: decided changes of redemptions, a row for each event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from handback.store.bulk import MOVES
from handback.store.shape import shape

# `version` is the event's own; several events of one redemption have rising versions without a gap.
# The new_ columns are the redemption after the event; debit and credit are accounts, 0 where the
# event posts nothing. Without an answer behind it the class is 0, code, file and ordinal are null.
CHANGES = pl.Schema(
    {
        "redemption_id": pl.Int64(),
        "version": pl.Int32(),
        "trigger": pl.Int16(),
        "from_state": pl.Int16(),
        "to_state": pl.Int16(),
        "attempt": pl.Int16(),
        "reason_class": pl.Int16(),
        "reason_code": pl.String(),
        "quantity": pl.Int64(),
        "file_id": pl.Int64(),
        "ordinal": pl.Int64(),
        "new_attempt": pl.Int16(),
        "new_held": pl.Int64(),
        "new_fulfilled": pl.Int64(),
        "programme_id": pl.Int64(),
        "partner_id": pl.Int64(),
        "unit_id": pl.Int64(),
        "debit": pl.Int16(),
        "credit": pl.Int16(),
    }
)

NO_CHANGES: Final = CHANGES.to_frame()

# What is known of a redemption from its submit on and never changes.
BIRTHS = pl.Schema(
    {
        "redemption_id": pl.Int64(),
        "programme_id": pl.Int64(),
        "partner_id": pl.Int64(),
        "unit_id": pl.Int64(),
        "quantity": pl.Int64(),
        "member_ref": pl.String(),
    }
)
NO_BIRTHS: Final = BIRTHS.to_frame()


_MADE: Final = shape(
    CHANGES,
    version=pl.col("version") + 1,
    from_state=pl.col("state"),
    attempt=pl.col("answered_attempt"),
    quantity=pl.col("moved"),
)


def changes_of(decided: pl.DataFrame) -> pl.DataFrame:
    """The changes (columns of `CHANGES`) that legal rows of `lifecycle.relation.decide` make.

    `decided` has the redemption as it was (`version`, `state`) beside the relation's verdict, what
    was `moved` under which `answered_attempt`, whose it is, and what is known of the answer:
    `reason_class`, `reason_code`, `file_id`, `ordinal`.
    """
    return decided.select(_MADE)


@dataclass(frozen=True, slots=True)
class Presumed:
    """Changes decided on what their redemptions are presumed to be.

    `changes` (columns of `CHANGES`) and `moves` (those of `MOVES` and conditions named `was_…`, a
    row for each redemption) are sorted by redemption, in sets of rows that have much in common.
    """

    changes: Sequence[pl.DataFrame]
    moves: Sequence[pl.DataFrame]

    @classmethod
    def on(cls, changes: pl.DataFrame, conditions: pl.DataFrame) -> Presumed:
        """All changes of redemptions on condition that each stands as its row says: its
        `redemption_id`, and a column `was_…` for each column that the decision rests on, or
        `since_…` for what it may not be below; null where it does not matter."""
        if changes.is_empty():
            return cls((), ())
        ordered = changes.sort("redemption_id", "version")
        last = last_states(ordered).join(
            conditions, on="redemption_id", how="inner", maintain_order="left"
        )
        return cls(
            ordered.partition_by("trigger", maintain_order=True),
            [_said(moves) for moves in last.partition_by("state", maintain_order=True)],
        )

    def without(self, redemption_ids: pl.Series) -> Presumed:
        """What is left where these redemptions (Int64) are not as presumed."""
        return Presumed(
            [without(some, redemption_ids) for some in self.changes],
            [without(some, redemption_ids) for some in self.moves],
        )


def _said(moves: pl.DataFrame) -> pl.DataFrame:
    """Moves without the conditions that matter for none of them."""
    return moves.select(column for column in moves if column.null_count() < len(moves))


def without(rows: pl.DataFrame, redemption_ids: pl.Series) -> pl.DataFrame:
    """The rows of all other redemptions."""
    if redemption_ids.is_empty():
        return rows
    return rows.filter(~rows["redemption_id"].is_in(redemption_ids.implode()))


# The redemption after an event, by the names that it has in its own table.
_AFTER: Final = shape(
    MOVES,
    state=pl.col("to_state"),
    attempt=pl.col("new_attempt"),
    held=pl.col("new_held"),
    fulfilled=pl.col("new_fulfilled"),
)


def last_states(ordered: pl.DataFrame) -> pl.DataFrame:
    """The moves (columns of `MOVES`) that changes sorted by redemption and version come to: the
    version that the first of a redemption follows, and where its last leads."""
    ids = ordered["redemption_id"]
    first, last = ids != ids.shift(1), ids != ids.shift(-1)
    followed = ordered.filter(first.fill_null(True))["version"] - 1
    after = ordered.filter(last.fill_null(True))
    return after.with_columns(followed.alias("was_version")).select(_AFTER)
