# Generated from handback_client/aio by async_to_sync.py; do not edit.
"""Payout batches: which there are, what became of them, gathering, recalling, sending again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from handback_client import convert
from handback_client._stubs.v1 import payouts_pb2
from handback_client._stubs.v1.payouts_pb2_grpc import PayoutServiceStub
from handback_client.keys import new_request_key
from handback_client.models import BatchReport, PayoutBatch
from handback_client.sync.connection import Connection


class Batches:
    """The calls about payout batches."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._payouts = PayoutServiceStub(connection.channel)

    def list(
        self,
        *,
        partner: str = "",
        states: Iterable[str] = (),
        overdue: bool = False,
        page_size: int = 500,
    ) -> Iterator[PayoutBatch]:
        """Payout batches, oldest first; filters left empty let everything pass.

        `overdue` leaves those whose deadline is over with something in them outstanding.
        """
        request = payouts_pb2.ListPayoutBatchesRequest(
            programme=self._connection.programme,
            partner=partner,
            states=convert.batch_states(states),
            overdue=overdue,
            page_size=page_size,
        )
        for page in self._connection.pages(self._payouts.ListPayoutBatches, request):
            for batch in page.batches:
                yield convert.payout_batch(batch)

    def get(self, batch_id: str) -> PayoutBatch:
        """One payout batch. Raises NotFound."""
        request = payouts_pb2.GetPayoutBatchRequest(
            programme=self._connection.programme, batch_id=batch_id
        )
        answer = self._connection.call(self._payouts.GetPayoutBatch, request)
        return convert.payout_batch(answer.batch)

    def report(self, batch_id: str) -> BatchReport:
        """What became of what a batch sent, as of now. Raises NotFound."""
        request = payouts_pb2.GetPayoutBatchReportRequest(
            programme=self._connection.programme, batch_id=batch_id
        )
        answer = self._connection.call(self._payouts.GetPayoutBatchReport, request)
        return convert.batch_report(answer.report)

    def gather(self, partner: str) -> tuple[PayoutBatch, ...]:
        """Gather what is due for a partner now; no batch where nothing is due.

        Raises NotFound, AgreementNotActive, PartnerHeld, LimitReached where something is due and
        the partner takes nothing more that day.
        """
        request = payouts_pb2.GatherPayoutBatchesRequest(
            programme=self._connection.programme, partner=partner
        )
        answer = self._connection.call(self._payouts.GatherPayoutBatches, request)
        return tuple(map(convert.payout_batch, answer.batches))

    def recall(self, batch_id: str, *, comment: str, request_key: str = "") -> PayoutBatch:
        """Recall a sealed batch that has not left; what was in it is due again.

        Hold the partner first, or it goes out with the next gathering. Raises NotFound,
        WrongBatchState where its file may have left, RequestKeyReused.
        """
        request = payouts_pb2.RecallPayoutBatchRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            batch_id=batch_id,
            comment=comment,
        )
        answer = self._connection.call(self._payouts.RecallPayoutBatch, request)
        return convert.payout_batch(answer.batch, answer.replayed)

    def resend(
        self, batch_id: str, *, file_name: str = "", comment: str = "", request_key: str = ""
    ) -> PayoutBatch:
        """Bring the file of a delivered batch once more, under its own name or another one.

        The same bytes; no redemption takes a step. Raises NotFound, WrongBatchState, PartnerHeld,
        AlreadyExists where other content has the name, RequestKeyReused.
        """
        request = payouts_pb2.ResendPayoutBatchRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            batch_id=batch_id,
            file_name=file_name,
            comment=comment,
        )
        answer = self._connection.call(self._payouts.ResendPayoutBatch, request)
        return convert.payout_batch(answer.batch, answer.replayed)
