"""Reading hand-back files: one, a page of them, the findings of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from handback.errors import NotFound
from handback.formats.findings import Severity
from handback.ids import Prefix, public_id
from handback.intake.findings import FINDING
from handback.intake.states import FileState, Verdict
from handback.partners.lists import listed
from handback.store.bulk import table_of
from handback.store.tables import HandbackFile, Partner, Programme

FILE: Final = table_of(HandbackFile)
PARTNER, PROGRAMME = table_of(Partner), table_of(Programme)


@dataclass(frozen=True, slots=True)
class FileView:
    """A hand-back file as it stands.

    `verdict`, `record_count` and `finding_count` are None until it is decoded, and what was
    refused never is. `fingerprint` is the sha256 of its opened content, `envelope` what that was
    compressed in, the outermost layer first: `gzip+zip`. It is a new version of the file
    `previous_file_id`, which had the same name. Its bytes are kept until `removed_at`.
    """

    file_id: int
    programme: str
    partner: str
    programme_id: int
    partner_id: int
    name: str
    source: str
    landing_key: str
    fingerprint: bytes
    size_bytes: int
    envelope: str | None
    state: FileState
    verdict: Verdict | None
    repeats_file_id: int | None
    previous_file_id: int | None
    agreement_version: int | None
    file_sequence: str | None
    message_id: str | None
    record_count: int | None
    finding_count: int | None
    discard_asked_by: str | None
    actor: str
    trace_context: str | None
    received_at: datetime
    closed_at: datetime | None
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class FindingView:
    """One stored finding. `ordinal` is 0 where it concerns no detail record, `line` from 1."""

    number: int
    ordinal: int
    line: int | None
    field: str | None
    code: str
    severity: Severity
    message: str
    raw: str | None


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which files of a programme a page holds; what is None or empty does not narrow."""

    programme: str
    partner: str | None = None
    states: Sequence[FileState] = ()


def get(tx: sa.Connection, programme: str, file_id: int, *, lock: bool = False) -> FileView:
    """One file of a programme, kept as it is where it is locked. Raises NotFound."""
    selected = _views().where(FILE.c.file_id == file_id, PROGRAMME.c.name == programme)
    return _one(tx, selected.with_for_update(of=FILE) if lock else selected, file_id)


def by_id(tx: sa.Connection, file_id: int) -> FileView:
    """One file, whoever owns it: for the machinery, not for callers. Raises NotFound."""
    return _one(tx, _views().where(FILE.c.file_id == file_id), file_id)


def page(tx: sa.Connection, wanted: FileFilter, after: int, size: int) -> list[FileView]:
    """Up to `size` files with an id above `after`, oldest first. Raises NotFound."""
    selected = _views().where(FILE.c.file_id > after).order_by(FILE.c.file_id).limit(size)
    if wanted.states:
        selected = selected.where(FILE.c.state.in_([int(state) for state in wanted.states]))
    return listed(tx, selected, wanted, _view)


def findings_page(
    tx: sa.Connection, programme: str, file_id: int, after: int, size: int
) -> list[FindingView]:
    """Up to `size` findings of a file with a number above `after`. Raises NotFound."""
    get(tx, programme, file_id)
    selected = (
        sa.select(FINDING)
        .where(FINDING.c.file_id == file_id, FINDING.c.number > after)
        .order_by(FINDING.c.number)
        .limit(size)
    )
    return [_finding(row) for row in tx.execute(selected)]


def findings_of(tx: sa.Connection, file_id: int, ordinal: int, size: int) -> list[FindingView]:
    """Up to `size` findings of one detail record, whoever owns the file."""
    of_record = (FINDING.c.file_id == file_id) & (FINDING.c.ordinal == ordinal)
    selected = sa.select(FINDING).where(of_record).order_by(FINDING.c.number).limit(size)
    return [_finding(row) for row in tx.execute(selected)]


def finding(tx: sa.Connection, programme: str, file_id: int, number: int) -> FindingView:
    """One finding of a file. Raises NotFound."""
    found = findings_page(tx, programme, file_id, after=number - 1, size=1)
    if not found or found[0].number != number:
        raise NotFound(kind="finding", id=f"{public_id(Prefix.HANDBACK_FILE, file_id)} {number}")
    return found[0]


def undecoded(tx: sa.Connection) -> list[int]:
    """Ids of files that were received and wait for their decoding, oldest first."""
    waiting = (FILE.c.state == int(FileState.RECEIVED)) & FILE.c.verdict.is_(None)
    return list(tx.scalars(sa.select(FILE.c.file_id).where(waiting).order_by(FILE.c.file_id)))


def ready(tx: sa.Connection) -> list[int]:
    """Ids of files whose reconciliation waits to begin or to go on, oldest first."""
    decoded = (FILE.c.state == int(FileState.RECEIVED)) & FILE.c.verdict.is_not(None)
    begun = FILE.c.state == int(FileState.RECONCILING)
    return list(
        tx.scalars(sa.select(FILE.c.file_id).where(decoded | begun).order_by(FILE.c.file_id))
    )


def _views() -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(FILE, PROGRAMME.c.name.label("programme"), PARTNER.c.name.label("partner"))
        .join(PROGRAMME, PROGRAMME.c.programme_id == FILE.c.programme_id)
        .join(PARTNER, PARTNER.c.partner_id == FILE.c.partner_id)
    )


def _one(tx: sa.Connection, selected: sa.Select[tuple[object, ...]], file_id: int) -> FileView:
    row = tx.execute(selected).one_or_none()
    if row is None:
        raise NotFound(kind="hand-back file", id=public_id(Prefix.HANDBACK_FILE, file_id))
    return _view(row)


def _view(row: sa.Row[tuple[object, ...]]) -> FileView:
    return FileView(
        file_id=row.file_id,
        programme=row.programme,
        partner=row.partner,
        programme_id=row.programme_id,
        partner_id=row.partner_id,
        name=row.name,
        source=row.source,
        landing_key=row.landing_key,
        fingerprint=row.fingerprint,
        size_bytes=row.size_bytes,
        envelope=row.envelope,
        state=FileState(row.state),
        verdict=None if row.verdict is None else Verdict(row.verdict),
        repeats_file_id=row.repeats_file_id,
        previous_file_id=row.previous_file_id,
        agreement_version=row.agreement_version,
        file_sequence=row.file_sequence,
        message_id=row.message_id,
        record_count=row.record_count,
        finding_count=row.finding_count,
        discard_asked_by=row.discard_asked_by,
        actor=row.actor,
        trace_context=row.trace_context,
        received_at=row.received_at,
        closed_at=row.closed_at,
        removed_at=row.removed_at,
    )


def _finding(row: sa.Row[tuple[object, ...]]) -> FindingView:
    return FindingView(
        number=row.number,
        ordinal=row.ordinal,
        line=row.line,
        field=row.field,
        code=row.code,
        severity=Severity(row.severity),
        message=row.message,
        raw=row.raw,
    )
