"""Payout batches and their reports."""

from __future__ import annotations

from handback_client import models
from handback_client._stubs.v1 import (
    payouts_pb2,
)
from handback_client.convert.words import BATCH_STATES, instant


def tally(message: payouts_pb2.Tally) -> models.Tally:
    """A count and a quantity."""
    return models.Tally(count=message.count, quantity=message.quantity)


def payout_batch(message: payouts_pb2.PayoutBatch) -> models.PayoutBatch:
    """One payout batch."""
    return models.PayoutBatch(
        batch_id=message.batch_id,
        programme=message.programme,
        partner=message.partner,
        unit=message.unit,
        sequence=message.sequence,
        agreement_version=message.agreement_version,
        state=BATCH_STATES.get(message.state, models.BatchState.UNKNOWN),
        record_count=message.record_count,
        quantity=message.quantity,
        file_name=message.file_name,
        fingerprint=message.fingerprint,
        size_bytes=message.size_bytes,
        sealed_at=instant(message.sealed_at),
        delivered_at=instant(message.delivered_at),
        dispatched_at=instant(message.dispatched_at),
    )


def batch_report(message: payouts_pb2.PayoutBatchReport) -> models.BatchReport:
    """What became of what one payout batch sent."""
    return models.BatchReport(
        batch_id=message.batch_id,
        sent=tally(message.sent),
        confirmed=tally(message.confirmed),
        rejected=tally(message.rejected),
        open=tally(message.open),
    )
