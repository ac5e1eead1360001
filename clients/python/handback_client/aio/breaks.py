"""Breaks: what reconciliation could not close by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from handback_client import convert
from handback_client._stubs.v1 import breaks_pb2
from handback_client._stubs.v1.breaks_pb2_grpc import BreakServiceStub
from handback_client.aio.connection import Connection
from handback_client.keys import new_request_key
from handback_client.models import Break


class AsyncBreaks:
    """The calls about breaks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._breaks = BreakServiceStub(connection.channel)

    async def list(
        self,
        *,
        partner: str = "",
        kinds: Iterable[str] = (),
        redemption_id: str = "",
        file_id: str = "",
        include_closed: bool = False,
        page_size: int = 500,
    ) -> AsyncIterator[Break]:
        """Open breaks, oldest first; filters left empty let everything pass."""
        request = breaks_pb2.ListBreaksRequest(
            programme=self._connection.programme,
            partner=partner,
            kinds=kinds,
            redemption_id=redemption_id,
            file_id=file_id,
            include_closed=include_closed,
            page_size=page_size,
        )
        async for page in self._connection.pages(self._breaks.ListBreaks, request):
            for found in page.breaks:
                yield convert.one_break(found)

    async def get(self, break_id: str) -> Break:
        """One break. Raises NotFound."""
        request = breaks_pb2.GetBreakRequest(
            programme=self._connection.programme, break_id=break_id
        )
        answer = await self._connection.call(self._breaks.GetBreak, request)
        return convert.one_break(answer.found_break)

    async def dismiss(self, break_id: str, *, comment: str, request_key: str = "") -> Break:
        """Close a break that needs no step on any redemption; `comment` says why.

        Raises NotFound, BreakClosed, BreakHoldsRedemption, RequestKeyReused.
        """
        request = breaks_pb2.DismissBreakRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            break_id=break_id,
            comment=comment,
        )
        answer = await self._connection.call(self._breaks.DismissBreak, request)
        return convert.one_break(answer.closed_break, answer.replayed)
