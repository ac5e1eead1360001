"""Columns of reports: which redemptions are meant, what is shown of reasons, words and names."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.lifecycle.table import Trigger
from handback.partners.restricted import RESTRICTED, SHOWN
from handback.reports.reading import Reading
from handback.store.bulk import table_of
from handback.store.tables import Event, Redemption

EVENT, REDEMPTION = table_of(Event), table_of(Redemption)

ANSWERS: Final = (
    Trigger.ACKNOWLEDGE,
    Trigger.CONFIRM,
    Trigger.REJECT,
    Trigger.EXPIRE,
    Trigger.RETURN,
    Trigger.RETURN_PART,
)
"""What a partner can say of an attempt, silence included."""


def reason_columns(
    asked: Reading, event: sa.FromClause = EVENT
) -> tuple[sa.ColumnElement[int], sa.ColumnElement[str]]:
    """The class and the code of events as the caller may see them.

    Restricted reasons have the class that stands for them, and no code, for those who may not.
    """
    code = sa.func.coalesce(event.c.reason_code, sa.literal("", sa.Text))
    if asked.unmasked:
        return event.c.reason_class, code.label("reason_code")
    hidden = event.c.reason_class == int(RESTRICTED)
    shown = sa.case((hidden, int(SHOWN)), else_=event.c.reason_class)
    return (
        sa.type_coerce(shown, sa.SmallInteger).label("reason_class"),
        sa.type_coerce(sa.case((hidden, ""), else_=code), sa.Text).label("reason_code"),
    )


def words(column: str, members: type[IntEnum]) -> pl.Expr:
    """The words for the numbers of a column; null stays null."""
    return _named(column, {int(member): str(member) for member in members})


def partner_column(asked: Reading) -> pl.Expr:
    """The name of the partner, by `partner_id`."""
    return _named("partner_id", asked.partners).alias("partner")


def unit_column(asked: Reading) -> pl.Expr:
    """The name of the unit, by `unit_id`."""
    return _named("unit_id", asked.names.units).alias("unit")


def _named(column: str, known: Mapping[int, str]) -> pl.Expr:
    if not known:
        return pl.lit(None, pl.String)
    return pl.col(column).replace_strict(known, default=None, return_dtype=pl.String)


def of_programme(asked: Reading) -> sa.ColumnElement[bool]:
    """Which redemptions are of the partner and unit that were asked for."""
    ours = REDEMPTION.c.partner_id.in_(asked.partner_ids)
    if asked.unit_id is None:
        return ours
    return ours & (REDEMPTION.c.unit_id == asked.unit_id)
