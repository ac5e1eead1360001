"""Breaks."""

from __future__ import annotations

from handback_client import models
from handback_client._stubs.v1 import (
    breaks_pb2,
)
from handback_client.convert.words import REASON_CLASSES, instant


def one_break(message: breaks_pb2.Break, replayed: bool = False) -> models.Break:
    """One break."""
    return models.Break(
        break_id=message.break_id,
        programme=message.programme,
        partner=message.partner,
        kind=message.kind,
        redemption_id=message.redemption_id,
        attempt=message.attempt,
        file_id=message.file_id,
        ordinal=message.ordinal,
        quantity=message.quantity if message.HasField("quantity") else None,
        reason_code=message.reason_code,
        reason_class=REASON_CLASSES.get(message.reason_class, models.ReasonClass.UNKNOWN),
        raw=message.raw,
        facts=dict(message.facts),
        opened_at=instant(message.opened_at),
        closed_at=instant(message.closed_at),
        closed_by=message.closed_by,
        resolution=message.resolution,
        comment=message.comment,
        replayed=replayed,
    )
