"""The rounds of payouts: who is to be gathered from now, and which sealed batches are to go out.

Several processes may make their rounds at once; each partner and each batch is one's at a time.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from handback.clock import Clock
from handback.errors import (
    AlreadyExists,
    HandbackError,
    LimitReached,
    PartnerHeld,
    StoreUnavailable,
    WrongBatchState,
)
from handback.exchange.landing import Landing
from handback.exchange.transport import Transport
from handback.ids import Prefix, public_id
from handback.partners.registry import Agreements, Terms
from handback.payouts.deliver import deliver, sealed_batches
from handback.payouts.due import ACTOR
from handback.payouts.gather import gather
from handback.payouts.holds import is_open
from handback.payouts.lanes import is_due
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Due, Partner, PayoutBatch

BATCH, DUE, PARTNER = table_of(PayoutBatch), table_of(Due), table_of(Partner)

_LOG: Final = logging.getLogger(__name__)


def gather_round(store: Store, landing: Landing, agreements: Agreements, clock: Clock) -> int:
    """Gather from every partner whose cut-off, or the interval since its last batch, has passed;
    batches sealed.

    A partner that is held, or takes nothing more that day, is left alone. One partner's trouble is
    logged and holds up no other.
    """
    with store.read() as tx:
        partners = _partners_to_gather(tx, agreements, clock.now())
    sealed = 0
    for terms, cut_off in partners:
        with store.lock(f"gathering for partner {terms.partner_id}") as had:
            if not had:
                continue
            agreement = terms.agreement
            names = agreement.programme, agreement.partner
            try:
                sealed += len(gather(store, landing, agreements, clock, *names, cut_off=cut_off))
            except StoreUnavailable:
                raise
            except (PartnerHeld, LimitReached):
                continue
            except HandbackError:
                _LOG.exception("nothing is gathered for %s/%s", *names)
    return sealed


def deliver_round(
    store: Store, landing: Landing, transport: Transport, agreements: Agreements, clock: Clock
) -> int:
    """Deliver every batch that is sealed, oldest first, and dispatch what is in it; how many.

    A batch that cannot be delivered is logged, stays sealed and is tried again the next round.
    """
    with store.read() as tx:
        waiting = sealed_batches(tx)
    delivered = 0
    for batch_id in waiting:
        named = public_id(Prefix.PAYOUT_BATCH, batch_id)
        with store.lock(f"delivery of {named}") as had:
            if not had:
                continue
            try:
                deliver(store, landing, transport, agreements, clock, batch_id, ACTOR)
                delivered += 1
            except StoreUnavailable:
                raise
            except (PartnerHeld, WrongBatchState):
                continue  # it waits, or was recalled since
            except (AlreadyExists, OSError) as trouble:
                _LOG.warning("%s cannot be delivered: %s", named, trouble)  # a break tells more
            except HandbackError:
                _LOG.exception("%s cannot be delivered", named)
    return delivered


def _partners_to_gather(
    tx: sa.Connection, agreements: Agreements, now: datetime
) -> list[tuple[Terms, datetime | None]]:
    """Who is to be gathered from, each with its last cut-off, None where it has none."""
    some_due = sa.exists().where(DUE.c.partner_id == PARTNER.c.partner_id, DUE.c.due_at <= now)
    last = (
        sa.select(BATCH.c.sealed_at)
        .where(BATCH.c.partner_id == PARTNER.c.partner_id)
        .order_by(BATCH.c.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )
    due = sa.select(PARTNER.c.partner_id, last.label("sealed_at")).where(
        some_due, ~is_open(PARTNER.c.partner_id)
    )
    found: list[tuple[Terms, datetime | None]] = []
    for row in tx.execute(due.order_by(PARTNER.c.partner_id)).all():
        terms = agreements.of_partner(tx, row.partner_id)
        payout = terms.agreement.payout
        interval = timedelta(seconds=payout.interval_s)
        if payout.cut_offs is not None:
            cut_off = payout.cut_offs.last(now)
            if is_due(tx, terms, cut_off):
                found.append((terms, cut_off))
        elif row.sealed_at is None or now - row.sealed_at >= interval:
            found.append((terms, None))
    return found
