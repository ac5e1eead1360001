"""PayoutService: payout batches and what became of them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from handback import telemetry
from handback.ids import Prefix, number_of
from handback.payouts import queries
from handback.payouts.gather import gather
from handback.payouts.queries import BatchFilter, BatchReport, BatchView
from handback.payouts.states import BatchState
from handback_server import convert
from handback_server._stubs.v1 import payouts_pb2 as pb
from handback_server._stubs.v1.payouts_pb2_grpc import PayoutServiceServicer
from handback_server.callers import Context
from handback_server.paging import page_of
from handback_server.runtime import Runtime


class Payouts(PayoutServiceServicer):
    """Reads batches, and gathers what is due on demand."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._bridge = runtime.bridge

    async def ListPayoutBatches(
        self, request: pb.ListPayoutBatchesRequest, context: Context
    ) -> pb.ListPayoutBatchesResponse:
        """Give a page of batches."""
        page = page_of(request, 0)
        wanted = BatchFilter(
            programme=convert.named(request.programme, "programme"),
            partner=request.partner or None,
            states=convert.members(request.states, BatchState, "states"),
        )
        found = await self._bridge.read(queries.page, wanted, page.after, page.fetch)
        views, token = page.cut(found, lambda view: view.batch_id)
        batches = map(convert.payout_batch, views)
        return pb.ListPayoutBatchesResponse(batches=batches, next_page_token=token)

    async def GetPayoutBatch(
        self, request: pb.GetPayoutBatchRequest, context: Context
    ) -> pb.GetPayoutBatchResponse:
        """Give one batch."""
        programme = convert.named(request.programme, "programme")
        view = await self._bridge.read(queries.get, programme, _number(request.batch_id))
        return pb.GetPayoutBatchResponse(batch=convert.payout_batch(view))

    async def GetPayoutBatchReport(
        self, request: pb.GetPayoutBatchReportRequest, context: Context
    ) -> pb.GetPayoutBatchReportResponse:
        """Give what became of what a batch sent."""
        programme = convert.named(request.programme, "programme")
        report = await self._bridge.read(_report, programme, _number(request.batch_id))
        return pb.GetPayoutBatchReportResponse(report=convert.batch_report(report))

    async def GatherPayoutBatches(
        self, request: pb.GatherPayoutBatchesRequest, context: Context
    ) -> pb.GatherPayoutBatchesResponse:
        """Gather what is due now."""
        programme = convert.named(request.programme, "programme")
        sealed = await self._bridge.run(
            gather,
            self._runtime.store,
            self._runtime.desk.landing,
            self._runtime.agreements,
            self._runtime.clock,
            programme,
            convert.named(request.partner, "partner"),
            telemetry.traceparent_of(),
        )
        numbers = [one.batch_id for one in sealed]
        views = await self._bridge.read(_batches, programme, numbers)
        return pb.GatherPayoutBatchesResponse(batches=map(convert.payout_batch, views))


def _number(text: str) -> int:
    return number_of(Prefix.PAYOUT_BATCH, text, "batch_id")


def _report(tx: sa.Connection, programme: str, batch_id: int) -> BatchReport:
    queries.get(tx, programme, batch_id)
    [report] = queries.reports(tx, [batch_id])
    return report


def _batches(tx: sa.Connection, programme: str, batch_ids: Sequence[int]) -> list[BatchView]:
    return [queries.get(tx, programme, batch_id) for batch_id in batch_ids]
