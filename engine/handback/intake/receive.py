"""Receiving one file: its bytes made safe, repeats and echoes refused, the rest decoded.

The bytes are landed before there is a row, the row is committed before the file is decoded, and
only then is whoever brought the file told. Killed in between, nothing is lost and nothing doubled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from handback import telemetry
from handback.exchange.envelope import SizeLimit, open_envelope
from handback.exchange.streams import Fingerprint, Readable
from handback.ids import Prefix, public_id
from handback.intake.desk import Desk
from handback.intake.prepare import decide, prepare
from handback.intake.queries import FILE, FileView
from handback.intake.states import FileState, Verdict
from handback.partners.registry import Terms
from handback.store import requests
from handback.store.bulk import table_of
from handback.store.requests import Command
from handback.store.tables import PayoutBatch

BATCH: Final = table_of(PayoutBatch)

_MAX_NAME_CHARS: Final = 255


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file comes from: the name it came under, and the folder or `upload`."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file as it stands; `replayed` where the same request had been answered before."""

    file: FileView
    replayed: bool


def receive(
    desk: Desk,
    terms: Terms,
    content: Readable,
    origin: Origin,
    command: Command,
    file_id: int | None = None,
) -> ReceivedFile:
    """Take one file in, from a folder or from the wire, under a partner's newest terms.

    What is wrong with its bytes becomes a verdict, not an error. `file_id` is the id under which
    the file was claimed, where it was. Raises LimitReached for a file that is too large,
    RequestKeyReused, and whatever reading the content raises; there is no row of it then.
    """
    taken = new_file_id(desk) if file_id is None else file_id
    attributes = {"handback.file_id": public_id(Prefix.HANDBACK_FILE, taken)}
    with telemetry.span("receive file", attributes=attributes) as span:
        # No agreement has an envelope yet, so what is landed is the opened content.
        limited = open_envelope(content, [SizeLimit(desk.max_file_bytes)])
        landed = desk.landing.land(limited)
        with desk.holding(taken):
            known = _register(desk, terms, landed, origin, command, taken)
            file = decide(desk, taken) if known is None else prepare(desk, known)
        span.set_attribute("handback.verdict", file.verdict or "")
    return ReceivedFile(file, replayed=known is not None)


def refuse_too_large(
    desk: Desk, terms: Terms, size_bytes: int, origin: Origin, command: Command, file_id: int
) -> None:
    """Leave a row of a claimed file whose content is too large to be landed."""
    nothing = Fingerprint(b"", size_bytes)
    with desk.store.write() as tx:
        _insert(desk, tx, terms, nothing, origin, command, file_id, Verdict.TOO_LARGE, None)


def new_file_id(desk: Desk) -> int:
    """An id for a file that is about to come."""
    return desk.store.take_ids("handback_file", 1)[0]


def _register(
    desk: Desk, terms: Terms, landed: Fingerprint, origin: Origin, command: Command, file_id: int
) -> int | None:
    """Write the row of a landed file, refused already where it is empty, an echo or a repeat.

    Gives the file that the same request brought before, if it did; then nothing is written.
    """
    asked = requests.content_hash("receive", terms.partner_id, origin.name, landed.key)
    with desk.store.write() as tx:
        desk.one_by_one(tx, terms.partner_id)
        known = requests.answered(tx, terms.programme_id, command, asked)
        if known is None:
            refusal, repeats = _refusal(tx, terms.partner_id, landed)
            _insert(desk, tx, terms, landed, origin, command, file_id, refusal, repeats)
            now = desk.clock.now()
            requests.remember(tx, terms.programme_id, command, asked, file_id, now)
        return known


def _refusal(
    tx: sa.Connection, partner_id: int, opened: Fingerprint
) -> tuple[Verdict | None, int | None]:
    """Why a file is not for us to apply, if it is not, and which file it repeats, if it does."""
    if opened.size_bytes == 0:
        return Verdict.EMPTY, None
    ours = sa.select(BATCH.c.batch_id).where(BATCH.c.fingerprint == opened.sha256)
    if tx.scalar(ours.limit(1)) is not None:
        return Verdict.ECHO, None
    first = sa.select(sa.func.min(FILE.c.file_id)).where(
        FILE.c.partner_id == partner_id,
        FILE.c.fingerprint == opened.sha256,
        FILE.c.state != int(FileState.REFUSED),
    )
    repeated = tx.scalar(first)
    return (None, None) if repeated is None else (Verdict.REPEAT, repeated)


def _insert(
    desk: Desk,
    tx: sa.Connection,
    terms: Terms,
    landed: Fingerprint,
    origin: Origin,
    command: Command,
    file_id: int,
    refusal: Verdict | None,
    repeats_file_id: int | None,
) -> None:
    now = desk.clock.now()
    tx.execute(
        sa.insert(FILE).values(
            file_id=file_id,
            programme_id=terms.programme_id,
            partner_id=terms.partner_id,
            name=_printable(origin.name),
            source=origin.source,
            landing_key=landed.key,
            fingerprint=landed.sha256,
            size_bytes=landed.size_bytes,
            state=int(FileState.RECEIVED if refusal is None else FileState.REFUSED),
            verdict=refusal,
            repeats_file_id=repeats_file_id,
            agreement_version=terms.version if refusal is None else None,
            actor=command.actor,
            trace_context=telemetry.traceparent_of(),
            received_at=now,
            closed_at=None if refusal is None else now,
        )
    )


def _printable(name: str) -> str:
    """A partner's name for a file as one line of text; it is shown, never opened."""
    shown = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name
    )
    return shown[-_MAX_NAME_CHARS:]
