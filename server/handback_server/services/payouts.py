"""PayoutService: payout batches and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from handback import telemetry
from handback.clock import Clock
from handback.ids import Prefix, number_of
from handback.payouts import queries
from handback.payouts.gather import gather
from handback.payouts.holds import HoldFilter, Told, hold, release
from handback.payouts.holds import page as page_of_holds
from handback.payouts.queries import BatchFilter, BatchReport, BatchView
from handback.payouts.recall import recall
from handback.payouts.resend import resend
from handback.payouts.states import BatchState
from handback.store.requests import Command
from handback.store.session import Store
from handback_server import convert
from handback_server._stubs.v1 import payouts_pb2 as pb
from handback_server._stubs.v1.payouts_pb2_grpc import PayoutServiceServicer
from handback_server.callers import Context, command_of
from handback_server.paging import page_of
from handback_server.runtime import Runtime


class Payouts(PayoutServiceServicer):
    """Reads batches, and steers what goes out."""

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
            overdue_at=self._runtime.clock.now() if request.overdue else None,
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

    async def RecallPayoutBatch(
        self, request: pb.RecallPayoutBatchRequest, context: Context
    ) -> pb.RecallPayoutBatchResponse:
        """Take a sealed batch back."""
        programme = convert.named(request.programme, "programme")
        number = _number(request.batch_id)
        command = command_of(context, request.request_key, request.comment)
        store, clock = self._runtime.store, self._runtime.clock
        told = await self._bridge.run(recall, store, clock, programme, number, command)
        batch = convert.payout_batch(told.batch)
        return pb.RecallPayoutBatchResponse(batch=batch, replayed=told.replayed)

    async def ResendPayoutBatch(
        self, request: pb.ResendPayoutBatchRequest, context: Context
    ) -> pb.ResendPayoutBatchResponse:
        """Bring a file once more."""
        told = await self._bridge.run(
            resend,
            self._runtime.store,
            self._runtime.desk.landing,
            self._runtime.transport,
            self._runtime.agreements,
            self._runtime.clock,
            convert.named(request.programme, "programme"),
            _number(request.batch_id),
            command_of(context, request.request_key, request.comment),
            request.file_name,
        )
        batch = convert.payout_batch(told.batch)
        return pb.ResendPayoutBatchResponse(batch=batch, replayed=told.replayed)

    async def HoldPartner(
        self, request: pb.HoldPartnerRequest, context: Context
    ) -> pb.HoldPartnerResponse:
        """Let nothing leave for a partner."""
        told = await self._held(hold, request, context)
        return pb.HoldPartnerResponse(hold=convert.partner_hold(told.hold), replayed=told.replayed)

    async def ReleasePartner(
        self, request: pb.ReleasePartnerRequest, context: Context
    ) -> pb.ReleasePartnerResponse:
        """Let everything leave again."""
        told = await self._held(release, request, context)
        ended = convert.partner_hold(told.hold)
        return pb.ReleasePartnerResponse(hold=ended, replayed=told.replayed)

    async def _held(
        self,
        step: Callable[[Store, Clock, str, str, Command], Told],
        request: pb.HoldPartnerRequest | pb.ReleasePartnerRequest,
        context: Context,
    ) -> Told:
        programme = convert.named(request.programme, "programme")
        partner = convert.named(request.partner, "partner")
        command = command_of(context, request.request_key, request.comment)
        store, clock = self._runtime.store, self._runtime.clock
        return await self._bridge.run(step, store, clock, programme, partner, command)

    async def ListPartnerHolds(
        self, request: pb.ListPartnerHoldsRequest, context: Context
    ) -> pb.ListPartnerHoldsResponse:
        """Give a page of holds."""
        page = page_of(request, 0)
        wanted = HoldFilter(
            programme=convert.named(request.programme, "programme"),
            partner=request.partner or None,
        )
        before = page.after or None
        found = await self._bridge.read(page_of_holds, wanted, before, page.fetch)
        views, token = page.cut(found, lambda view: view.hold_id)
        holds = map(convert.partner_hold, views)
        return pb.ListPartnerHoldsResponse(holds=holds, next_page_token=token)


def _number(text: str) -> int:
    return number_of(Prefix.PAYOUT_BATCH, text, "batch_id")


def _report(tx: sa.Connection, programme: str, batch_id: int) -> BatchReport:
    queries.get(tx, programme, batch_id)
    [report] = queries.reports(tx, [batch_id])
    return report


def _batches(tx: sa.Connection, programme: str, batch_ids: Sequence[int]) -> list[BatchView]:
    return [queries.get(tx, programme, batch_id) for batch_id in batch_ids]
