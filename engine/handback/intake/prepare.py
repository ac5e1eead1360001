"""Decoding a received file into the spool, and deciding what is to become of it.

All of it can be done again: the landing has the bytes, and the same bytes under the same version
of the agreement give the same chunks. So a process killed here costs time and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback import telemetry
from handback.exchange.envelope import Unopenable
from handback.formats.decode import Decoded, FileFacts, decode
from handback.formats.findings import Severity
from handback.ids import Prefix, public_id
from handback.intake import identity, queries
from handback.intake.desk import Desk
from handback.intake.fan_out import MAX_ANSWERS, FanOut
from handback.intake.findings import FileNote, FindingLog
from handback.intake.judge import judge, state_after
from handback.intake.opening import NOTHING, opened
from handback.intake.queries import FILE, FileView
from handback.intake.spool import Contents
from handback.intake.states import FileState
from handback.partners.agreement import Agreement
from handback.partners.vocabulary import EmptyFile, RowTrouble

CHUNK_RECORDS: Final = 50_000


def prepare(desk: Desk, file_id: int) -> FileView:
    """Decode a received file and give it its verdict; the file as it then stands.

    Leaves alone a file that has its verdict, and one that somebody else holds. Raises NotFound.
    """
    with desk.holding(file_id) as held:
        return decide(desk, file_id) if held else _file(desk, file_id)


def decide(desk: Desk, file_id: int) -> FileView:
    """What `prepare` does, for whoever holds the file already."""
    file = _file(desk, file_id)
    if file.state is not FileState.RECEIVED or file.verdict is not None:
        return file
    attributes = {"handback.file_id": public_id(Prefix.HANDBACK_FILE, file_id)}
    with telemetry.span("decode file", parent=file.trace_context, attributes=attributes):
        agreement = _agreement(desk, file)
        log = FindingLog()
        try:
            facts = _decode(desk, file, agreement, log)
        except Unopenable as refusal:
            facts = FileFacts()
            log.tell(refusal.flaw, refusal.message)
        if file.fingerprint == NOTHING:
            log = FindingLog()  # of a heartbeat nothing is expected
        _settle(desk, file, agreement, facts, log)
    return _file(desk, file_id)


def spooled(desk: Desk, file_id: int) -> Contents:
    """What the spool has of a decided file, decoded again where it is missing.

    For whoever holds the file; its chunks are then read by `desk.spool.read`.
    """
    file = _file(desk, file_id)
    assert file.verdict is not None and file.state is not FileState.REFUSED, file
    contents = desk.spool.contents(file_id)
    if contents is None or contents.agreement_version != file.agreement_version:
        _decode(desk, file, _agreement(desk, file), FindingLog())
        contents = desk.spool.contents(file_id)
    assert contents is not None
    return contents


def _file(desk: Desk, file_id: int) -> FileView:
    with desk.store.read() as tx:
        return queries.by_id(tx, file_id)


def _agreement(desk: Desk, file: FileView) -> Agreement:
    assert file.agreement_version is not None, file
    with desk.store.read() as tx:
        terms = desk.agreements.at_version(tx, file.partner_id, file.agreement_version)
    return terms.agreement


def _decode(desk: Desk, file: FileView, agreement: Agreement, log: FindingLog) -> FileFacts:
    """Fill the spool and the log of findings from the landed bytes, chunk by chunk."""
    handback, version = agreement.handback, file.agreement_version
    assert version is not None, file
    with (
        opened(desk, file.landing_key, handback) as found,
        desk.spool.writing(file.file_id, CHUNK_RECORDS) as writer,
    ):
        template = agreement.payout.reference
        arrived_on = agreement.calendar.date_of(file.received_at)
        decoded = decode(
            handback.layout,
            template,
            found.content,
            chunk_records=CHUNK_RECORDS,
            arrived_on=arrived_on,
        )
        fan_out = FanOut(desk.store, file.partner_id, file.received_at, CHUNK_RECORDS)
        details = answers = 0
        for chunk in _details(decoded, log, fan_out):
            details += len(chunk)
            answers += chunk["code"].count() + chunk["outcome"].count()
            writer.add(agreement.quantity.counted(chunk))
        facts = replace(decoded.facts, records=decoded.facts.records + fan_out.added)
        if fan_out.left:
            told = f"one batch is answered as a whole more than {MAX_ANSWERS} times"
            log.tell(FileNote.BATCH_ANSWERED_AGAIN, told)
        if details and not answers and not handback.codes.reads_nothing():
            told = "no record has a result, as if the file were a request and not an answer"
            log.tell(FileNote.UNANSWERED, told)
        writer.close(version, records=facts.records, rejected=facts.rejected)
    return facts


def _details(decoded: Decoded, log: FindingLog, fan_out: FanOut) -> Iterator[pl.DataFrame]:
    for chunk in decoded:
        for details, findings in fan_out.of(chunk.details, chunk.findings):
            log.add(findings)
            if not details.is_empty():
                yield details


def _settle(
    desk: Desk, file: FileView, agreement: Agreement, facts: FileFacts, log: FindingLog
) -> None:
    """Write the verdict beside the findings, in one transaction."""
    terms = agreement.handback
    said = identity.Said.of(facts.header)
    with desk.store.write() as tx:
        desk.one_by_one(tx, file.partner_id)
        identity.compare(tx, file.partner_id, file.file_id, said, terms, log)
        verdict = judge(
            log.causes,
            finding_count=log.total,
            rows_condemn=log.count(Severity.REJECT) > 0
            and terms.row_trouble is RowTrouble.QUARANTINE,
            heartbeat=terms.empty is EmptyFile.HEARTBEAT and not facts.records,
        )
        state = state_after(verdict)
        finding_count = log.replace(desk.store, tx, file.file_id)
        tx.execute(
            sa.update(FILE)
            .where(FILE.c.file_id == file.file_id, FILE.c.verdict.is_(None))
            .values(
                state=int(state),
                verdict=str(verdict),
                file_sequence=said.sequence,
                sequence_number=said.sequence_number,
                message_id=said.message_id,
                record_count=facts.records,
                finding_count=finding_count,
                closed_at=desk.clock.now() if state is FileState.REFUSED else None,
            )
        )
