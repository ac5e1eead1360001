"""Payout batches and their reports."""

from __future__ import annotations

from typing import Protocol

from handback.ids import Prefix, public_id
from handback.payouts.holds import HoldView
from handback.payouts.queries import BatchReport, BatchView
from handback_server._stubs.v1 import (
    payouts_pb2,
)
from handback_server.convert.values import instant, optional_id


def payout_batch(view: BatchView) -> payouts_pb2.PayoutBatch:
    """A payout batch as it stands."""
    return payouts_pb2.PayoutBatch(
        batch_id=public_id(Prefix.PAYOUT_BATCH, view.batch_id),
        programme=view.programme,
        partner=view.partner,
        unit=view.unit,
        sequence=view.sequence,
        agreement_version=view.agreement_version,
        state=payouts_pb2.PayoutBatchState.ValueType(view.state),
        record_count=view.record_count,
        quantity=view.quantity,
        file_name=view.file_name,
        fingerprint=view.fingerprint.hex(),
        size_bytes=view.size_bytes,
        sealed_at=instant(view.sealed_at),
        delivered_at=instant(view.delivered_at),
        dispatched_at=instant(view.dispatched_at),
        split_value=view.split_value or "",
        due_by=instant(view.due_by),
        deadline_at=instant(view.deadline_at),
        settled_at=instant(view.settled_at),
        recalled_at=instant(view.recalled_at),
        recalled_by=view.recalled_by or "",
        recall_reason=view.recall_reason or "",
        resent_at=instant(view.resent_at),
        resent_by=view.resent_by or "",
        resent_as=view.resent_as or "",
    )


def partner_hold(view: HoldView) -> payouts_pb2.PartnerHold:
    """A hold of a partner as it stands."""
    return payouts_pb2.PartnerHold(
        programme=view.programme,
        partner=view.partner,
        reason=view.reason,
        file_id=optional_id(Prefix.HANDBACK_FILE, view.file_id),
        held_at=instant(view.held_at),
        held_by=view.held_by,
        released_at=instant(view.released_at),
        released_by=view.released_by or "",
        release_comment=view.release_comment or "",
    )


class Counted(Protocol):
    """So many of so much quantity."""

    @property
    def count(self) -> int:
        """How many."""
        ...

    @property
    def quantity(self) -> int:
        """How much together."""
        ...


def tally(share: Counted) -> payouts_pb2.Tally:
    """How many and how much."""
    return payouts_pb2.Tally(count=share.count, quantity=share.quantity)


def batch_report(report: BatchReport) -> payouts_pb2.PayoutBatchReport:
    """What became of what a batch sent."""
    return payouts_pb2.PayoutBatchReport(
        batch_id=public_id(Prefix.PAYOUT_BATCH, report.batch_id),
        sent=tally(report.sent),
        confirmed=tally(report.confirmed),
        rejected=tally(report.rejected),
        open=tally(report.open),
        remainder=tally(report.remainder),
    )
