"""Breaks, their history and evidence, and what decisions about them came to."""

from __future__ import annotations

from handback_client import models
from handback_client._stubs.v1 import breaks_pb2
from handback_client.convert.files import finding, handback_file
from handback_client.convert.words import REASON_CLASSES, instant
from handback_client.refusals import error_of_status


def one_break(message: breaks_pb2.Break, replayed: bool = False) -> models.Break:
    """One break."""
    return models.Break(
        break_id=message.break_id,
        programme=message.programme,
        partner=message.partner,
        kind=message.kind,
        severity=message.severity,
        redemption_id=message.redemption_id,
        attempt=message.attempt,
        file_id=message.file_id,
        ordinal=message.ordinal,
        quantity=message.quantity if message.HasField("quantity") else None,
        reason_code=message.reason_code,
        reason_class=REASON_CLASSES[message.reason_class],
        raw=message.raw,
        facts=dict(message.facts),
        owner=message.owner,
        opened_at=instant(message.opened_at),
        due_at=instant(message.due_at),
        age_s=message.age_s,
        closed_at=instant(message.closed_at),
        closed_by=message.closed_by,
        resolution=message.resolution,
        comment=message.comment,
        proposal=_proposal(message.proposal) if message.HasField("proposal") else None,
        replayed=replayed,
    )


def _proposal(message: breaks_pb2.Proposal) -> models.Proposal:
    return models.Proposal(
        number=message.number,
        decision=message.decision,
        redemption_id=message.redemption_id,
        quantity=message.quantity,
        actor=message.actor,
        comment=message.comment,
        proposed_at=instant(message.proposed_at),
        lapsed=message.lapsed,
    )


def _note(message: breaks_pb2.BreakNote) -> models.BreakNote:
    return models.BreakNote(
        number=message.number,
        kind=message.kind,
        actor=message.actor,
        text=message.text,
        at=instant(message.at),
    )


def dossier(message: breaks_pb2.GetBreakResponse) -> models.Dossier:
    """A break with its history and its evidence."""
    evidence = message.evidence
    return models.Dossier(
        found=one_break(message.found_break),
        history=tuple(map(_note, message.history)),
        reference=evidence.reference,
        line=evidence.line,
        agreement_version=evidence.agreement_version,
        file=handback_file(evidence.file) if evidence.HasField("file") else None,
        findings=tuple(map(finding, evidence.findings)),
        earlier=tuple(map(one_break, evidence.earlier)),
    )


def resolved(message: breaks_pb2.ResolveBreaksResponse) -> models.Resolved:
    """What a decision came to."""
    return models.Resolved(outcomes=tuple(map(_outcome, message.outcomes)), more=message.more)


def _outcome(message: breaks_pb2.ResolveOutcome) -> models.ResolveOutcome:
    done, refused = message.HasField("resolved_break"), message.HasField("error")
    return models.ResolveOutcome(
        break_id=message.break_id,
        found=one_break(message.resolved_break, message.replayed) if done else None,
        error=error_of_status(message.error) if refused else None,
        proposed=message.proposed,
        replayed=message.replayed,
    )
