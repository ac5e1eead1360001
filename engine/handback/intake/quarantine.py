"""What an operator may do with a quarantined file: let it through, or have it read anew.

The list of them is `queries.page` with the state QUARANTINED.
"""

from __future__ import annotations

import sqlalchemy as sa

from handback.errors import FileQuarantined, InvalidRequest, Violation
from handback.ids import Prefix, public_id
from handback.intake import queries
from handback.intake.desk import Desk
from handback.intake.findings import OperatorNote, note
from handback.intake.prepare import prepare
from handback.intake.queries import FILE, FileView
from handback.intake.receive import ReceivedFile
from handback.intake.states import FileState, Verdict
from handback.store import requests
from handback.store.requests import Command


def release(desk: Desk, programme: str, file_id: int, command: Command) -> ReceivedFile:
    """Let a quarantined file be reconciled despite its findings.

    Records that could not be decoded stay rejects. Raises NotFound, FileQuarantined where the
    file is not in quarantine, InvalidRequest without a comment, RequestKeyReused.
    """
    if not command.comment.strip():
        raise InvalidRequest([Violation("comment", "expected why the file may be applied")])
    asked = requests.content_hash("release", file_id, command.comment)
    said = f"released by {command.actor}: {command.comment}"
    with desk.store.write() as tx:
        file = queries.get(tx, programme, file_id)
        if requests.answered(tx, file.programme_id, command, asked) is not None:
            return ReceivedFile(file, replayed=True)
        released = {"state": int(FileState.RECEIVED), "verdict": str(Verdict.RELEASED)}
        _take_out(tx, file, {**released, "finding_count": FILE.c.finding_count + 1})
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
    with desk.store.write() as tx:
        file = queries.get(tx, programme, file_id)
        replayed = requests.answered(tx, file.programme_id, command, asked) is not None
        if not replayed:
            version = _version(desk, tx, file, agreement_version)
            # From here it is a received file like any other, whoever comes to decode it.
            received = {"state": int(FileState.RECEIVED), "verdict": None}
            _take_out(tx, file, {**received, "agreement_version": version})
            said = f"replayed by {command.actor} under version {version} of the agreement"
            note(tx, file_id, OperatorNote.REPLAYED, said)
            requests.remember(tx, file.programme_id, command, asked, file_id, desk.clock.now())
    return ReceivedFile(prepare(desk, file_id), replayed)


def _version(desk: Desk, tx: sa.Connection, file: FileView, wanted: int | None) -> int:
    if wanted is None:
        return desk.agreements.of_partner(tx, file.partner_id).version
    return desk.agreements.at_version(tx, file.partner_id, wanted).version


def _take_out(tx: sa.Connection, file: FileView, values: dict[str, object]) -> None:
    """Write the new state of a quarantined file. Raises FileQuarantined for any other."""
    still = (FILE.c.file_id == file.file_id) & (FILE.c.state == int(FileState.QUARANTINED))
    if tx.execute(sa.update(FILE).where(still).values(**values)).rowcount != 1:
        named = public_id(Prefix.HANDBACK_FILE, file.file_id)
        raise FileQuarantined(file=named, state=str(file.state))
