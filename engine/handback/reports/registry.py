"""All reports there are, by name, in the order in which they are listed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from handback.reports.batches import ATTEMPTS, BATCHES
from handback.reports.breaks import BREAKS, OPEN_BREAKS
from handback.reports.continuity import CONTINUITY
from handback.reports.events import EVENTS
from handback.reports.fees import FEE_RECORDS, FEES
from handback.reports.liability import LIABILITY, OPEN
from handback.reports.member import MEMBER
from handback.reports.reasons import REASONS
from handback.reports.records import RECORDS
from handback.reports.report import Report
from handback.reports.retries import RETRIES
from handback.reports.runs import RUNS
from handback.reports.turnaround import TURNAROUND

REPORTS: Final[Mapping[str, Report]] = MappingProxyType(
    {
        report.name: report
        for report in (
            BATCHES,
            RUNS,
            CONTINUITY,
            BREAKS,
            LIABILITY,
            REASONS,
            TURNAROUND,
            RETRIES,
            FEES,
            MEMBER,
            ATTEMPTS,
            RECORDS,
            FEE_RECORDS,
            OPEN,
            OPEN_BREAKS,
            EVENTS,
        )
    }
)
