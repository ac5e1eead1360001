"""Hand-back files, findings and run reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handback.ids import Prefix, public_id
from handback.intake.context import Line
from handback.intake.queries import FileView, FindingView
from handback.reconcile.report import RunReport
from handback_server._stubs.v1 import handback_files_pb2
from handback_server.convert.ledger import run_continuity
from handback_server.convert.payouts import batch_report, tally
from handback_server.convert.values import instant, optional_id


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
        discard_asked_by=view.discard_asked_by or "",
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


def file_line(line: Line) -> handback_files_pb2.FileLine:
    """One line of a file."""
    return handback_files_pb2.FileLine(
        line=line.number, content=line.content, cut_bytes=line.cut_bytes
    )


def file_record(record: Mapping[str, Any]) -> handback_files_pb2.FileRecord:
    """One record of a file, a row of `intake.records.RECORDS`; nulls stay unset."""
    names = handback_files_pb2.FileRecord.DESCRIPTOR.fields_by_name
    said = {name: record[name] for name in names if record[name] is not None}
    return handback_files_pb2.FileRecord(**said)


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
        continuity=run_continuity(report.continuity),
    )
