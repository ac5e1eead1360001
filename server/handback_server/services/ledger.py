"""LedgerService: totals of accounts."""

from __future__ import annotations

from handback.ledger import queries
from handback.ledger.queries import BalanceFilter
from handback_server import convert
from handback_server._stubs.v1 import ledger_pb2 as pb
from handback_server._stubs.v1.ledger_pb2_grpc import LedgerServiceServicer
from handback_server.callers import Context
from handback_server.paging import page_of
from handback_server.runtime import Runtime


class Ledger(LedgerServiceServicer):
    """Reads balances, of now or of any position."""

    def __init__(self, runtime: Runtime) -> None:
        self._read = runtime.bridge.read

    async def ListBalances(
        self, request: pb.ListBalancesRequest, context: Context
    ) -> pb.ListBalancesResponse:
        """Give a page of balances."""
        page = page_of(request, ["", ""])
        wanted = BalanceFilter(
            programme=convert.named(request.programme, "programme"),
            partner=request.partner or None,
            unit=request.unit or None,
            at_position=request.at_position if request.HasField("at_position") else None,
        )
        partner, unit = page.after
        found = await self._read(queries.page, wanted, (partner, unit), page.fetch)
        totals, token = page.cut(found, lambda total: [total.partner, total.unit])
        return pb.ListBalancesResponse(balances=map(convert.balance, totals), next_page_token=token)
