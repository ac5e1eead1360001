"""Reading partners and the versions of their agreements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from handback.errors import NotFound
from handback.store.bulk import table_of
from handback.store.tables import AgreementVersion, Partner, Programme

PROGRAMME, PARTNER = table_of(Programme), table_of(Partner)
VERSION = table_of(AgreementVersion)


@dataclass(frozen=True, slots=True)
class PartnerView:
    """A partner and the number of its newest agreement."""

    partner_id: int
    programme: str
    partner: str
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of an agreement; `source` is the TOML text as it was applied."""

    partner_id: int
    programme: str
    partner: str
    version: int
    content_hash: bytes
    source: str
    actor: str
    applied_at: datetime


def number_of_programme(tx: sa.Connection, programme: str) -> int:
    """The number of a programme; it begins with its first agreement. Raises NotFound."""
    number: int | None = tx.scalar(
        sa.select(PROGRAMME.c.programme_id).where(PROGRAMME.c.name == programme)
    )
    if number is None:
        raise NotFound(kind="programme", id=programme)
    return number


def numbers_of(tx: sa.Connection, programme: str, partner: str) -> tuple[int, int]:
    """The numbers of a partner and of its programme. Raises NotFound."""
    select = (
        sa.select(PARTNER.c.partner_id, PARTNER.c.programme_id)
        .join(PROGRAMME, PROGRAMME.c.programme_id == PARTNER.c.programme_id)
        .where(PROGRAMME.c.name == programme, PARTNER.c.name == partner)
    )
    row = tx.execute(select).one_or_none()
    if row is None:
        raise NotFound(kind="partner", id=f"{programme}/{partner}")
    return row.partner_id, row.programme_id


def partners(tx: sa.Connection, programme: str, after: str, size: int) -> list[PartnerView]:
    """Up to `size` partners of a programme with a name behind `after`, by name.

    Raises NotFound for a programme that does not exist.
    """
    programme_id = number_of_programme(tx, programme)
    newest = sa.func.max(VERSION.c.version).label("version")
    page = (
        sa.select(PARTNER.c.partner_id, PARTNER.c.name, PARTNER.c.created_at, newest)
        .join(VERSION, VERSION.c.partner_id == PARTNER.c.partner_id)
        .where(PARTNER.c.programme_id == programme_id, PARTNER.c.name > after)
        .group_by(PARTNER.c.partner_id, PARTNER.c.name, PARTNER.c.created_at)
        .order_by(PARTNER.c.name)
        .limit(size)
    )
    return [
        PartnerView(row.partner_id, programme, row.name, row.version, row.created_at)
        for row in tx.execute(page)
    ]


def version(
    tx: sa.Connection, programme: str, partner: str, number: int | None = None
) -> VersionView:
    """One version of a partner's agreement, the newest where no number is given.

    Raises NotFound.
    """
    found = versions(tx, programme, partner, before=None if number is None else number + 1, size=1)
    if not found or number not in (None, found[0].version):
        raise NotFound(kind="agreement", id=f"{programme}/{partner} version {number}")
    return found[0]


def versions(
    tx: sa.Connection, programme: str, partner: str, before: int | None, size: int
) -> list[VersionView]:
    """Up to `size` versions of a partner's agreement below `before`, newest first.

    Raises NotFound for a partner that does not exist.
    """
    partner_id, _ = numbers_of(tx, programme, partner)
    page = (
        sa.select(VERSION)
        .where(VERSION.c.partner_id == partner_id)
        .order_by(VERSION.c.version.desc())
        .limit(size)
    )
    if before is not None:
        page = page.where(VERSION.c.version < sa.literal(before, sa.BigInteger))
    return [
        VersionView(
            partner_id=partner_id,
            programme=programme,
            partner=partner,
            version=row.version,
            content_hash=row.content_hash,
            source=row.source,
            actor=row.actor,
            applied_at=row.applied_at,
        )
        for row in tx.execute(page)
    ]
