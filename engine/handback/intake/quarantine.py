"""What may be done with a quarantined file: let it through, have it read anew, or discard it.

The list of them is `queries.page` with the state QUARANTINED.
"""

from __future__ import annotations

import sqlalchemy as sa

from handback.errors import FileQuarantined, InvalidRequest, NotAllowed, Violation
from handback.exchange.streams import Fingerprint
from handback.ids import Prefix, public_id
from handback.intake import identity, queries
from handback.intake.desk import Desk
from handback.intake.findings import OperatorNote, note
from handback.intake.opening import Look, look_into
from handback.intake.prepare import prepare
from handback.intake.queries import FILE, FileView
from handback.intake.receive import ReceivedFile
from handback.intake.states import FileState, Verdict
from handback.partners.registry import Terms
from handback.store import requests
from handback.store.requests import Command


def release(desk: Desk, programme: str, file_id: int, command: Command) -> ReceivedFile:
    """Let a quarantined file be reconciled despite its findings.

    Records that could not be decoded stay rejects. Raises NotFound, FileQuarantined where the
    file is not in quarantine, InvalidRequest without a comment and for a file that cannot be
    opened, RequestKeyReused.
    """
    if not command.comment.strip():
        raise InvalidRequest([Violation("comment", "expected why the file may be applied")])
    asked = requests.content_hash("release", file_id, command.comment)
    said = f"released by {command.actor}: {command.comment}"
    with desk.store.write() as tx:
        file = queries.get(tx, programme, file_id)
        if requests.answered(tx, file.programme_id, command, asked) is not None:
            return ReceivedFile(file, replayed=True)
        if file.state is FileState.QUARANTINED and file.verdict is Verdict.UNOPENABLE:
            told = "expected a file that can be opened; replay it under an agreement that does"
            raise InvalidRequest([Violation("file_id", told)])
        released = {"state": int(FileState.RECEIVED), "verdict": str(Verdict.RELEASED)}
        counted = {"finding_count": FILE.c.finding_count + 1, "discard_asked_by": None}
        _take_out(tx, file, {**released, **counted})
        note(tx, file_id, OperatorNote.RELEASED, said)
        requests.remember(tx, file.programme_id, command, asked, file_id, desk.clock.now())
        return ReceivedFile(queries.by_id(tx, file_id), replayed=False)


def replay(
    desk: Desk, programme: str, file_id: int, agreement_version: int | None, command: Command
) -> ReceivedFile:
    """Decode a quarantined file anew from the landing, under a version of the agreement.

    None takes the newest version. Raises NotFound, FileQuarantined where the file is not in
    quarantine, RequestKeyReused.
    """
    asked = requests.content_hash("replay", file_id, agreement_version)
    with desk.store.read() as tx:
        file = queries.get(tx, programme, file_id)
        terms = _terms(desk, tx, file, agreement_version)
        replayed = requests.answered(tx, file.programme_id, command, asked) is not None
    if not replayed:
        replayed = _replay(desk, file, terms, command, asked)
    return ReceivedFile(prepare(desk, file_id), replayed)


def _replay(desk: Desk, file: FileView, terms: Terms, command: Command, asked: bytes) -> bool:
    """Take a file in again, unless the same request has by now; whether it had."""
    if file.state is not FileState.QUARANTINED:
        raise _not_quarantined(file)
    landed = Fingerprint(bytes.fromhex(file.landing_key), file.size_bytes)
    look = look_into(desk, landed, terms.agreement.handback)
    with desk.store.write() as tx:
        desk.one_by_one(tx, file.partner_id)
        if requests.answered(tx, file.programme_id, command, asked) is not None:
            return True
        _take_in_again(desk, tx, file, terms, look)
        said = f"replayed by {command.actor} under version {terms.version} of the agreement"
        note(tx, file.file_id, OperatorNote.REPLAYED, said)
        requests.remember(tx, file.programme_id, command, asked, file.file_id, desk.clock.now())
    return False


def discard(desk: Desk, programme: str, file_id: int, command: Command) -> ReceivedFile:
    """Ask to discard a quarantined file, or do so where somebody else has asked for it.

    It is refused from then on: nothing waits for it any more. Raises NotFound, FileQuarantined
    where the file is not in quarantine, NotAllowed where the actor has asked for it already,
    InvalidRequest without a comment, RequestKeyReused.
    """
    if not command.comment.strip():
        raise InvalidRequest([Violation("comment", "expected why nobody wants the file")])
    asked = requests.content_hash("discard", file_id, command.comment)
    with desk.store.write() as tx:
        file = queries.get(tx, programme, file_id, lock=True)
        if requests.answered(tx, file.programme_id, command, asked) is not None:
            return ReceivedFile(file, replayed=True)
        if file.discard_asked_by == command.actor:
            named = public_id(Prefix.HANDBACK_FILE, file_id)
            action = "discard alone what they have asked to discard"
            raise NotAllowed(actor=command.actor, action=action, file=named)
        now = desk.clock.now()
        values: dict[str, object] = {"discard_asked_by": command.actor}
        kind, done = OperatorNote.DISCARD_ASKED, "asked to be discarded by"
        if file.discard_asked_by is not None:
            discarded = {"state": int(FileState.REFUSED), "verdict": str(Verdict.DISCARDED)}
            values = {**discarded, "closed_at": now, "discard_asked_by": None}
            kind, done = OperatorNote.DISCARDED, "discarded by"
        _take_out(tx, file, {**values, "finding_count": FILE.c.finding_count + 1})
        note(tx, file_id, kind, f"{done} {command.actor}: {command.comment}")
        requests.remember(tx, file.programme_id, command, asked, file_id, now)
        left = queries.by_id(tx, file_id)
    if left.state is FileState.REFUSED:
        desk.spool.remove(file_id)
    return ReceivedFile(left, replayed=False)


def _terms(desk: Desk, tx: sa.Connection, file: FileView, wanted: int | None) -> Terms:
    if wanted is None:
        return desk.agreements.of_partner(tx, file.partner_id)
    return desk.agreements.at_version(tx, file.partner_id, wanted)


def _take_in_again(desk: Desk, tx: sa.Connection, file: FileView, terms: Terms, look: Look) -> None:
    """From here it is a received file like any other, or it shows to be one that came before."""
    own = terms.agreement.handback
    refusal = identity.refusal(tx, file.partner_id, file.file_id, file.name, look, own)
    values: dict[str, object] = {
        "agreement_version": terms.version,
        "fingerprint": look.content.sha256,
        "envelope": look.envelope,
        "state": int(FileState.RECEIVED),
        "verdict": None,
        "discard_asked_by": None,
    }
    if refusal is not None:
        values |= {
            "state": int(FileState.REFUSED),
            "verdict": str(refusal.verdict),
            "repeats_file_id": refusal.repeats_file_id,
            "closed_at": desk.clock.now(),
            "finding_count": FILE.c.finding_count + (2 if refusal.note is not None else 1),
        }
    _take_out(tx, file, values)
    if refusal is not None and refusal.note is not None:
        note(tx, file.file_id, refusal.note, refusal.message)


def _take_out(tx: sa.Connection, file: FileView, values: dict[str, object]) -> None:
    """Write the new state of a quarantined file. Raises FileQuarantined for any other."""
    still = (FILE.c.file_id == file.file_id) & (FILE.c.state == int(FileState.QUARANTINED))
    if tx.execute(sa.update(FILE).where(still).values(**values)).rowcount != 1:
        raise _not_quarantined(file)


def _not_quarantined(file: FileView) -> FileQuarantined:
    named = public_id(Prefix.HANDBACK_FILE, file.file_id)
    return FileQuarantined(file=named, state=str(file.state))
