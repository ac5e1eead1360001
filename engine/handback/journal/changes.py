"""What the journal is asked to write: decided changes of redemptions, a row for each event."""

from __future__ import annotations

import polars as pl

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


def changes_of(decided: pl.DataFrame) -> pl.DataFrame:
    """The changes (columns of `CHANGES`) that legal rows of `lifecycle.relation.decide` make.

    `decided` has the redemption as it was (`version`, `state`) beside the relation's verdict, what
    was `moved` under which `answered_attempt`, whose it is, and what is known of the answer:
    `reason_class`, `reason_code`, `file_id`, `ordinal`.
    """
    return decided.with_columns(
        version=pl.col("version") + 1,
        from_state="state",
        attempt="answered_attempt",
        quantity="moved",
    ).select(pl.col(name).cast(kind) for name, kind in CHANGES.items())
