"""When a break is due: at the end of so many business days of the partner, by its severity."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from handback.breaks.kinds import BreakKind, Severity
from handback.partners.agreement import Agreement
from handback.partners.calendar import Calendar
from handback.store.bulk import INSTANT

DAYS: Final[Mapping[Severity, int]] = MappingProxyType(
    {Severity.CRITICAL: 1, Severity.HIGH: 2, Severity.NORMAL: 5, Severity.LOW: 10}
)
"""Business days to close a break of each severity."""

_WEEKDAYS: Final = Calendar(ZoneInfo("UTC"))


def with_due(opened: pl.DataFrame, agreement: Agreement | None) -> pl.DataFrame:
    """Breaks (columns `kind` and `opened_at` among others) with the instant `due_at` beside.

    Without an agreement the days run from Monday to Friday, in UTC.
    """
    calendar = _WEEKDAYS if agreement is None else agreement.calendar
    alike = opened.select("kind", "opened_at").unique()
    due = [_due_at(BreakKind(kind), at, calendar) for kind, at in alike.iter_rows()]
    known = alike.with_columns(pl.Series("due_at", due, INSTANT))
    return opened.join(known, on=["kind", "opened_at"], how="left", maintain_order="left")


def _due_at(kind: BreakKind, opened_at: datetime, calendar: Calendar) -> datetime:
    return calendar.deadline(opened_at, DAYS[kind.severity])
