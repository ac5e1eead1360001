"""Payout batches and their reports."""

from __future__ import annotations

from handback_client import models
from handback_client._stubs.v1 import payouts_pb2
from handback_client.convert.words import BATCH_STATES, instant


def tally(message: payouts_pb2.Tally) -> models.Tally:
    """A count and a quantity."""
    return models.Tally(count=message.count, quantity=message.quantity)


def payout_batch(message: payouts_pb2.PayoutBatch, replayed: bool = False) -> models.PayoutBatch:
    """One payout batch."""
    return models.PayoutBatch(
        batch_id=message.batch_id,
        programme=message.programme,
        partner=message.partner,
        unit=message.unit,
        sequence=message.sequence,
        agreement_version=message.agreement_version,
        state=BATCH_STATES[message.state],
        record_count=message.record_count,
        quantity=message.quantity,
        file_name=message.file_name,
        fingerprint=message.fingerprint,
        size_bytes=message.size_bytes,
        sealed_at=instant(message.sealed_at),
        delivered_at=instant(message.delivered_at),
        dispatched_at=instant(message.dispatched_at),
        split_value=message.split_value,
        due_by=instant(message.due_by),
        deadline_at=instant(message.deadline_at),
        settled_at=instant(message.settled_at),
        recalled_at=instant(message.recalled_at),
        recalled_by=message.recalled_by,
        recall_reason=message.recall_reason,
        resent_at=instant(message.resent_at),
        resent_by=message.resent_by,
        resent_as=message.resent_as,
        replayed=replayed,
    )


def partner_hold(message: payouts_pb2.PartnerHold, replayed: bool = False) -> models.PartnerHold:
    """One hold of a partner."""
    return models.PartnerHold(
        programme=message.programme,
        partner=message.partner,
        reason=message.reason,
        file_id=message.file_id,
        held_at=instant(message.held_at),
        held_by=message.held_by,
        released_at=instant(message.released_at),
        released_by=message.released_by,
        release_comment=message.release_comment,
        replayed=replayed,
    )


def batch_report(message: payouts_pb2.PayoutBatchReport) -> models.BatchReport:
    """What became of what one payout batch sent."""
    return models.BatchReport(
        batch_id=message.batch_id,
        sent=tally(message.sent),
        confirmed=tally(message.confirmed),
        rejected=tally(message.rejected),
        open=tally(message.open),
        remainder=tally(message.remainder),
    )
