"""Receiving one file: its bytes made safe, repeats and echoes refused, the rest decoded.

The bytes are landed before there is a row, the row is committed before the file is decoded, and
only then is whoever brought the file told. Killed in between, nothing is lost and nothing doubled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from handback import telemetry
from handback.exchange.envelope import Limited
from handback.exchange.streams import Fingerprint, Readable
from handback.ids import Prefix, public_id
from handback.intake import identity
from handback.intake.desk import Desk
from handback.intake.findings import note
from handback.intake.identity import Refusal
from handback.intake.opening import Look, look_into
from handback.intake.prepare import decide, prepare
from handback.intake.queries import FILE, FileView
from handback.intake.states import FileState, Verdict
from handback.partners.registry import Terms
from handback.store import requests
from handback.store.requests import Command

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
        landed = desk.landing.land(Limited(content, desk.max_file_bytes))
        look = look_into(desk, landed, terms.agreement.handback)
        arrival = Arrived(taken, origin, landed, look)
        with desk.holding(taken):
            known = _register(desk, terms, arrival, command)
            file = decide(desk, taken) if known is None else prepare(desk, known)
        span.set_attribute("handback.verdict", file.verdict or "")
    return ReceivedFile(file, replayed=known is not None)


def refuse_too_large(
    desk: Desk, terms: Terms, size_bytes: int, origin: Origin, command: Command, file_id: int
) -> None:
    """Leave a row of a claimed file whose content is too large to be landed."""
    nothing = Fingerprint(b"", size_bytes)
    arrival = Arrived(file_id, origin, nothing, Look(nothing, None))
    with desk.store.write() as tx:
        _insert(desk, tx, terms, arrival, command, Refusal(Verdict.TOO_LARGE))


def new_file_id(desk: Desk) -> int:
    """An id for a file that is about to come."""
    return desk.store.take_ids("handback_file", 1)[0]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that has landed: where from, as what, and what it is inside."""

    file_id: int
    origin: Origin
    landed: Fingerprint
    look: Look


def _register(desk: Desk, terms: Terms, arrival: Arrived, command: Command) -> int | None:
    """Write the row of a landed file, refused already where it is empty, an echo or a repeat.

    Gives the file that the same request brought before, if it did; then nothing is written.
    """
    partner_id, name = terms.partner_id, arrival.origin.name
    asked = requests.content_hash("receive", partner_id, name, arrival.landed.key)
    with desk.store.write() as tx:
        desk.one_by_one(tx, partner_id)
        known = requests.answered(tx, terms.programme_id, command, asked)
        if known is None:
            _insert(desk, tx, terms, arrival, command, _refusal(tx, terms, arrival))
            now = desk.clock.now()
            requests.remember(tx, terms.programme_id, command, asked, arrival.file_id, now)
        return known


def _refusal(tx: sa.Connection, terms: Terms, arrival: Arrived) -> Refusal | None:
    name = _printable(arrival.origin.name)
    own = terms.agreement.handback
    return identity.refusal(tx, terms.partner_id, arrival.file_id, name, arrival.look, own)


def _insert(
    desk: Desk,
    tx: sa.Connection,
    terms: Terms,
    arrival: Arrived,
    command: Command,
    refusal: Refusal | None,
) -> None:
    now, name, look = desk.clock.now(), _printable(arrival.origin.name), arrival.look
    refused = refusal is not None
    tx.execute(
        sa.insert(FILE).values(
            file_id=arrival.file_id,
            programme_id=terms.programme_id,
            partner_id=terms.partner_id,
            name=name,
            source=arrival.origin.source,
            landing_key=arrival.landed.key,
            fingerprint=look.content.sha256,
            size_bytes=arrival.landed.size_bytes,
            envelope=look.envelope,
            state=int(FileState.REFUSED if refused else FileState.RECEIVED),
            verdict=refusal.verdict if refusal else None,
            repeats_file_id=refusal.repeats_file_id if refusal else None,
            previous_file_id=identity.previous(tx, terms.partner_id, name, look),
            agreement_version=None if refused else terms.version,
            finding_count=int(refusal.note is not None) if refusal else None,
            actor=command.actor,
            trace_context=telemetry.traceparent_of(),
            received_at=now,
            closed_at=now if refused else None,
        )
    )
    if refusal is not None and refusal.note is not None:
        note(tx, arrival.file_id, refusal.note, refusal.message)


def _printable(name: str) -> str:
    """A partner's name for a file as one line of text; it is shown, never opened."""
    shown = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name
    )
    return shown[-_MAX_NAME_CHARS:]
