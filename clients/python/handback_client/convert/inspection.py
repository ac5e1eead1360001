"""Messages about looking into files to the dataclasses of `inspection`."""

from __future__ import annotations

from handback_client._stubs.v1 import formats_pb2, handback_files_pb2
from handback_client.convert.files import finding
from handback_client.convert.payouts import tally
from handback_client.convert.words import FILE_STATES, REASON_CLASSES, TRIGGERS
from handback_client.models import inspection


def placed_finding(message: handback_files_pb2.GetFindingResponse) -> inspection.PlacedFinding:
    """One finding in its place."""
    lines = tuple(map(_line, message.lines))
    return inspection.PlacedFinding(finding=finding(message.finding), lines=lines)


def placed_record(message: handback_files_pb2.GetRecordResponse) -> inspection.PlacedRecord:
    """One record in its place."""
    record = message.record
    found = inspection.FileRecord(
        ordinal=record.ordinal,
        line=record.line,
        reference=record.reference,
        member_ref=record.member_ref,
        code=record.code,
        quantity=record.quantity if record.HasField("quantity") else None,
        unit=record.unit,
        partner_ref=record.partner_ref,
        flaw=record.flaw,
        raw=record.raw,
    )
    return inspection.PlacedRecord(record=found, lines=tuple(map(_line, message.lines)))


def _line(message: handback_files_pb2.FileLine) -> inspection.FileLine:
    return inspection.FileLine(
        line=message.line, content=message.content, cut_bytes=message.cut_bytes
    )


def file_check(message: formats_pb2.FileCheck) -> inspection.FileCheck:
    """What a file would be."""
    return inspection.FileCheck(
        verdict=message.verdict,
        state=FILE_STATES[message.state],
        repeats_file_id=message.repeats_file_id,
        envelope=message.envelope,
        fingerprint=message.fingerprint,
        content_bytes=message.content_bytes,
        header=dict(message.header),
        control=dict(message.control),
        records=tally(message.records),
        rejected_count=message.rejected_count,
        referenced_count=message.referenced_count,
        finding_count=message.finding_count,
        findings=tuple(map(finding, message.findings)),
        codes=tuple(map(_code_share, message.codes)),
        first_records=tuple(map(_record, message.first_records)),
    )


def format_of(message: formats_pb2.Format) -> inspection.Format:
    """One format that Handback brings along."""
    return inspection.Format(
        name=message.name,
        framing=message.framing,
        source=message.source,
        codes=dict(sorted(message.codes.items())),
        policies=dict(sorted(message.policies.items())),
    )


def golden_result(message: formats_pb2.GoldenResult) -> inspection.GoldenResult:
    """What one golden file gave."""
    return inspection.GoldenResult(
        file_name=message.file_name,
        record_count=message.record_count,
        differences=tuple(message.differences),
    )


def format_draft(message: formats_pb2.DraftFormatResponse) -> inspection.FormatDraft:
    """A proposed layout."""
    return inspection.FormatDraft(
        source=message.source, remarks=tuple(message.remarks), unsure_count=message.unsure_count
    )


def _code_share(message: formats_pb2.CodeShare) -> inspection.CodeShare:
    return inspection.CodeShare(
        code=message.code,
        outcome=message.outcome,
        reason_class=REASON_CLASSES[message.reason_class],
        mapped=message.mapped,
        trigger=TRIGGERS[message.trigger],
        action=message.action,
        records=tally(message.records),
    )


def _record(message: formats_pb2.DecodedRecord) -> inspection.DecodedRecord:
    return inspection.DecodedRecord(
        ordinal=message.ordinal,
        line=message.line,
        reference=message.reference,
        redemption_id=message.redemption_id,
        attempt=message.attempt,
        batch=message.batch,
        batch_ordinal=message.batch_ordinal,
        code=message.code,
        outcome=message.outcome,
        quantity=message.quantity if message.HasField("quantity") else None,
        fee=message.fee if message.HasField("fee") else None,
        unit=message.unit,
        member_ref=message.member_ref,
        partner_ref=message.partner_ref,
        answered_on=message.answered_on,
        scope=message.scope,
    )
