"""Normal forms of printed references, kept for the partners whose agreement compares them.

They are made when a file first needs them, batch by batch and once for each way to normalise. So a
submit, a payout and a file that is matched by key pay nothing for them, and a normalisation that is
declared or changed later finds all earlier attempts too.
"""

from __future__ import annotations

from collections.abc import Iterator
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

_PAGE: Final = 50_000


def keep_normal_forms(
    store: Store, agreements: Agreements, terms: Terms, received_at: datetime
) -> None:
    """See to it that the references of all batches sealed by an instant are there as the terms
    normalise them."""
    steps = terms.agreement.handback.normalise
    assert steps is not None, terms
    while True:
        with store.write() as tx:
            store.dialect.serialise(tx, f"normal forms of partner {terms.partner_id}")
            batch = _next_batch(tx, terms.partner_id, steps.form, received_at)
            if batch is None:
                return
            printed_by = agreements.at_version(tx, terms.partner_id, batch.agreement_version)
            for attempts in _pages(tx, batch.batch_id):
                _keep(store, tx, steps, _printed(printed_by, batch, attempts), terms.partner_id)
            _note(store, tx, terms.partner_id, steps.form, batch.sequence)


class _Batch(NamedTuple):
    batch_id: int
    sequence: int
    agreement_version: int
    sealed_at: datetime


def _next_batch(
    tx: sa.Connection, partner_id: int, form: int, received_at: datetime
) -> _Batch | None:
    up_to = sa.select(FORM.c.up_to).where(FORM.c.partner_id == partner_id, FORM.c.form == form)
    done = tx.scalar(up_to) or 0
    following = (
        sa.select(*(BATCH.c[name] for name in _Batch._fields))
        .where(BATCH.c.partner_id == partner_id, BATCH.c.sequence > done)
        .order_by(BATCH.c.sequence)
        .limit(1)
    )
    row = tx.execute(following).one_or_none()
    return _Batch(*row) if row is not None and row.sealed_at <= received_at else None


def _pages(tx: sa.Connection, batch_id: int) -> Iterator[pl.DataFrame]:
    """The attempts of a batch in the order of its file."""
    names = ("ordinal", "redemption_id", "attempt", "reference")
    last = 0
    while True:
        select = (
            sa.select(*(ATTEMPT.c[name] for name in names))
            .where(ATTEMPT.c.batch_id == batch_id, ATTEMPT.c.ordinal > last)
            .order_by(ATTEMPT.c.ordinal)
            .limit(_PAGE)
        )
        attempts = fetch_frame(tx, select)
        if attempts.is_empty():
            return
        yield attempts
        last = int(attempts["ordinal"][-1])


def _printed(terms: Terms, batch: _Batch, attempts: pl.DataFrame) -> pl.DataFrame:
    """The attempts with the reference that was printed for each, null where that is not known: of a
    key with fields beside it the fields are not kept."""
    template = terms.agreement.payout.reference
    if not template.has_key or template.fields:
        return attempts
    printed_on = batch.sealed_at.astimezone(terms.agreement.time_zone).date()
    rendered = template.render(attempts, batch=batch.sequence, on=printed_on)
    return attempts.with_columns(reference=pl.coalesce("reference", rendered["reference"]))


def _keep(
    store: Store, tx: sa.Connection, steps: Normalisation, printed: pl.DataFrame, partner_id: int
) -> None:
    rows = printed.select(
        "redemption_id",
        "attempt",
        reference=steps.apply(pl.col("reference")),
        partner_id=pl.lit(partner_id, pl.Int64),
        form=pl.lit(steps.form, pl.Int64),
    ).drop_nulls("reference")
    store.dialect.insert_frame(tx, NORMAL, rows.sort("reference"))


def _note(store: Store, tx: sa.Connection, partner_id: int, form: int, sequence: int) -> None:
    key = {"partner_id": partner_id, "form": form}
    store.dialect.insert_absent(tx, FORM, {**key, "up_to": sequence})
    of_form = (FORM.c.partner_id == partner_id) & (FORM.c.form == form)
    tx.execute(sa.update(FORM).where(of_form).values(up_to=sequence))
