"""Engine values to messages and back; the only module that knows both.

The numbers of states, triggers, classes and the like are the same on the wire as in the engine; a
test holds them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from typing import Any, Final, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from handback.breaks.queries import BreakView
from handback.errors import InvalidRequest, Violation
from handback.ids import Prefix, number_of, public_id
from handback.intake.queries import FileView, FindingView
from handback.journal.commit import CauseKind
from handback.journal.names import Names
from handback.ledger.accounts import Balance
from handback.partners.queries import PartnerView, VersionView
from handback.payouts.queries import BatchReport, BatchView, Share
from handback.reconcile.report import RunReport
from handback.redemptions.queries import EventView, RedemptionView
from handback_server._stubs.v1 import (
    agreements_pb2,
    breaks_pb2,
    handback_files_pb2,
    ledger_pb2,
    lifecycle_pb2,
    payouts_pb2,
)

Enum = TypeVar("Enum", bound=IntEnum)

_CAUSE_PREFIX: Final = {
    CauseKind.PAYOUT_BATCH: Prefix.PAYOUT_BATCH,
    CauseKind.HANDBACK_FILE: Prefix.HANDBACK_FILE,
    CauseKind.BREAK: Prefix.BREAK,
}


def named(text: str, field: str) -> str:
    """A name that has to be there. Raises InvalidRequest."""
    if not text.strip():
        raise InvalidRequest([Violation(field, "expected a name")])
    return text


def redemption_number(text: str) -> int:
    """The number of a redemption's id. Raises InvalidRequest."""
    return number_of(Prefix.REDEMPTION, text, "redemption_id")


def file_number(text: str) -> int:
    """The number of a hand-back file's id. Raises InvalidRequest."""
    return number_of(Prefix.HANDBACK_FILE, text, "file_id")


def members(values: Sequence[int], enum: type[Enum], field: str) -> tuple[Enum, ...]:
    """The members behind the numbers of a filter. Raises InvalidRequest for any other number."""
    known = {int(member) for member in enum if member > 0}
    if unknown := sorted({value for value in values if value not in known}):
        expected = f"expected values among {sorted(known)}, not {unknown}"
        raise InvalidRequest([Violation(field, expected)])
    return tuple(enum(value) for value in values)


def instant(at: datetime | None) -> Timestamp | None:
    """An aware instant as a message; None stays unset."""
    if at is None:
        return None
    # Three times as fast as Timestamp.FromDatetime; an instant has microseconds and no less.
    return Timestamp(seconds=int(at.timestamp()), nanos=at.microsecond * 1_000)


def optional_id(prefix: Prefix, number: int | None) -> str:
    """The public id of a number, empty for none."""
    return "" if number is None else public_id(prefix, number)


def cause_id(kind: int, number: int | None) -> str:
    """The public id of what caused a block, empty where it has none."""
    prefix = _CAUSE_PREFIX.get(CauseKind(kind))
    return "" if prefix is None or number is None else public_id(prefix, number)


def redemption(view: RedemptionView) -> lifecycle_pb2.Redemption:
    """A redemption as it stands."""
    return lifecycle_pb2.Redemption(
        redemption_id=public_id(Prefix.REDEMPTION, view.redemption_id),
        programme=view.programme,
        partner=view.partner,
        member_ref=view.member_ref,
        quantity=view.quantity,
        unit=view.unit,
        state=lifecycle_pb2.RedemptionState.ValueType(view.state),
        attempt=view.attempt,
        version=view.version,
        held=view.held,
        fulfilled=view.fulfilled,
        submitted_at=instant(view.submitted_at),
        due_at=instant(view.due_at),
    )


def event(view: EventView, of: RedemptionView) -> lifecycle_pb2.RedemptionEvent:
    """One step of a redemption, as its history lists it."""
    return lifecycle_pb2.RedemptionEvent(
        redemption_id=public_id(Prefix.REDEMPTION, view.redemption_id),
        version=view.version,
        trigger=lifecycle_pb2.Trigger.ValueType(view.trigger),
        from_state=lifecycle_pb2.RedemptionState.ValueType(view.from_state),
        to_state=lifecycle_pb2.RedemptionState.ValueType(view.to_state),
        attempt=view.attempt,
        quantity=view.quantity,
        reason_class=lifecycle_pb2.ReasonClass.ValueType(view.reason_class),
        reason_code=view.reason_code or "",
        file_id=optional_id(Prefix.HANDBACK_FILE, view.file_id),
        ordinal=view.ordinal or 0,
        partner=of.partner,
        unit=of.unit,
        block_id=public_id(Prefix.BLOCK, view.block_id),
        committed_at=instant(view.committed_at),
        cause=lifecycle_pb2.CauseKind.ValueType(view.cause_kind),
        cause_id=cause_id(view.cause_kind, view.cause_id),
        actor=view.actor,
        position=view.position or 0,
        comment=view.comment or "",
    )


def event_kind(names: Names, row: Mapping[str, Any]) -> lifecycle_pb2.RedemptionEvent:
    """What an event of the journal has in common with many others, whatever their block."""
    _, partner = names.partners[row["partner_id"]]
    return lifecycle_pb2.RedemptionEvent(
        version=row["version"],
        trigger=row["trigger"],
        from_state=row["from_state"],
        to_state=row["to_state"],
        attempt=row["attempt"],
        reason_class=row["reason_class"],
        reason_code=row["reason_code"],
        file_id=optional_id(Prefix.HANDBACK_FILE, row["file_id"] or None),
        partner=partner,
        unit=names.units[row["unit_id"]],
    )


def event_block(row: Mapping[str, Any]) -> lifecycle_pb2.RedemptionEvent:
    """What the events of a block have in common."""
    return lifecycle_pb2.RedemptionEvent(
        block_id=public_id(Prefix.BLOCK, row["block_id"]),
        committed_at=instant(row["committed_at"]),
        cause=row["cause_kind"],
        cause_id=cause_id(row["cause_kind"], row["cause_id"]),
        actor=row["actor"],
        trace_context=row["trace_context"],
        position=row["position"],
    )


def handback_file(view: FileView) -> handback_files_pb2.HandbackFile:
    """A hand-back file as it stands."""
    return handback_files_pb2.HandbackFile(
        file_id=public_id(Prefix.HANDBACK_FILE, view.file_id),
        programme=view.programme,
        partner=view.partner,
        file_name=view.name,
        source=view.source,
        fingerprint=view.fingerprint.hex(),
        size_bytes=view.size_bytes,
        state=handback_files_pb2.HandbackFileState.ValueType(view.state),
        verdict=view.verdict or "",
        repeats_file_id=optional_id(Prefix.HANDBACK_FILE, view.repeats_file_id),
        agreement_version=view.agreement_version or 0,
        file_sequence=view.file_sequence or "",
        record_count=view.record_count or 0,
        finding_count=view.finding_count or 0,
        actor=view.actor,
        received_at=instant(view.received_at),
        closed_at=instant(view.closed_at),
        envelope=view.envelope or "",
        previous_file_id=optional_id(Prefix.HANDBACK_FILE, view.previous_file_id),
        message_id=view.message_id or "",
        removed_at=instant(view.removed_at),
    )


def finding(view: FindingView) -> handback_files_pb2.Finding:
    """Something wrong or odd in a file."""
    return handback_files_pb2.Finding(
        number=view.number,
        ordinal=view.ordinal,
        line=view.line or 0,
        field=view.field or "",
        code=view.code,
        severity=handback_files_pb2.FindingSeverity.ValueType(view.severity),
        message=view.message,
        raw=view.raw or "",
    )


def break_of(view: BreakView) -> breaks_pb2.Break:
    """A break as it stands."""
    return breaks_pb2.Break(
        break_id=public_id(Prefix.BREAK, view.break_id),
        programme=view.programme,
        partner=view.partner,
        kind=str(view.kind),
        redemption_id=optional_id(Prefix.REDEMPTION, view.redemption_id),
        attempt=view.attempt or 0,
        file_id=optional_id(Prefix.HANDBACK_FILE, view.file_id),
        ordinal=view.ordinal or 0,
        quantity=view.quantity,
        reason_code=view.reason_code or "",
        reason_class=lifecycle_pb2.ReasonClass.ValueType(view.reason_class),
        raw=view.raw or "",
        facts=view.facts,
        opened_at=instant(view.opened_at),
        closed_at=instant(view.closed_at),
        closed_by=view.closed_by or "",
        resolution="" if view.resolution is None else str(view.resolution),
        comment=view.comment or "",
    )


def balance(total: Balance) -> ledger_pb2.Balance:
    """What one partner's redemptions in one unit add up to."""
    return ledger_pb2.Balance(
        programme=total.programme,
        partner=total.partner,
        unit=total.unit,
        member=total.member,
        held=total.held,
        fulfilled=total.fulfilled,
    )


def agreement(view: VersionView, *, with_source: bool = True) -> agreements_pb2.Agreement:
    """One version of an agreement, with its document or without."""
    return agreements_pb2.Agreement(
        programme=view.programme,
        partner=view.partner,
        version=view.version,
        source=view.source if with_source else "",
        content_hash=view.content_hash.hex(),
        actor=view.actor,
        applied_at=instant(view.applied_at),
    )


def partner(view: PartnerView) -> agreements_pb2.Partner:
    """A partner and its latest version."""
    return agreements_pb2.Partner(
        programme=view.programme,
        partner=view.partner,
        agreement_version=view.version,
        created_at=instant(view.created_at),
    )


def agreement_violation(violation: Violation) -> agreements_pb2.AgreementViolation:
    """One mistake of a document."""
    return agreements_pb2.AgreementViolation(field=violation.field, expected=violation.expected)


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
    )


def tally(share: Share) -> payouts_pb2.Tally:
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
    )


def run_report(report: RunReport) -> handback_files_pb2.RunReport:
    """What became of the records of a file."""
    return handback_files_pb2.RunReport(
        file=handback_file(report.file),
        records=tally(report.records),
        events=tally(report.events),
        repeats=tally(report.repeats),
        breaks=tally(report.breaks),
        rejects=tally(report.rejects),
        batches=map(batch_report, report.batches),
    )
