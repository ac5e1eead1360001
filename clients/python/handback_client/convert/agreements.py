"""Partners and agreements."""

from __future__ import annotations

from handback_client import models
from handback_client._stubs.v1 import agreements_pb2
from handback_client.convert.words import instant


def partner(message: agreements_pb2.Partner) -> models.Partner:
    """One partner."""
    return models.Partner(
        programme=message.programme,
        partner=message.partner,
        agreement_version=message.agreement_version,
        created_at=instant(message.created_at),
    )


def agreement(message: agreements_pb2.Agreement, unchanged: bool = False) -> models.Agreement:
    """One version of an agreement."""
    return models.Agreement(
        programme=message.programme,
        partner=message.partner,
        version=message.version,
        source=message.source,
        content_hash=message.content_hash,
        actor=message.actor,
        applied_at=instant(message.applied_at),
        unchanged=unchanged,
    )
