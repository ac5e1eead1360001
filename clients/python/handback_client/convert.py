"""From the messages of the wire to what callers get. The stubs go no further than here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from handback_client import models
from handback_client._stubs.v1 import (
    agreements_pb2,
    breaks_pb2,
    events_pb2,
    handback_files_pb2,
    ledger_pb2,
    lifecycle_pb2,
    payouts_pb2,
    redemptions_pb2,
)
from handback_client.refusals import error_of_status

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Word = TypeVar("_Word", bound=StrEnum)


def _words(kind: type[_Word]) -> dict[int, _Word]:
    """The words of an enumeration by their numbers on the wire, which follow its order.

    The last, `unknown`, has no number; reading a number that is not here means it.
    """
    return dict(enumerate(list(kind)[:-1]))


_STATES = _words(models.State)
_TRIGGERS = _words(models.Trigger)
_REASON_CLASSES = _words(models.ReasonClass)
_CAUSES = _words(models.CauseKind)
_BATCH_STATES = _words(models.BatchState)
_FILE_STATES = _words(models.FileState)
_SEVERITIES = _words(models.Severity)


def states(words: Iterable[str]) -> list[lifecycle_pb2.RedemptionState.ValueType]:
    """States to ask for. Raises ValueError for a word that is none."""
    return [
        lifecycle_pb2.RedemptionState.Value(f"REDEMPTION_STATE_{models.State(word).name}")
        for word in words
    ]


def triggers(words: Iterable[str]) -> list[lifecycle_pb2.Trigger.ValueType]:
    """Triggers to ask for. Raises ValueError for a word that is none."""
    return [lifecycle_pb2.Trigger.Value(f"TRIGGER_{models.Trigger(word).name}") for word in words]


def batch_states(words: Iterable[str]) -> list[payouts_pb2.PayoutBatchState.ValueType]:
    """States of payout batches to ask for. Raises ValueError for a word that is none."""
    return [
        payouts_pb2.PayoutBatchState.Value(f"PAYOUT_BATCH_STATE_{models.BatchState(word).name}")
        for word in words
    ]


def file_states(words: Iterable[str]) -> list[handback_files_pb2.HandbackFileState.ValueType]:
    """States of hand-back files to ask for. Raises ValueError for a word that is none."""
    return [
        handback_files_pb2.HandbackFileState.Value(
            f"HANDBACK_FILE_STATE_{models.FileState(word).name}"
        )
        for word in words
    ]


def file_state(number: int) -> models.FileState:
    """The state of a hand-back file."""
    return _FILE_STATES.get(number, models.FileState.UNKNOWN)


def reason_class(number: int) -> models.ReasonClass:
    """What a partner's code means."""
    return _REASON_CLASSES.get(number, models.ReasonClass.UNKNOWN)


def trigger(number: int) -> models.Trigger:
    """What moves a redemption."""
    return _TRIGGERS.get(number, models.Trigger.UNKNOWN)


def instant(stamp: Timestamp) -> datetime | None:
    """An aware UTC instant; None for a stamp that was not set."""
    if not stamp.seconds and not stamp.nanos:
        return None
    return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1_000)


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
        state=_STATES.get(message.state, models.State.UNKNOWN),
        attempt=message.attempt,
        version=message.version,
        held=message.held,
        fulfilled=message.fulfilled,
        submitted_at=instant(message.submitted_at),
        due_at=instant(message.due_at),
        replayed=replayed,
    )


def event(message: lifecycle_pb2.RedemptionEvent) -> models.Event:
    """One step of one redemption."""
    return models.Event(
        redemption_id=message.redemption_id,
        version=message.version,
        trigger=_TRIGGERS.get(message.trigger, models.Trigger.UNKNOWN),
        from_state=_STATES.get(message.from_state, models.State.UNKNOWN),
        to_state=_STATES.get(message.to_state, models.State.UNKNOWN),
        attempt=message.attempt,
        quantity=message.quantity,
        unit=message.unit,
        partner=message.partner,
        reason_class=_REASON_CLASSES.get(message.reason_class, models.ReasonClass.UNKNOWN),
        reason_code=message.reason_code,
        file_id=message.file_id,
        ordinal=message.ordinal,
        block_id=message.block_id,
        committed_at=instant(message.committed_at),
        cause=_CAUSES.get(message.cause, models.CauseKind.UNKNOWN),
        cause_id=message.cause_id,
        actor=message.actor,
        trace_context=message.trace_context,
        position=message.position,
        cursor=message.cursor,
        comment=message.comment,
    )


def event_batch(message: events_pb2.WatchResponse) -> models.EventBatch:
    """One response of a watch."""
    return models.EventBatch(
        events=tuple(map(event, message.events)),
        cursor=message.cursor,
        caught_up=message.caught_up,
    )


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
        state=_BATCH_STATES.get(message.state, models.BatchState.UNKNOWN),
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


def handback_file(
    message: handback_files_pb2.HandbackFile, replayed: bool = False
) -> models.HandbackFile:
    """One hand-back file."""
    return models.HandbackFile(
        file_id=message.file_id,
        programme=message.programme,
        partner=message.partner,
        file_name=message.file_name,
        source=message.source,
        fingerprint=message.fingerprint,
        size_bytes=message.size_bytes,
        state=_FILE_STATES.get(message.state, models.FileState.UNKNOWN),
        verdict=message.verdict,
        repeats_file_id=message.repeats_file_id,
        agreement_version=message.agreement_version,
        file_sequence=message.file_sequence,
        record_count=message.record_count,
        finding_count=message.finding_count,
        actor=message.actor,
        received_at=instant(message.received_at),
        closed_at=instant(message.closed_at),
        envelope=message.envelope,
        previous_file_id=message.previous_file_id,
        message_id=message.message_id,
        removed_at=instant(message.removed_at),
        replayed=replayed,
    )


def finding(message: handback_files_pb2.Finding) -> models.Finding:
    """Something wrong or odd in the bytes of a file."""
    return models.Finding(
        number=message.number,
        ordinal=message.ordinal,
        line=message.line,
        field=message.field,
        code=message.code,
        severity=_SEVERITIES.get(message.severity, models.Severity.UNKNOWN),
        message=message.message,
        raw=message.raw,
    )


def run_report(message: handback_files_pb2.RunReport) -> models.RunReport:
    """What became of the records of one file."""
    return models.RunReport(
        file=handback_file(message.file),
        records=tally(message.records),
        events=tally(message.events),
        repeats=tally(message.repeats),
        breaks=tally(message.breaks),
        rejects=tally(message.rejects),
        batches=tuple(map(batch_report, message.batches)),
    )


def one_break(message: breaks_pb2.Break, replayed: bool = False) -> models.Break:
    """One break."""
    return models.Break(
        break_id=message.break_id,
        programme=message.programme,
        partner=message.partner,
        kind=message.kind,
        redemption_id=message.redemption_id,
        attempt=message.attempt,
        file_id=message.file_id,
        ordinal=message.ordinal,
        quantity=message.quantity if message.HasField("quantity") else None,
        reason_code=message.reason_code,
        reason_class=_REASON_CLASSES.get(message.reason_class, models.ReasonClass.UNKNOWN),
        raw=message.raw,
        facts=dict(message.facts),
        opened_at=instant(message.opened_at),
        closed_at=instant(message.closed_at),
        closed_by=message.closed_by,
        resolution=message.resolution,
        comment=message.comment,
        replayed=replayed,
    )


def partner(message: agreements_pb2.Partner) -> models.Partner:
    """One partner."""
    return models.Partner(
        programme=message.programme,
        partner=message.partner,
        agreement_version=message.agreement_version,
        created_at=instant(message.created_at),
    )


def agreement(message: agreements_pb2.Agreement, unchanged: bool = False) -> models.Agreement:
    """One version of an agreement."""
    return models.Agreement(
        programme=message.programme,
        partner=message.partner,
        version=message.version,
        source=message.source,
        content_hash=message.content_hash,
        actor=message.actor,
        applied_at=instant(message.applied_at),
        unchanged=unchanged,
    )


def balance(message: ledger_pb2.Balance) -> models.Balance:
    """One balance."""
    return models.Balance(
        programme=message.programme,
        partner=message.partner,
        unit=message.unit,
        member=message.member,
        held=message.held,
        fulfilled=message.fulfilled,
    )
