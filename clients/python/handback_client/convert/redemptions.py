"""Redemptions, submissions and events."""

from __future__ import annotations

from handback_client import models
from handback_client._stubs.v1 import (
    events_pb2,
    lifecycle_pb2,
    redemptions_pb2,
)
from handback_client.convert.words import (
    CAUSES,
    REASON_CLASSES,
    STATES,
    TRIGGERS,
    instant,
)
from handback_client.refusals import error_of_status


def submission_message(submission: models.Submission) -> redemptions_pb2.Submission:
    """What a caller asks for, for the wire."""
    return redemptions_pb2.Submission(
        request_key=submission.request_key,
        partner=submission.partner,
        member_ref=submission.member_ref,
        quantity=submission.quantity,
        unit=submission.unit,
        fields=submission.fields,
        trace_context=submission.trace_context,
    )


def submit_outcome(
    submission: models.Submission, message: redemptions_pb2.SubmitOutcome
) -> models.SubmitOutcome:
    """What became of one submission of many."""
    if message.WhichOneof("result") == "error":
        return models.SubmitOutcome(submission=submission, error=error_of_status(message.error))
    taken = redemption(message.redemption, replayed=message.replayed)
    return models.SubmitOutcome(submission=submission, redemption=taken)


def redemption(message: lifecycle_pb2.Redemption, replayed: bool = False) -> models.Redemption:
    """One redemption."""
    return models.Redemption(
        redemption_id=message.redemption_id,
        programme=message.programme,
        partner=message.partner,
        member_ref=message.member_ref,
        quantity=message.quantity,
        unit=message.unit,
        state=STATES[message.state],
        attempt=message.attempt,
        version=message.version,
        held=message.held,
        fulfilled=message.fulfilled,
        submitted_at=instant(message.submitted_at),
        due_at=instant(message.due_at),
        origin_id=message.origin_id,
        remainder_ids=tuple(message.remainder_ids),
        next_cut_off_at=instant(message.next_cut_off_at),
        replayed=replayed,
    )


def correction(message: redemptions_pb2.Correction, replayed: bool = False) -> models.Correction:
    """One correction."""
    return models.Correction(
        correction_id=message.correction_id,
        programme=message.programme,
        partner=message.partner,
        member_ref=message.member_ref,
        named_member=message.named_member,
        redemption_id=message.redemption_id,
        file_id=message.file_id,
        ordinal=message.ordinal,
        reason_code=message.reason_code,
        raised_at=instant(message.raised_at),
        acknowledged_at=instant(message.acknowledged_at),
        acknowledged_by=message.acknowledged_by,
        replayed=replayed,
    )


def event(message: lifecycle_pb2.RedemptionEvent) -> models.Event:
    """One step of one redemption."""
    return models.Event(
        redemption_id=message.redemption_id,
        version=message.version,
        trigger=TRIGGERS[message.trigger],
        from_state=STATES[message.from_state],
        to_state=STATES[message.to_state],
        attempt=message.attempt,
        quantity=message.quantity,
        unit=message.unit,
        partner=message.partner,
        reason_class=REASON_CLASSES[message.reason_class],
        reason_code=message.reason_code,
        file_id=message.file_id,
        ordinal=message.ordinal,
        block_id=message.block_id,
        committed_at=instant(message.committed_at),
        cause=CAUSES[message.cause],
        cause_id=message.cause_id,
        actor=message.actor,
        trace_context=message.trace_context,
        position=message.position,
        cursor=message.cursor,
        comment=message.comment,
        changed=tuple(message.changed),
    )


def event_batch(message: events_pb2.WatchResponse) -> models.EventBatch:
    """One response of a watch."""
    return models.EventBatch(
        events=tuple(map(event, message.events)),
        cursor=message.cursor,
        caught_up=message.caught_up,
    )
