"""Holds: nothing is gathered for a partner, nor delivered to it, until a person releases it.

A person holds a partner. Or the partner blames our files, by a rejection of the class `ours`: then
the very transaction that takes its answer in holds it, since what follows would only be rejected
too. What has been delivered goes on being answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback.breaks import alarms
from handback.breaks.alarms import Alarm
from handback.breaks.kinds import BreakKind
from handback.clock import Clock
from handback.errors import AlreadyExists, InvalidRequest, NotFound, PartnerHeld, Violation
from handback.ids import Prefix, public_id
from handback.lifecycle.table import Trigger
from handback.partners.codes import ReasonClass
from handback.partners.lists import listed
from handback.partners.queries import numbers_of
from handback.partners.registry import Terms
from handback.store import requests
from handback.store.bulk import table_of
from handback.store.requests import Command
from handback.store.session import Store
from handback.store.tables import Partner, PartnerHold, Programme

HOLD, PARTNER, PROGRAMME = table_of(PartnerHold), table_of(Partner), table_of(Programme)

_BLAMES: Final = (pl.col("reason_class") == int(ReasonClass.OURS)) & pl.col("trigger").is_in(
    [int(Trigger.REJECT), int(Trigger.RETURN)]
)


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold as it stands; `file_id` is the hand-back file that blamed us, where one did."""

    hold_id: int
    programme: str
    partner: str
    file_id: int | None
    reason: str
    held_at: datetime
    held_by: str
    released_at: datetime | None
    released_by: str | None
    release_comment: str | None


@dataclass(frozen=True, slots=True)
class HoldFilter:
    """Which holds of a programme's partners a page has; a partner that is None does not narrow."""

    programme: str
    partner: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A hold as a command left it; `replayed` where the same request had been answered before."""

    hold: HoldView
    replayed: bool = False


def is_open(partner_id: sa.ColumnElement[int]) -> sa.Exists:
    """Whether a partner is held, as a condition."""
    return sa.exists().where(HOLD.c.partner_id == partner_id, HOLD.c.released_at.is_(None))


def refuse_held(tx: sa.Connection, terms: Terms) -> None:
    """Raise PartnerHeld where the partner is."""
    held = HOLD.c.released_at.is_(None) & (HOLD.c.partner_id == terms.partner_id)
    row = tx.execute(sa.select(HOLD.c.held_at, HOLD.c.reason).where(held)).one_or_none()
    if row is not None:
        raise PartnerHeld(
            partner=terms.agreement.partner, held_at=row.held_at.isoformat(), why=row.reason
        )


def hold(store: Store, clock: Clock, programme: str, partner: str, command: Command) -> Told:
    """Hold a partner for the reason that the command's comment says.

    Raises InvalidRequest without one, NotFound, AlreadyExists where it is held, RequestKeyReused.
    """
    with store.write() as tx:
        partner_id, programme_id = _named(tx, programme, partner, command)
        asked = requests.content_hash("hold", partner_id, command.comment)
        known = requests.answered(tx, programme_id, command, asked)
        if known is not None:
            return Told(_get(tx, known), replayed=True)
        if tx.scalar(sa.select(is_open(sa.literal(partner_id)))):
            raise AlreadyExists(kind="a hold of", id=partner)
        now = clock.now()
        hold_id = _insert(store, tx, partner_id, None, command.comment, command.actor, now)
        requests.remember(tx, programme_id, command, asked, hold_id, now)
        return Told(_get(tx, hold_id))


def release(store: Store, clock: Clock, programme: str, partner: str, command: Command) -> Told:
    """End the hold of a partner; the comment says why.

    Raises InvalidRequest without one, NotFound where it is not held, RequestKeyReused.
    """
    with store.write() as tx:
        partner_id, programme_id = _named(tx, programme, partner, command)
        asked = requests.content_hash("release", partner_id, command.comment)
        known = requests.answered(tx, programme_id, command, asked)
        if known is not None:
            return Told(_get(tx, known), replayed=True)
        now = clock.now()
        hold_id = tx.scalar(
            sa.update(HOLD)
            .where(HOLD.c.partner_id == partner_id, HOLD.c.released_at.is_(None))
            .values(released_at=now, released_by=command.actor, release_comment=command.comment)
            .returning(HOLD.c.hold_id)
        )
        if hold_id is None:
            raise NotFound(kind="hold of", id=partner)
        why = f"released: {command.comment}"
        alarms.settle(tx, partner_id, _stopped(hold_id), command.actor, now, why)
        requests.remember(tx, programme_id, command, asked, hold_id, now)
        return Told(_get(tx, hold_id))


def stop_where_blamed(
    store: Store,
    tx: sa.Connection,
    terms: Terms,
    file_id: int,
    changes: Sequence[pl.DataFrame],
    actor: str,
    at: datetime,
) -> None:
    """Hold the partner where one of the changes (columns of CHANGES) that its file made says that
    the fault is ours."""
    ours = [some for some in changes if (some["reason_class"] == int(ReasonClass.OURS)).any()]
    found = [code for some in ours for code in some.filter(_BLAMES).head(1)["reason_code"]]
    if not found or tx.scalar(sa.select(is_open(sa.literal(terms.partner_id)))):
        return
    why = f"the partner blames us, with code {found[0]}"
    hold_id = _insert(store, tx, terms.partner_id, file_id, why, actor, at)
    facts = {"why": why, "file": public_id(Prefix.HANDBACK_FILE, file_id)}
    alarms.sound(store, tx, terms, _stopped(hold_id, facts), at)


def page(tx: sa.Connection, wanted: HoldFilter, before: int | None, size: int) -> list[HoldView]:
    """Up to `size` holds with an id below `before`, newest first. Raises NotFound."""
    selected = _views().order_by(HOLD.c.hold_id.desc()).limit(size)
    if before is not None:
        selected = selected.where(HOLD.c.hold_id < before)
    return listed(tx, selected, wanted, _view)


def _named(tx: sa.Connection, programme: str, partner: str, command: Command) -> tuple[int, int]:
    if not command.comment.strip():
        raise InvalidRequest([Violation("comment", "expected why")])
    return numbers_of(tx, programme, partner)


def _insert(
    store: Store,
    tx: sa.Connection,
    partner_id: int,
    file_id: int | None,
    reason: str,
    actor: str,
    at: datetime,
) -> int:
    """A new hold. On PostgreSQL a second one at the same time is a VersionConflict."""
    hold_id = store.take_ids("partner_hold", 1, tx)[0]
    row = {"hold_id": hold_id, "partner_id": partner_id, "file_id": file_id, "reason": reason}
    tx.execute(sa.insert(HOLD).values(**row, held_at=at, held_by=actor))
    return hold_id


def _stopped(hold_id: int, facts: dict[str, str] | None = None) -> Alarm:
    return Alarm(BreakKind.PARTNER_STOPPED, hold_id, facts or {})


def _views() -> sa.Select[Any]:
    return (
        sa.select(HOLD, PROGRAMME.c.name.label("programme"), PARTNER.c.name.label("partner"))
        .join(PARTNER, PARTNER.c.partner_id == HOLD.c.partner_id)
        .join(PROGRAMME, PROGRAMME.c.programme_id == PARTNER.c.programme_id)
    )


def _get(tx: sa.Connection, hold_id: int) -> HoldView:
    return _view(tx.execute(_views().where(HOLD.c.hold_id == hold_id)).one())


def _view(row: sa.Row[Any]) -> HoldView:
    return HoldView(**{name: getattr(row, name) for name in HoldView.__dataclass_fields__})
