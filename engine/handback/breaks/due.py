"""When a break is due: at the end of so many business days of the partner, by its severity."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from handback.breaks.kinds import BreakKind
from handback.partners.agreement import Agreement
from handback.partners.calendar import Calendar
from handback.partners.keys import BREAK_DAYS
from handback.store.bulk import INSTANT

_WEEKDAYS: Final = Calendar(ZoneInfo("UTC"))


def with_due(opened: pl.DataFrame, agreement: Agreement | None) -> pl.DataFrame:
    """Breaks (columns `kind` and `opened_at` among others) with the instant `due_at` beside.

    Without an agreement the days run from Monday to Friday, in UTC.
    """
    calendar = _WEEKDAYS if agreement is None else agreement.calendar
    days = BREAK_DAYS if agreement is None else agreement.break_days
    alike = opened.select("kind", "opened_at").unique()
    due = [
        calendar.deadline(at, days[str(BreakKind(kind).severity)]) for kind, at in alike.iter_rows()
    ]
    known = alike.with_columns(pl.Series("due_at", due, INSTANT))
    return opened.join(known, on=["kind", "opened_at"], how="left", maintain_order="left")
