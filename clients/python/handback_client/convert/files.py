"""Hand-back files, findings and run reports."""

from __future__ import annotations

from handback_client import models
from handback_client._stubs.v1 import handback_files_pb2
from handback_client.convert.ledger import run_continuity
from handback_client.convert.payouts import batch_report, tally
from handback_client.convert.words import FILE_STATES, SEVERITIES, instant


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
        state=FILE_STATES[message.state],
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
        discard_asked_by=message.discard_asked_by,
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
        severity=SEVERITIES[message.severity],
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
        continuity=run_continuity(message.continuity) if message.HasField("continuity") else None,
    )
