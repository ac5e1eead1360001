"""BreakService: what reconciliation could not close by itself."""

from __future__ import annotations

from handback.breaks import queries
from handback.breaks.commands import dismiss
from handback.breaks.kinds import BreakKind
from handback.breaks.queries import BreakFilter
from handback.errors import InvalidRequest, Violation
from handback.ids import Prefix, number_of
from handback_server import convert
from handback_server._stubs.v1 import breaks_pb2 as pb
from handback_server._stubs.v1.breaks_pb2_grpc import BreakServiceServicer
from handback_server.callers import Context, command_of
from handback_server.paging import page_of
from handback_server.runtime import Runtime


class Breaks(BreakServiceServicer):
    """Reads breaks, and closes those that need no step on any redemption."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._read = runtime.bridge.read

    async def ListBreaks(
        self, request: pb.ListBreaksRequest, context: Context
    ) -> pb.ListBreaksResponse:
        """Give a page of breaks."""
        page = page_of(request, 0)
        redemption_id, file_id = request.redemption_id, request.file_id
        wanted = BreakFilter(
            programme=convert.named(request.programme, "programme"),
            partner=request.partner or None,
            kinds=tuple(map(_kind, request.kinds)),
            redemption_id=convert.redemption_number(redemption_id) if redemption_id else None,
            file_id=convert.file_number(file_id) if file_id else None,
            include_closed=request.include_closed,
        )
        found = await self._read(queries.page, wanted, page.after, page.fetch)
        views, token = page.cut(found, lambda view: view.break_id)
        breaks = map(convert.break_of, views)
        return pb.ListBreaksResponse(breaks=breaks, next_page_token=token)

    async def GetBreak(self, request: pb.GetBreakRequest, context: Context) -> pb.GetBreakResponse:
        """Give one break."""
        programme = convert.named(request.programme, "programme")
        number = number_of(Prefix.BREAK, request.break_id, "break_id")
        view = await self._read(queries.get, programme, number)
        return pb.GetBreakResponse(found_break=convert.break_of(view))

    async def DismissBreak(
        self, request: pb.DismissBreakRequest, context: Context
    ) -> pb.DismissBreakResponse:
        """Close a break that needs no further step."""
        programme = convert.named(request.programme, "programme")
        number = number_of(Prefix.BREAK, request.break_id, "break_id")
        command = command_of(context, request.request_key, request.comment)
        now = self._runtime.clock.now()
        dismissed = await self._runtime.bridge.write(dismiss, programme, number, command, now)
        closed = convert.break_of(dismissed.view)
        return pb.DismissBreakResponse(closed_break=closed, replayed=dismissed.replayed)


def _kind(text: str) -> BreakKind:
    try:
        return BreakKind[text.upper()]
    except KeyError:
        known = ", ".join(map(str, BreakKind))
        raise InvalidRequest([Violation("kinds", f"expected one of {known}")]) from None
