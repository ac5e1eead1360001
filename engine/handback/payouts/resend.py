"""Sending the file of a batch once more: the same bytes, and no new attempt."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from handback.clock import Clock
from handback.errors import InvalidRequest, Violation, WrongBatchState
from handback.exchange.landing import Landing
from handback.exchange.transport import Transport
from handback.ids import Prefix, public_id
from handback.partners.file_name import MAX_LENGTH
from handback.partners.registry import Agreements
from handback.payouts.deliver import bring
from handback.payouts.holds import refuse_held
from handback.payouts.queries import BatchCommanded, get, owner_of
from handback.payouts.states import BatchState
from handback.store import requests
from handback.store.bulk import table_of
from handback.store.requests import Command
from handback.store.session import Store
from handback.store.tables import PayoutBatch

BATCH = table_of(PayoutBatch)


def resend(
    store: Store,
    landing: Landing,
    transport: Transport,
    agreements: Agreements,
    clock: Clock,
    programme: str,
    batch_id: int,
    command: Command,
    file_name: str = "",
) -> BatchCommanded:
    """Put the file of a delivered batch there again, under its own name or another one.

    Where it still lies there nothing is done. Deadline and attempts stay what they are. A process
    killed before it has noted so leaves a file that is brought once more. Raises InvalidRequest for
    a name that is none, NotFound, RequestKeyReused, WrongBatchState where it was never delivered,
    PartnerHeld, AlreadyExists where the name is taken by other content, OSError where the transport
    fails.
    """
    if len(file_name.encode()) > MAX_LENGTH:
        raise InvalidRequest([Violation("file_name", f"expected at most {MAX_LENGTH} bytes")])
    asked = requests.content_hash("resend", batch_id, file_name, command.comment)
    with store.read() as tx:
        owner = owner_of(tx, programme, batch_id)
        if requests.answered(tx, owner.programme_id, command, asked) is not None:
            return BatchCommanded(get(tx, programme, batch_id), replayed=True)
        batch = tx.execute(sa.select(BATCH).where(BATCH.c.batch_id == batch_id)).one()
        terms = agreements.at_version(tx, batch.partner_id, batch.agreement_version)
        refuse_held(tx, terms)
    _check(batch)
    name = file_name or batch.file_name
    bring(landing, transport, terms, batch, name)
    with store.write() as tx:
        now = clock.now()
        tx.execute(
            sa.update(BATCH)
            .where(BATCH.c.batch_id == batch_id)
            .values(resent_at=now, resent_by=command.actor, resent_as=name)
        )
        requests.remember(tx, owner.programme_id, command, asked, batch_id, now)
        return BatchCommanded(get(tx, programme, batch_id))


def _check(batch: sa.Row[Any]) -> None:
    state = BatchState(batch.state)
    if state not in (BatchState.DELIVERED, BatchState.DISPATCHED):
        named = public_id(Prefix.PAYOUT_BATCH, batch.batch_id)
        raise WrongBatchState(batch=named, state=f"is {state}, and was never delivered")
