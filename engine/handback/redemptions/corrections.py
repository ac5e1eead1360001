"""Corrections: a partner credited to other details of a member than ours.

The credit stands, but the old number must not be used again: submits of that member to that partner
are refused until somebody has acknowledged the correction.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.errors import NotFound
from handback.ids import Prefix, public_id
from handback.partners.lists import listed
from handback.store import requests
from handback.store.bulk import INSTANT, table_of
from handback.store.requests import Command
from handback.store.session import Store
from handback.store.tables import Correction, Partner, Programme

CORRECTION, PARTNER = table_of(Correction), table_of(Partner)
PROGRAMME = table_of(Programme)

# What a partner's record says of a member, in a file or apart from one; `named_member` is null
# where it names no other than ours.
RAISED = pl.Schema(
    {
        "ordinal": pl.Int64(),
        "redemption_id": pl.Int64(),
        "member_ref": pl.String(),
        "named_member": pl.String(),
        "reason_code": pl.String(),
    }
)
NOTHING_RAISED: Final = RAISED.to_frame()


@dataclass(frozen=True, slots=True)
class CorrectionView:
    """A correction as it stands; `named_member` is whom the partner names in the member's place."""

    correction_id: int
    programme: str
    partner: str
    member_ref: str
    named_member: str | None
    redemption_id: int
    file_id: int | None
    ordinal: int | None
    reason_code: str | None
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None


@dataclass(frozen=True, slots=True)
class CorrectionFilter:
    """Which corrections of a programme a page holds; what is None does not narrow."""

    programme: str
    partner: str | None = None
    member_ref: str | None = None
    include_acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The correction as it stands; `replayed` where the same request had been answered before."""

    view: CorrectionView
    replayed: bool


def record(
    store: Store,
    tx: sa.Connection,
    programme_id: int,
    partner_id: int,
    file_id: int,
    raised: pl.DataFrame,
    at: datetime,
) -> None:
    """Keep what the records of a file correct (columns of RAISED), each of them once."""
    if raised.is_empty():
        return
    told = raised.with_columns(pl.Series("identity", _identities(raised), pl.Binary))
    told = told.sort("ordinal").unique("identity", keep="first", maintain_order=True)
    stage = store.dialect.stage(tx, "corrections", told.select("identity").sort("identity"))
    same = (CORRECTION.c.identity == stage.c.identity) & (CORRECTION.c.partner_id == partner_id)
    # An outer join, so that no plan begins with the corrections.
    found = sa.select(CORRECTION.c.identity).select_from(stage.outerjoin(CORRECTION, same))
    known = [identity for identity in tx.scalars(found) if identity is not None]
    fresh = told.filter(~pl.col("identity").is_in(known))
    if fresh.is_empty():
        return
    numbers = store.take_ids("correction", len(fresh), tx)
    rows = fresh.with_columns(
        pl.Series("correction_id", numbers, pl.Int64),
        programme_id=pl.lit(programme_id, pl.Int64),
        partner_id=pl.lit(partner_id, pl.Int64),
        file_id=pl.lit(file_id, pl.Int64),
        raised_at=pl.lit(at, INSTANT),
    )
    store.dialect.insert_frame(tx, CORRECTION, rows)


def _identities(raised: pl.DataFrame) -> list[bytes]:
    """SHA-256 of what each says, whatever file and place it came from."""
    said = raised.select("redemption_id", "named_member", "reason_code").iter_rows()
    return [hashlib.sha256(json.dumps(row).encode()).digest() for row in said]


def blocking(tx: sa.Connection, partner_id: int, member_ref: str) -> CorrectionView | None:
    """The oldest correction of a member that nobody has acknowledged."""
    selected = (
        _views()
        .where(CORRECTION.c.partner_id == partner_id, CORRECTION.c.member_ref == member_ref)
        .where(CORRECTION.c.acknowledged_at.is_(None))
        .order_by(CORRECTION.c.correction_id)
        .limit(1)
    )
    row = tx.execute(selected).one_or_none()
    return None if row is None else _view(row)


def get(tx: sa.Connection, programme: str, correction_id: int) -> CorrectionView:
    """One correction of a programme. Raises NotFound."""
    which = CORRECTION.c.correction_id == correction_id
    row = tx.execute(_views().where(PROGRAMME.c.name == programme, which)).one_or_none()
    if row is None:
        raise NotFound(kind="correction", id=public_id(Prefix.CORRECTION, correction_id))
    return _view(row)


def page(
    tx: sa.Connection, wanted: CorrectionFilter, after: int, size: int
) -> list[CorrectionView]:
    """Up to `size` corrections with an id above `after`, oldest first. Raises NotFound."""
    selected = (
        _views()
        .where(CORRECTION.c.correction_id > after)
        .order_by(CORRECTION.c.correction_id)
        .limit(size)
    )
    if not wanted.include_acknowledged:
        selected = selected.where(CORRECTION.c.acknowledged_at.is_(None))
    if wanted.member_ref is not None:
        selected = selected.where(CORRECTION.c.member_ref == wanted.member_ref)
    return listed(tx, selected, wanted, _view)


def acknowledge(
    tx: sa.Connection, programme: str, correction_id: int, command: Command, at: datetime
) -> Acknowledged:
    """Note that somebody has taken a correction in: it blocks nothing any more.

    One that was acknowledged before stays with whoever did. Raises NotFound, RequestKeyReused.
    """
    get(tx, programme, correction_id)
    owner = sa.select(CORRECTION.c.programme_id).where(CORRECTION.c.correction_id == correction_id)
    programme_id = tx.execute(owner).scalar_one()
    asked = requests.content_hash("acknowledge", correction_id, command.comment)
    replayed = requests.answered(tx, programme_id, command, asked) is not None
    if not replayed:
        tx.execute(
            sa.update(CORRECTION)
            .where(CORRECTION.c.correction_id == correction_id)
            .where(CORRECTION.c.acknowledged_at.is_(None))
            .values(acknowledged_at=at, acknowledged_by=command.actor)
        )
        requests.remember(tx, programme_id, command, asked, correction_id, at)
    return Acknowledged(get(tx, programme, correction_id), replayed)


_SHOWN: Final = [
    CORRECTION.c[name]
    for name in CorrectionView.__dataclass_fields__
    if name not in ("programme", "partner")
]


def _views() -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(*_SHOWN, PROGRAMME.c.name.label("programme"), PARTNER.c.name.label("partner"))
        .join(PROGRAMME, PROGRAMME.c.programme_id == CORRECTION.c.programme_id)
        .join(PARTNER, PARTNER.c.partner_id == CORRECTION.c.partner_id)
    )


def _view(row: sa.Row[tuple[object, ...]]) -> CorrectionView:
    return CorrectionView(**row._mapping)
