# Generated from handback_client/aio by async_to_sync.py; do not edit.
"""Corrections: members whom a partner credits under other details."""

from __future__ import annotations

from collections.abc import Iterator

from handback_client import convert
from handback_client._stubs.v1 import redemptions_pb2
from handback_client._stubs.v1.redemptions_pb2_grpc import RedemptionServiceStub
from handback_client.keys import new_request_key
from handback_client.models import Correction
from handback_client.sync.connection import Connection


class Corrections:
    """The calls about corrections."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._redemptions = RedemptionServiceStub(connection.channel)

    def list(
        self,
        *,
        partner: str = "",
        member_ref: str = "",
        include_acknowledged: bool = False,
        page_size: int = 500,
    ) -> Iterator[Correction]:
        """Corrections to be acknowledged, oldest first; filters left empty let everything pass."""
        request = redemptions_pb2.ListCorrectionsRequest(
            programme=self._connection.programme,
            partner=partner,
            member_ref=member_ref,
            include_acknowledged=include_acknowledged,
            page_size=page_size,
        )
        for page in self._connection.pages(self._redemptions.ListCorrections, request):
            for found in page.corrections:
                yield convert.correction(found)

    def acknowledge(
        self, correction_id: str, *, comment: str = "", request_key: str = ""
    ) -> Correction:
        """Note that a correction was taken in: from then on it blocks no submits.

        Raises NotFound, RequestKeyReused.
        """
        request = redemptions_pb2.AcknowledgeCorrectionRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            correction_id=correction_id,
            comment=comment,
        )
        answer = self._connection.call(self._redemptions.AcknowledgeCorrection, request)
        return convert.correction(answer.correction, answer.replayed)
