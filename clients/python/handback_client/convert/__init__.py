"""From the messages of the wire to what callers get. The stubs go no further than here."""

from __future__ import annotations

from handback_client.convert.agreements import agreement, partner
from handback_client.convert.breaks import dossier, one_break, resolved
from handback_client.convert.files import finding, handback_file, run_report
from handback_client.convert.payouts import batch_report, partner_hold, payout_batch
from handback_client.convert.redemptions import (
    correction,
    event,
    event_batch,
    redemption,
    submission_message,
    submit_outcome,
)
from handback_client.convert.words import (
    batch_states,
    file_states,
    states,
    triggers,
)

__all__ = [
    "agreement",
    "batch_report",
    "batch_states",
    "correction",
    "dossier",
    "event",
    "event_batch",
    "file_states",
    "finding",
    "handback_file",
    "one_break",
    "partner",
    "partner_hold",
    "payout_batch",
    "redemption",
    "resolved",
    "run_report",
    "states",
    "submission_message",
    "submit_outcome",
    "triggers",
]
