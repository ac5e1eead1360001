"""Breaks."""

from __future__ import annotations

from handback.breaks.queries import BreakView
from handback.ids import Prefix, public_id
from handback_server._stubs.v1 import (
    breaks_pb2,
    lifecycle_pb2,
)
from handback_server.convert.values import instant, optional_id


def break_of(view: BreakView) -> breaks_pb2.Break:
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
    )
