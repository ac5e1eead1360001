"""Partners and agreements."""

from __future__ import annotations

from handback.errors import Violation
from handback.partners.queries import PartnerView, VersionView
from handback_server._stubs.v1 import (
    agreements_pb2,
)
from handback_server.convert.values import instant


def agreement(view: VersionView, *, with_source: bool = True) -> agreements_pb2.Agreement:
    """One version of an agreement, with its document or without."""
    return agreements_pb2.Agreement(
        programme=view.programme,
        partner=view.partner,
        version=view.version,
        source=view.source if with_source else "",
        content_hash=view.content_hash.hex(),
        actor=view.actor,
        applied_at=instant(view.applied_at),
    )


def partner(view: PartnerView) -> agreements_pb2.Partner:
    """A partner and its latest version."""
    return agreements_pb2.Partner(
        programme=view.programme,
        partner=view.partner,
        agreement_version=view.version,
        created_at=instant(view.created_at),
    )


def agreement_violation(violation: Violation) -> agreements_pb2.AgreementViolation:
    """One mistake of a document."""
    return agreements_pb2.AgreementViolation(field=violation.field, expected=violation.expected)
