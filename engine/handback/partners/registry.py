"""Where agreements are kept: applying a new version, and finding the terms that hold.

Versions are never changed and never removed, so that a file of last year is read by the terms
under which it was asked for. The built-in formats that a version names are kept with it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from handback.clock import Clock
from handback.errors import InvalidAgreement, NotFound, Violation
from handback.formats.builtin import kept, read_kept
from handback.partners.agreement import Agreement, content_hash
from handback.partners.reading import parse
from handback.store import requests
from handback.store.bulk import table_of
from handback.store.requests import Command
from handback.store.session import Store
from handback.store.tables import AgreementVersion, Correction, Partner, Programme, Unit

PROGRAMME, PARTNER, UNIT = table_of(Programme), table_of(Partner), table_of(Unit)
CORRECTION, VERSION = table_of(Correction), table_of(AgreementVersion)

# Asked with every group of commands, so made once: making one anew costs more than running it.
CORRECTED: Final = sa.exists().where(
    CORRECTION.c.partner_id == PARTNER.c.partner_id, CORRECTION.c.acknowledged_at.is_(None)
)
NEWEST_VERSION: Final = (
    sa.select(sa.func.max(VERSION.c.version))
    .where(VERSION.c.partner_id == PARTNER.c.partner_id)
    .scalar_subquery()
)
_NEWEST: Final[sa.Select[tuple[int, int, bool]]] = (
    sa.select(PARTNER.c.partner_id, VERSION.c.version, CORRECTED.label("corrected"))
    .join(PROGRAMME, PROGRAMME.c.programme_id == PARTNER.c.programme_id)
    .join(VERSION, VERSION.c.partner_id == PARTNER.c.partner_id)
    .order_by(VERSION.c.version.desc())
    .limit(1)
)
_NEWEST_OF_NAMES: Final = _NEWEST.where(
    PROGRAMME.c.name == sa.bindparam("programme"), PARTNER.c.name == sa.bindparam("partner")
)
_NEWEST_OF_NUMBER: Final = _NEWEST.where(PARTNER.c.partner_id == sa.bindparam("partner_id"))

# Parsed agreements kept in memory, some 50 KiB each; the oldest goes first.
_KEPT = 256


@dataclass(frozen=True, slots=True)
class AppliedAgreement:
    """The partner's newest version; `changed` where this document made it."""

    partner_id: int
    version: int
    changed: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of an agreement with the numbers behind its names."""

    programme_id: int
    partner_id: int
    version: int
    unit_ids: Mapping[str, int]
    agreement: Agreement
    corrected: bool = False
    """Whether there are corrections of members that nobody had acknowledged when this was asked."""


class Agreements:
    """Finds terms and keeps them parsed. Safe to share between threads.

    What is kept never goes stale: a version does not change, and which one is the newest is asked
    of the store each time.
    """

    def __init__(self) -> None:
        self._terms: dict[tuple[int, int], Terms] = {}
        self._lock = threading.Lock()

    def current(self, tx: sa.Connection, programme: str, partner: str) -> Terms:
        """The newest terms of a partner by its names. Raises NotFound."""
        names = {"programme": programme, "partner": partner}
        return self._newest(tx, _NEWEST_OF_NAMES, names, f"{programme}/{partner}")

    def of_partner(self, tx: sa.Connection, partner_id: int) -> Terms:
        """The newest terms of a partner by its number. Raises NotFound."""
        return self._newest(tx, _NEWEST_OF_NUMBER, {"partner_id": partner_id}, str(partner_id))

    def newest(self, tx: sa.Connection, partner_id: int, version: int, corrected: bool) -> Terms:
        """The newest terms of a partner, whose version has been looked up with `CORRECTED`."""
        terms = self.at_version(tx, partner_id, version)
        return replace(terms, corrected=True) if corrected else terms

    def at_version(self, tx: sa.Connection, partner_id: int, version: int) -> Terms:
        """One version of a partner's terms. Raises NotFound."""
        with self._lock:
            found = self._terms.get((partner_id, version))
        if found is not None:
            return found
        select = (
            sa.select(VERSION.c.source, VERSION.c.builtins, PARTNER.c.programme_id)
            .join(PARTNER, PARTNER.c.partner_id == VERSION.c.partner_id)
            .where(VERSION.c.partner_id == partner_id, VERSION.c.version == version)
        )
        row = tx.execute(select).one_or_none()
        if row is None:
            raise NotFound(kind="agreement", id=f"{partner_id} version {version}")
        agreement = parse(row.source, read_kept(row.builtins))
        unit_ids = _unit_ids(tx, agreement.units)
        terms = Terms(row.programme_id, partner_id, version, unit_ids, agreement)
        with self._lock:
            self._terms[partner_id, version] = terms
            while len(self._terms) > _KEPT:
                del self._terms[next(iter(self._terms))]
        return terms

    def _newest(
        self,
        tx: sa.Connection,
        newest: sa.Select[tuple[int, int, bool]],
        which: Mapping[str, str | int],
        name: str,
    ) -> Terms:
        row = tx.execute(newest, which).one_or_none()
        if row is None:
            raise NotFound(kind="partner", id=name)
        return self.newest(tx, row.partner_id, row.version, row.corrected)


def apply(
    store: Store,
    clock: Clock,
    source: str,
    actor: str,
    *,
    programme: str | None = None,
    request_key: str | None = None,
) -> AppliedAgreement:
    """Make a document its partner's newest agreement, unless the newest says the same already, by
    the same built-in formats.

    Programme, partner and units come into being with the first document that names them. Where
    `programme` is given, the document must name the same. Raises InvalidAgreement, and
    RequestKeyReused where the key came with another document before.
    """
    agreement = parse(source)
    if programme is not None and agreement.programme != programme:
        raise InvalidAgreement([Violation("programme", f"{programme}, whom the request names")])
    said = content_hash(source, agreement.builtins)
    asked = requests.content_hash("apply agreement", content_hash(source, {}).hex())
    command = Command(actor, request_key=request_key)
    with store.write() as tx:
        store.dialect.serialise(tx, "agreements")
        now = clock.now()
        programme_id = _ensure_programme(store, tx, agreement.programme, now)
        answer = requests.answered_version(tx, programme_id, command, asked)
        if answer is not None:
            return AppliedAgreement(*answer, changed=False)
        partner_id = _ensure_partner(store, tx, programme_id, agreement.partner, now)
        _ensure_units(store, tx, agreement.units)
        applied = _newest_with(tx, partner_id, said)
        if applied.changed:
            document = {"source": source, "builtins": kept(agreement.builtins)}
            row = {**document, "content_hash": said, "actor": actor, "applied_at": now}
            key = {"partner_id": partner_id, "version": applied.version}
            tx.execute(sa.insert(VERSION).values(**key, **row))
        requests.remember(tx, programme_id, command, asked, partner_id, now, applied.version)
    return applied


def _newest_with(tx: sa.Connection, partner_id: int, said: bytes) -> AppliedAgreement:
    """The partner's newest version where it says the same, else the number of the next."""
    select = (
        sa.select(VERSION.c.version, VERSION.c.content_hash)
        .where(VERSION.c.partner_id == partner_id)
        .order_by(VERSION.c.version.desc())
        .limit(1)
    )
    newest = tx.execute(select).one_or_none()
    if newest is None:
        return AppliedAgreement(partner_id, 1, changed=True)
    if newest.content_hash == said:
        return AppliedAgreement(partner_id, newest.version, changed=False)
    return AppliedAgreement(partner_id, newest.version + 1, changed=True)


def _ensure_programme(store: Store, tx: sa.Connection, name: str, now: datetime) -> int:
    select = sa.select(PROGRAMME.c.programme_id).where(PROGRAMME.c.name == name)
    found: int | None = tx.scalar(select)
    if found is None:
        found = store.take_ids("programme", 1, tx)[0]
        row = {"programme_id": found, "name": name, "created_at": now}
        tx.execute(sa.insert(PROGRAMME).values(**row))
    return found


def _ensure_partner(
    store: Store, tx: sa.Connection, programme_id: int, name: str, now: datetime
) -> int:
    owned = (PARTNER.c.programme_id == programme_id) & (PARTNER.c.name == name)
    found: int | None = tx.scalar(sa.select(PARTNER.c.partner_id).where(owned))
    if found is None:
        found = store.take_ids("partner", 1, tx)[0]
        owner = {"partner_id": found, "programme_id": programme_id}
        tx.execute(sa.insert(PARTNER).values(**owner, name=name, created_at=now))
    return found


def _ensure_units(store: Store, tx: sa.Connection, names: Sequence[str]) -> None:
    known = _unit_ids(tx, names)
    fresh = [name for name in names if name not in known]
    if fresh:
        ids = store.take_ids("unit", len(fresh), tx)
        rows = [
            {"unit_id": unit_id, "name": name} for unit_id, name in zip(ids, fresh, strict=True)
        ]
        tx.execute(sa.insert(UNIT), rows)


def _unit_ids(tx: sa.Connection, names: Sequence[str]) -> dict[str, int]:
    select = sa.select(UNIT.c.name, UNIT.c.unit_id).where(UNIT.c.name.in_(names))
    return {row.name: row.unit_id for row in tx.execute(select)}
