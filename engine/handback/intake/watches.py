"""Watches: a file that was expected by now and has not come is a break, until one comes.

A file that comes late counts for the time it was late for, and for no later one. Repeats, echoes
and what else is refused are no files in this sense; a heartbeat is one, and so is what waits in
quarantine. Partners of whom nothing is expected are not looked at.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from handback.breaks import alarms, resolve
from handback.breaks.alarms import Alarm
from handback.breaks.kinds import BreakKind, Resolution
from handback.clock import Clock
from handback.errors import HandbackError, StoreUnavailable
from handback.ids import Prefix, public_id
from handback.intake.states import FileState
from handback.partners.registry import Agreements, Terms
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import AgreementVersion, Break, HandbackFile, Partner

BREAK, FILE, PARTNER = table_of(Break), table_of(HandbackFile), table_of(Partner)
VERSION = table_of(AgreementVersion)

_LOG: Final = logging.getLogger(__name__)
_ACTOR: Final = "watch"
_MOMENT: Final = timedelta(microseconds=1)


def watch_round(store: Store, agreements: Agreements, clock: Clock) -> int:
    """Look whether every file came that was expected; how many breaks were opened or closed.

    One partner's trouble is logged and holds up no other.
    """
    with store.read() as tx:
        partners = list(tx.scalars(sa.select(PARTNER.c.partner_id).order_by(PARTNER.c.partner_id)))
    noted = 0
    for partner_id in partners:
        try:
            noted += watch(store, agreements, clock, partner_id)
        except StoreUnavailable:
            raise
        except HandbackError:
            _LOG.exception("the files of partner %s cannot be watched", partner_id)
    return noted


def watch(store: Store, agreements: Agreements, clock: Clock, partner_id: int) -> bool:
    """Look at one partner; whether its break was opened or closed."""
    with store.read() as tx:
        if _found(tx, agreements, partner_id, clock.now()) is None:
            return False
    with store.lock(f"watch of partner {partner_id}") as had:
        if not had:
            return False
        with store.write() as tx:
            found = _found(tx, agreements, partner_id, clock.now())
            match found:
                case _Missing():
                    return _open(store, tx, found)
                case _Late():
                    return _close(tx, found)
            return False


@dataclass(frozen=True, slots=True)
class _Missing:
    """Nothing came until `by`, nor in the time of grace after it."""

    terms: Terms
    by: datetime
    missing_from: datetime


@dataclass(frozen=True, slots=True)
class _Late:
    """The break about a missing file, and the file that came at last."""

    partner_id: int
    identity: bytes
    file: sa.Row[Any]


def _found(
    tx: sa.Connection, agreements: Agreements, partner_id: int, now: datetime
) -> _Missing | _Late | None:
    """What there is to be noted of a partner's files, None where nothing is."""
    newest = tx.execute(told(partner_id)).one_or_none()
    if newest is not None and newest.closed_at is None:
        came = tx.execute(first_after(partner_id, newest.opened_at)).one_or_none()
        return None if came is None else _Late(partner_id, newest.identity, came)
    terms = agreements.of_partner(tx, partner_id)
    expected, grace = terms.agreement.answers.expected, _grace(terms)
    if expected is None:
        return None
    by = expected.last(now - grace)
    if not _was_agreed(tx, agreements, partner_id, by):
        return None
    counted = expected.last(by - _MOMENT) + grace
    if newest is not None and newest.resolution == Resolution.SETTLED:
        # That file was late, for the time before.
        counted = max(counted, newest.closed_at)
    came = tx.execute(first_after(partner_id, counted)).one_or_none()
    if came is not None and came.received_at <= by + grace:
        return None
    return _Missing(terms, by, by + grace)


def _open(store: Store, tx: sa.Connection, missing: _Missing) -> bool:
    row = tx.execute(last_file(missing.terms.partner_id)).one_or_none()
    facts = {
        "expected_by": missing.by.isoformat(),
        "folder": missing.terms.agreement.handback.folder,
        "last_file": public_id(Prefix.HANDBACK_FILE, row.file_id) if row else "none ever",
    }
    alarm = Alarm(BreakKind.MISSING_FILE, missing.by.isoformat(), facts)
    return alarms.sound(store, tx, missing.terms, alarm, missing.missing_from)


def _close(tx: sa.Connection, late: _Late) -> bool:
    """Close the break as of when the file came: from then on the next one is waited for."""
    named = public_id(Prefix.HANDBACK_FILE, late.file.file_id)
    at, said = late.file.received_at, f"late: {named} came"
    settled = Resolution.SETTLED
    return resolve.close_identity(tx, late.partner_id, late.identity, settled, _ACTOR, at, said)


def told(partner_id: int) -> sa.Select[Any]:
    """The newest break about a missing file of a partner."""
    missing = (BREAK.c.partner_id == partner_id) & (
        BREAK.c.kind == sa.literal_column(str(int(BreakKind.MISSING_FILE)))  # as its index has it
    )
    columns = (BREAK.c.identity, BREAK.c.opened_at, BREAK.c.closed_at, BREAK.c.resolution)
    return sa.select(*columns).where(missing).order_by(BREAK.c.opened_at.desc()).limit(1)


def _was_agreed(tx: sa.Connection, agreements: Agreements, partner_id: int, by: datetime) -> bool:
    """Whether the agreement of that time expected files."""
    then = (VERSION.c.partner_id == partner_id) & (VERSION.c.applied_at <= by)
    version = tx.scalar(sa.select(sa.func.max(VERSION.c.version)).where(then))
    if version is None:
        return False
    return agreements.at_version(tx, partner_id, version).agreement.answers.expected is not None


def _grace(terms: Terms) -> timedelta:
    return timedelta(seconds=terms.agreement.answers.grace_s)


def first_after(partner_id: int, at: datetime) -> sa.Select[Any]:
    """The first file of a partner that came after an instant."""
    later = _came(partner_id).where(FILE.c.received_at > at)
    return later.order_by(FILE.c.received_at).limit(1)


def last_file(partner_id: int) -> sa.Select[Any]:
    """The newest file of a partner."""
    return _came(partner_id).order_by(FILE.c.received_at.desc()).limit(1)


def _came(partner_id: int) -> sa.Select[Any]:
    not_refused = FILE.c.state != int(FileState.REFUSED)
    return sa.select(FILE.c.file_id, FILE.c.received_at).where(
        FILE.c.partner_id == partner_id, not_refused
    )
