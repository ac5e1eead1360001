"""Normal forms of printed references, kept for the partners whose agreement compares them.

They are made when a file first needs them, batch by batch and once for each way to normalise. So a
submit, a payout and a file that is matched by key pay nothing for them, and a normalisation that is
declared or changed later finds all earlier attempts too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

import polars as pl
import sqlalchemy as sa

from handback.partners.normalise import Normalisation
from handback.partners.registry import Agreements, Terms
from handback.store.bulk import fetch_frame, table_of
from handback.store.session import Store
from handback.store.tables import Attempt, NormalForm, NormalReference, PayoutBatch

ATTEMPT, BATCH = table_of(Attempt), table_of(PayoutBatch)
FORM, NORMAL = table_of(NormalForm), table_of(NormalReference)

_PAGE: Final = 20_000  # of references, taken up in one transaction


def keep_normal_forms(
    store: Store, agreements: Agreements, terms: Terms, received_at: datetime
) -> None:
    """See to it that the references of all batches sealed by an instant are there as the terms
    normalise them."""
    more = True
    while more:
        with store.write() as tx:
            store.dialect.serialise(tx, f"normal forms of partner {terms.partner_id}")
            more = _keep_page(store, tx, agreements, terms, received_at)


class _Batch(NamedTuple):
    batch_id: int
    sequence: int
    agreement_version: int
    sealed_at: datetime


def _keep_page(
    store: Store, tx: sa.Connection, agreements: Agreements, terms: Terms, received_at: datetime
) -> bool:
    """Take up the next references; whether there were any."""
    steps, partner_id = terms.agreement.handback.normalise, terms.partner_id
    assert steps is not None, terms
    mark = FORM.c.partner_id == partner_id, FORM.c.form == steps.form
    kept = tx.execute(sa.select(FORM.c.up_to, FORM.c.ordinal).where(*mark)).one_or_none()
    up_to, ordinal = kept or (0, 0)
    batch = _batch_after(tx, partner_id, up_to)
    if batch is None or batch.sealed_at > received_at:
        return False
    attempts = _attempts_after(tx, batch.batch_id, ordinal)
    printed_by = agreements.at_version(tx, partner_id, batch.agreement_version)
    printed = _printed(printed_by, batch, attempts)
    _insert(store, tx, steps, partner_id, printed)
    reached = {"up_to": batch.sequence, "ordinal": 0}
    if len(attempts) == _PAGE:
        reached = {"up_to": up_to, "ordinal": int(attempts["ordinal"][-1])}
    if kept is None:
        tx.execute(sa.insert(FORM).values(partner_id=partner_id, form=steps.form, **reached))
    else:
        tx.execute(sa.update(FORM).where(*mark).values(**reached))
    return True


def _batch_after(tx: sa.Connection, partner_id: int, sequence: int) -> _Batch | None:
    following = (
        sa.select(*(BATCH.c[name] for name in _Batch._fields))
        .where(BATCH.c.partner_id == partner_id, BATCH.c.sequence > sequence)
        .order_by(BATCH.c.sequence)
        .limit(1)
    )
    row = tx.execute(following).one_or_none()
    return None if row is None else _Batch(*row)


def _attempts_after(tx: sa.Connection, batch_id: int, ordinal: int) -> pl.DataFrame:
    """A page of the attempts of a batch, in the order of its file."""
    names = ("ordinal", "redemption_id", "attempt", "reference")
    select = (
        sa.select(*(ATTEMPT.c[name] for name in names))
        .where(ATTEMPT.c.batch_id == batch_id, ATTEMPT.c.ordinal > ordinal)
        .order_by(ATTEMPT.c.ordinal)
        .limit(_PAGE)
    )
    return fetch_frame(tx, select)


def _printed(terms: Terms, batch: _Batch, attempts: pl.DataFrame) -> pl.DataFrame:
    """The attempts with the reference that was printed for each, null where that is not known: of a
    key with fields beside it the fields are not kept."""
    template = terms.agreement.payout.reference
    if not template.has_key or template.fields:
        return attempts
    printed_on = terms.agreement.calendar.date_of(batch.sealed_at)
    rendered = template.render(attempts, batch=batch.sequence, on=printed_on)
    return attempts.with_columns(reference=pl.coalesce("reference", rendered["reference"]))


def _insert(
    store: Store, tx: sa.Connection, steps: Normalisation, partner_id: int, printed: pl.DataFrame
) -> None:
    rows = printed.select(
        "redemption_id",
        "attempt",
        reference=steps.apply(pl.col("reference")),
        partner_id=pl.lit(partner_id, pl.Int64),
        form=pl.lit(steps.form, pl.Int64),
    ).drop_nulls("reference")
    store.dialect.insert_frame(tx, NORMAL, rows.sort("reference"))
