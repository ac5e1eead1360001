"""Reading breaks: one, or a page of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from handback.breaks.kinds import BreakKind, Resolution
from handback.errors import NotFound
from handback.ids import Prefix, public_id
from handback.partners.codes import ReasonClass
from handback.store.bulk import table_of
from handback.store.tables import Break, Partner, Programme

BREAK, PARTNER, PROGRAMME = table_of(Break), table_of(Partner), table_of(Programme)


@dataclass(frozen=True, slots=True)
class BreakView:
    """A break as it stands. `facts` are what an operator needs beside, by kind."""

    break_id: int
    programme: str
    partner: str
    kind: BreakKind
    redemption_id: int | None
    attempt: int | None
    file_id: int | None
    ordinal: int | None
    quantity: int | None
    reason_code: str | None
    reason_class: ReasonClass
    raw: str | None
    facts: Mapping[str, str]
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    resolution: Resolution | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class BreakFilter:
    """Which breaks of a programme a page holds; what is None or empty does not narrow."""

    programme: str
    partner: str | None = None
    kinds: Sequence[BreakKind] = ()
    redemption_id: int | None = None
    file_id: int | None = None
    include_closed: bool = False


def get(tx: sa.Connection, programme: str, break_id: int) -> BreakView:
    """One break of a programme. Raises NotFound."""
    selected = _views().where(PROGRAMME.c.name == programme, BREAK.c.break_id == break_id)
    row = tx.execute(selected).one_or_none()
    if row is None:
        raise NotFound(kind="break", id=public_id(Prefix.BREAK, break_id))
    return _view(row)


def page(tx: sa.Connection, wanted: BreakFilter, after: int, size: int) -> list[BreakView]:
    """Up to `size` breaks with an id above `after`, oldest first."""
    programme_id: sa.ColumnElement[int] = BREAK.c.programme_id
    if wanted.redemption_id is not None or wanted.file_id is not None:
        # These are few. Without statistics SQLite would rather walk the programme's open breaks,
        # and cannot where it is no bare column that is compared.
        programme_id = BREAK.c.programme_id + 0
    selected = (
        _views(programme_id)
        .where(PROGRAMME.c.name == wanted.programme, BREAK.c.break_id > after)
        .order_by(BREAK.c.break_id)
        .limit(size)
    )
    if not wanted.include_closed:
        selected = selected.where(BREAK.c.closed_at.is_(None))
    if wanted.partner is not None:
        selected = selected.where(PARTNER.c.name == wanted.partner)
    if wanted.kinds:
        selected = selected.where(BREAK.c.kind.in_([int(kind) for kind in wanted.kinds]))
    if wanted.redemption_id is not None:
        selected = selected.where(BREAK.c.redemption_id == wanted.redemption_id)
    if wanted.file_id is not None:
        selected = selected.where(BREAK.c.file_id == wanted.file_id)
    return [_view(row) for row in tx.execute(selected)]


def _views(
    programme_id: sa.ColumnElement[int] = BREAK.c.programme_id,
) -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(BREAK, PROGRAMME.c.name.label("programme"), PARTNER.c.name.label("partner"))
        .join(PROGRAMME, PROGRAMME.c.programme_id == programme_id)
        .join(PARTNER, PARTNER.c.partner_id == BREAK.c.partner_id)
    )


def _view(row: sa.Row[tuple[object, ...]]) -> BreakView:
    return BreakView(
        break_id=row.break_id,
        programme=row.programme,
        partner=row.partner,
        kind=BreakKind(row.kind),
        redemption_id=row.redemption_id,
        attempt=row.attempt,
        file_id=row.file_id,
        ordinal=row.ordinal,
        quantity=row.quantity,
        reason_code=row.reason_code,
        reason_class=ReasonClass(row.reason_class),
        raw=row.raw,
        facts=json.loads(row.facts),
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        resolution=None if row.resolution is None else Resolution(row.resolution),
        comment=row.comment,
    )
