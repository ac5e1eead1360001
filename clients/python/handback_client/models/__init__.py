"""What calls take and give: frozen dataclasses, free of gRPC and protobuf.

Ids are text (`rdm_…`), instants aware UTC datetimes, quantities integers of the unit named beside
them. A word that a newer server knows and this client does not reads `unknown`.
"""

from __future__ import annotations

from handback_client.models.agreements import Agreement, Partner
from handback_client.models.breaks import (
    Break,
    BreakNote,
    Dossier,
    Proposal,
    Resolved,
    ResolveOutcome,
)
from handback_client.models.files import Finding, HandbackFile, RunReport
from handback_client.models.ledger import Balance
from handback_client.models.payouts import BatchReport, PartnerHold, PayoutBatch, Tally
from handback_client.models.redemptions import (
    Correction,
    Event,
    EventBatch,
    Redemption,
    Submission,
    SubmitOutcome,
)
from handback_client.models.words import (
    BatchState,
    CauseKind,
    FileState,
    ReasonClass,
    Severity,
    State,
    Trigger,
)

__all__ = [
    "Agreement",
    "Balance",
    "BatchReport",
    "BatchState",
    "Break",
    "BreakNote",
    "CauseKind",
    "Correction",
    "Dossier",
    "Event",
    "EventBatch",
    "FileState",
    "Finding",
    "HandbackFile",
    "Partner",
    "PartnerHold",
    "PayoutBatch",
    "Proposal",
    "ReasonClass",
    "Redemption",
    "ResolveOutcome",
    "Resolved",
    "RunReport",
    "Severity",
    "State",
    "Submission",
    "SubmitOutcome",
    "Tally",
    "Trigger",
]
