"""Breaks, what people do with them, and what they rest on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from handback.breaks.notes import Note
from handback.breaks.queries import BreakView, Proposal
from handback.errors import HandbackError
from handback.ids import Prefix, public_id
from handback.resolutions.evidence import Dossier
from handback.resolutions.resolve import Outcome
from handback_server._stubs.v1 import breaks_pb2, lifecycle_pb2
from handback_server.convert.files import finding, handback_file
from handback_server.convert.values import instant, optional_id
from handback_server.status import status_of


def break_of(view: BreakView, now: datetime) -> breaks_pb2.Break:
    """A break as it stands."""
    return breaks_pb2.Break(
        break_id=public_id(Prefix.BREAK, view.break_id),
        programme=view.programme,
        partner=view.partner,
        kind=str(view.kind),
        redemption_id=optional_id(Prefix.REDEMPTION, view.redemption_id),
        attempt=view.attempt or 0,
        file_id=optional_id(Prefix.HANDBACK_FILE, view.file_id),
        ordinal=view.ordinal or 0,
        quantity=view.quantity,
        reason_code=view.reason_code or "",
        reason_class=lifecycle_pb2.ReasonClass.ValueType(view.reason_class),
        raw=view.raw or "",
        facts=view.facts,
        opened_at=instant(view.opened_at),
        closed_at=instant(view.closed_at),
        closed_by=view.closed_by or "",
        resolution="" if view.resolution is None else str(view.resolution),
        comment=view.comment or "",
        severity=str(view.severity),
        owner=view.owner or "",
        due_at=instant(view.due_at),
        age_s=int(((view.closed_at or now) - view.opened_at).total_seconds()),
        proposal=None if view.proposal is None else _proposal(view.proposal),
    )


def _proposal(waiting: Proposal) -> breaks_pb2.Proposal:
    return breaks_pb2.Proposal(
        number=waiting.number,
        decision=str(waiting.decision),
        redemption_id=public_id(Prefix.REDEMPTION, waiting.redemption_id),
        quantity=waiting.quantity,
        actor=waiting.actor,
        comment=waiting.comment,
        proposed_at=instant(waiting.proposed_at),
        lapsed=waiting.lapsed,
    )


def break_note(note: Note) -> breaks_pb2.BreakNote:
    """One entry of the history of a break."""
    return breaks_pb2.BreakNote(
        number=note.number,
        kind=str(note.kind),
        actor=note.actor,
        text=note.text or "",
        at=instant(note.at),
    )


def break_evidence(dossier: Dossier, now: datetime) -> breaks_pb2.BreakEvidence:
    """What a break rests on."""
    return breaks_pb2.BreakEvidence(
        reference=dossier.view.reference or "",
        line=dossier.line,
        agreement_version=dossier.agreement_version,
        file=None if dossier.file is None else handback_file(dossier.file),
        findings=map(finding, dossier.findings),
        earlier=[break_of(view, now) for view in dossier.earlier],
    )


def resolve_outcome(
    outcome: Outcome, shown: Callable[[BreakView], breaks_pb2.Break]
) -> breaks_pb2.ResolveOutcome:
    """What a decision came to for one break; `shown` makes messages of breaks."""
    told = breaks_pb2.ResolveOutcome(
        break_id=public_id(Prefix.BREAK, outcome.break_id),
        proposed=outcome.proposed,
        replayed=outcome.replayed,
    )
    if isinstance(outcome.result, HandbackError):
        told.error.CopyFrom(status_of(outcome.result))
    else:
        told.resolved_break.CopyFrom(shown(outcome.result))
    return told
