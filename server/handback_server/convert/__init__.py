"""Engine values to messages and back; the only package that knows both.

The numbers of states, triggers, classes and the like are the same on the wire as in the engine; a
test holds them together.
"""

from __future__ import annotations

from handback_server.convert.agreements import agreement, agreement_violation, partner
from handback_server.convert.breaks import (
    break_evidence,
    break_note,
    break_of,
    resolve_outcome,
)
from handback_server.convert.files import (
    file_line,
    file_record,
    finding,
    handback_file,
    run_report,
)
from handback_server.convert.ledger import balance
from handback_server.convert.payouts import batch_report, partner_hold, payout_batch, tally
from handback_server.convert.redemptions import (
    correction,
    event,
    event_block,
    event_kind,
    put_redemption,
    redemption,
)
from handback_server.convert.reports import report, report_footer, report_header, report_rows
from handback_server.convert.values import (
    Enum,
    cause_id,
    file_number,
    instant,
    members,
    named,
    optional_id,
    redemption_number,
)

__all__ = [
    "Enum",
    "agreement",
    "agreement_violation",
    "balance",
    "batch_report",
    "break_evidence",
    "break_note",
    "break_of",
    "cause_id",
    "correction",
    "event",
    "event_block",
    "event_kind",
    "file_line",
    "file_number",
    "file_record",
    "finding",
    "handback_file",
    "instant",
    "members",
    "named",
    "optional_id",
    "partner",
    "partner_hold",
    "payout_batch",
    "put_redemption",
    "redemption",
    "redemption_number",
    "report",
    "report_footer",
    "report_header",
    "report_rows",
    "resolve_outcome",
    "run_report",
    "tally",
]
