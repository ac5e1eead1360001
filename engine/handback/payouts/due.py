"""The due queue, as payouts use it: what is due, taking it, putting off what cannot go out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback.breaks import resolve
from handback.breaks.doubts import doubts, in_doubt
from handback.breaks.identity import known
from handback.breaks.kinds import KEEPING, BreakKind, Resolution
from handback.errors import VersionConflict
from handback.ids import Prefix, public_id
from handback.partners.codes import ReasonClass
from handback.partners.registry import Terms
from handback.payouts.stretches import Stretch, all_of
from handback.store.among import along
from handback.store.bulk import fetch_frame, table_of
from handback.store.plans import in_sets
from handback.store.session import Store
from handback.store.tables import Attempt, Break, Due, MemberDetail, Redemption

ATTEMPT, DETAIL, DUE = table_of(Attempt), table_of(MemberDetail), table_of(Due)
BREAK, REDEMPTION = table_of(Break), table_of(Redemption)

# When a redemption that could not go out is tried again, in case the terms were mended, or nothing
# is in doubt any more.
_POSTPONED_BY = timedelta(days=1)
# Each has an entry in its history, and is named in a statement.
_CLOSED_AT_ONCE: Final = 1_000
ACTOR: Final = "payouts"
"""Who takes what is due, where nobody asks for it."""


def due_rows(
    tx: sa.Connection, terms: Terms, stretch: Stretch, wanted: Collection[str]
) -> pl.DataFrame:
    """The redemptions of a stretch in the order of ids, with what is `wanted` to be known of them.

    One row per redemption: redemption_id, attempt (the one to come), quantity, member_ref, in_doubt
    (1 where an earlier attempt may stand credited), and of what is wanted submitted_on (in the
    partner's zone) and fields of the agreement. An attempt that goes out under the reference of the
    one before has it as `last_reference`, others null.
    """
    fields = [name for name in terms.agreement.field_names if name in wanted]
    dated = "submitted_on" in wanted
    with in_sets(tx):
        rows = fetch_frame(tx, _waiting(tx, stretch, dated=dated, detailed=bool(fields)))
    rows = rows.sort("redemption_id")
    if fields:
        rows = _with_fields(rows, fields)
    if dated:
        at = pl.col("submitted_at").dt.convert_time_zone(terms.agreement.time_zone.key)
        rows = rows.with_columns(submitted_on=at.dt.date())
    if not (rows["same_reference"] == 1).any():
        return rows.with_columns(last_reference=pl.lit(None, pl.String))
    return rows.join(_last_references(tx, stretch), on="redemption_id", how="left")


def lock_rows(tx: sa.Connection, due: Sequence[Stretch]) -> None:
    """Have others who want these rows of the queue wait until the end of the transaction."""
    whole = sa.select(DUE.c.redemption_id).where(all_of(due).inside)
    locked = whole.with_for_update().subquery("locked")
    tx.execute(sa.select(sa.func.count()).select_from(locked))


def take(store: Store, tx: sa.Connection, stretch: Stretch, redemption_ids: pl.Series) -> None:
    """Take a stretch out of the queue, where just these redemptions (Int64, sorted) are waiting.

    Raises VersionConflict where others are: whoever leaves the queue and comes back is due later.
    """
    taken = store.dialect.delete_rows(tx, DUE.c.redemption_id, stretch.inside)
    if not taken.sort().equals(redemption_ids):
        raise VersionConflict(moved=len(taken), expected=len(redemption_ids))


def postpone(
    store: Store, tx: sa.Connection, terms: Terms, unfit: pl.DataFrame, now: datetime
) -> None:
    """Put off redemptions that cannot go out, and show each to a person.

    `unfit` has redemption_id, attempt, quantity, in_doubt and why each was `refused`. Raises
    VersionConflict where one of them waits no more.
    """
    stage = store.dialect.stage(tx, "unfit", unfit.select("redemption_id"))
    unfit_ids = sa.select(stage.c.redemption_id)
    later = sa.update(DUE).where(DUE.c.redemption_id.in_(unfit_ids), DUE.c.due_at <= now)
    moved = tx.execute(later.values(due_at=now + _POSTPONED_BY)).rowcount
    if moved != len(unfit):
        raise VersionConflict(moved=moved, expected=len(unfit))
    doubted = unfit.filter(pl.col("in_doubt") == 1)["redemption_id"].to_list()
    about = doubts(tx, doubted) if doubted else {}
    rows = [_break(terms, row, about, now) for row in unfit.to_dicts()]
    opened = pl.DataFrame(rows, schema=resolve.OPENED)
    there, renewed = known(store, tx, terms.partner_id, opened["identity"])
    new = opened.filter(~pl.col("identity").is_in(there))
    named = [renewed.get(identity, identity) for identity in new["identity"]]
    numbers = store.take_ids("break", len(new), tx)
    new = new.with_columns(
        pl.Series("break_id", numbers, pl.Int64), pl.Series("identity", named, pl.Binary)
    )
    resolve.insert(store, tx, new, terms.agreement)


def close_kept(tx: sa.Connection, partner_id: int, batch_id: int, now: datetime) -> None:
    """Close the breaks that say why redemptions do not leave, of those that leave in a batch."""
    comment = f"it leaves in {public_id(Prefix.PAYOUT_BATCH, batch_id)}"
    closing = (Resolution.SETTLED, ACTOR, now, comment)
    kept = kept_in(partner_id, batch_id).limit(_CLOSED_AT_ONCE)
    while found := tx.scalars(kept).all():
        resolve.close_all(tx, found, *closing)


def kept_in(partner_id: int, batch_id: int) -> sa.Select[Any]:
    """The open breaks that say why redemptions do not leave, of those that stand in a batch."""
    # Told as it stands in the condition of the index, which a value bound later does not fulfil.
    keeping = BREAK.c.kind.in_([sa.literal_column(str(int(kind))) for kind in KEEPING])
    # A scalar, so that no plan begins with the attempts of the batch.
    standing = (
        sa.select(ATTEMPT.c.batch_id)
        .where(ATTEMPT.c.redemption_id == BREAK.c.redemption_id)
        .order_by(ATTEMPT.c.attempt.desc())
        .limit(1)
        .correlate(BREAK)
        .scalar_subquery()
    )
    of_partner = (BREAK.c.partner_id == partner_id) & BREAK.c.closed_at.is_(None)
    return sa.select(BREAK.c.break_id).where(of_partner, keeping, standing == batch_id)


def _waiting(tx: sa.Connection, stretch: Stretch, *, dated: bool, detailed: bool) -> sa.Select[Any]:
    """What the store knows of the redemptions of a stretch, each table to be read as a set."""
    columns = DUE.c.redemption_id, DUE.c.same_reference, DUE.c.recalled
    due = sa.select(*columns).where(stretch.inside).cte("waiting")
    ids = sa.select(due.c.redemption_id)
    # The numbers of recalled attempts are not given anew.
    coming = REDEMPTION.c.attempt + 1 + sa.func.coalesce(due.c.recalled, 0)
    select = (
        sa.select(
            REDEMPTION.c.redemption_id,
            sa.cast(coming, sa.SmallInteger).label("attempt"),
            REDEMPTION.c.held.label("quantity"),
            REDEMPTION.c.member_ref,
            due.c.same_reference,
            # Nothing is known of what was never sent, and nobody looks.
            sa.case((REDEMPTION.c.attempt > 0, in_doubt(REDEMPTION.c.redemption_id)), else_=0)
            .cast(sa.SmallInteger)
            .label("in_doubt"),
        )
        .join(due, due.c.redemption_id == REDEMPTION.c.redemption_id)
        .where(along(tx, REDEMPTION.c.redemption_id, ids))
    )
    if dated:
        select = select.add_columns(REDEMPTION.c.submitted_at)
    if detailed:
        own = DETAIL.c.redemption_id == REDEMPTION.c.redemption_id
        own &= along(tx, DETAIL.c.redemption_id, ids)
        select = select.add_columns(DETAIL.c.fields).outerjoin(DETAIL, own)
    return select


def _break(
    terms: Terms, row: Mapping[str, Any], about: Mapping[int, int], now: datetime
) -> dict[str, object]:
    """What is told of a redemption that was put off (OPENED but for its number).

    `about` has the breaks for which redemptions are in doubt.
    """
    kind, why = BreakKind.UNWRITABLE, row["refused"]
    facts = {"why": why, "agreement_version": str(terms.version)}
    if row["in_doubt"]:
        # Another doubt is another break.
        kind, why = BreakKind.KEPT_BACK, public_id(Prefix.BREAK, about[row["redemption_id"]])
        facts["break"] = why
    said = f"{kind}/{row['redemption_id']}/{row['attempt']}/{why}"
    return {
        "programme_id": terms.programme_id,
        "partner_id": terms.partner_id,
        "identity": hashlib.sha256(said.encode()).digest(),
        "kind": int(kind),
        "redemption_id": row["redemption_id"],
        "attempt": row["attempt"],
        "quantity": row["quantity"],
        "reason_class": int(ReasonClass.NONE),
        "facts": json.dumps(facts),
        "opened_at": now,
    }


def _with_fields(rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The submitted fields as columns of their own, in place of the JSON they are kept as."""
    kind = pl.Struct(dict.fromkeys(names, pl.String))
    return rows.with_columns(pl.col("fields").str.json_decode(kind)).unnest("fields")


def _last_references(tx: sa.Connection, stretch: Stretch) -> pl.DataFrame:
    last = (ATTEMPT.c.redemption_id == REDEMPTION.c.redemption_id) & (
        ATTEMPT.c.attempt == REDEMPTION.c.attempt
    )
    select = (
        sa.select(ATTEMPT.c.redemption_id, ATTEMPT.c.reference.label("last_reference"))
        .join(REDEMPTION, last)
        .join(DUE, DUE.c.redemption_id == REDEMPTION.c.redemption_id)
        .where(stretch.inside, DUE.c.same_reference == 1)
    )
    return fetch_frame(tx, select)
