"""Gathering: due redemptions of a partner become a sealed batch with its file, in one step.

One transaction takes the redemptions out of the due queue and writes their attempts and the batch,
which names a file that already lies in the landing. A crash before its commit leaves nothing but
unused bytes; after it, a batch that only has to be delivered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

import polars as pl
import sqlalchemy as sa

from handback.clock import Clock
from handback.errors import InvalidRequest, VersionConflict, Violation
from handback.exchange.landing import Landing
from handback.exchange.streams import Fingerprint
from handback.formats.encode import encode, unwritable
from handback.journal.again import decide_again
from handback.partners.policy import Reference
from handback.partners.registry import Agreements, Terms
from handback.payouts.due import due_rows, postpone, take_rows
from handback.payouts.states import BatchState
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Attempt, PayoutBatch

ATTEMPT, BATCH = table_of(Attempt), table_of(PayoutBatch)

# Rows encoded at once, and what is kept of a file in memory before it goes to a temporary one.
_CHUNK = 50_000
_IN_MEMORY_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Gathered:
    """One sealed batch. `refused` redemptions could not be written into it and were postponed."""

    batch_id: int
    record_count: int
    refused: int


def gather(
    store: Store,
    landing: Landing,
    agreements: Agreements,
    clock: Clock,
    programme: str,
    partner: str,
    trace_context: str | None = None,
) -> list[Gathered]:
    """Seal batches of what is due at a partner, until nothing is left: one unit a batch.

    Raises NotFound or AgreementNotActive for a partner without terms.
    """
    with store.read() as tx:
        terms = agreements.current(tx, programme, partner)
    sealed: list[Gathered] = []
    for unit in sorted(terms.unit_ids):
        sealing = _Sealing(store, landing, terms, unit, clock.now(), trace_context)
        while (one := decide_again(sealing.next_batch)) is not None:
            if one.record_count:
                sealed.append(one)
    return sealed


class _Sealing:
    """What the batches of one partner and unit have in common."""

    def __init__(
        self,
        store: Store,
        landing: Landing,
        terms: Terms,
        unit: str,
        now: datetime,
        trace_context: str | None,
    ) -> None:
        self._store = store
        self._landing = landing
        self._terms = terms
        self._payout = terms.agreement.payout
        self._unit = unit
        self._now = now
        self._trace_context = trace_context
        self._on = now.astimezone(terms.agreement.time_zone).date()

    def next_batch(self) -> Gathered | None:
        """Seal the next batch, None where nothing is due."""
        with self._store.write() as tx:
            # Sequences are dense per partner, so batches of one partner are sealed one by one.
            self._store.dialect.serialise(tx, f"payouts/{self._terms.partner_id}")
            rows = due_rows(tx, self._terms, self._unit, self._now)
            if rows.is_empty():
                return None
            batch_id = self._store.take_ids("payout_batch", 1, tx)[0]
            sequence = self._next_sequence(tx)
            rows = self._with_references(rows, sequence)
            rows, written = self._write_file(rows, sequence)
            unfit = rows.filter(pl.col("refused").is_not_null())
            postpone(self._store, tx, self._terms, unfit, self._now)
            fit = rows.filter(pl.col("refused").is_null())
            if written is not None:
                if take_rows(self._store, tx, fit["redemption_id"]) != len(fit):
                    # A cancel took one of them since it was read; the next round leaves it out.
                    raise VersionConflict(moved=0, expected=len(fit))
                self._insert(tx, batch_id, sequence, fit, written)
            return Gathered(batch_id, len(fit), len(unfit))

    def _next_sequence(self, tx: sa.Connection) -> int:
        newest = sa.select(sa.func.max(BATCH.c.sequence))
        found = tx.scalar(newest.where(BATCH.c.partner_id == self._terms.partner_id))
        return int(found or 0) + 1

    def _with_references(self, rows: pl.DataFrame, sequence: int) -> pl.DataFrame:
        """The rows with the `reference` each goes out under, or why it is `refused`."""
        rendered = self._payout.reference.render(rows, batch=sequence, on=self._on)
        again = (pl.col("same_reference") == 1) & pl.col("last_reference").is_not_null()
        return rows.with_columns(
            batch=pl.lit(sequence, pl.Int64),
            reference=pl.when(again).then("last_reference").otherwise(rendered["reference"]),
            refused=pl.when(~again).then(rendered["refused"]),
        )

    def _write_file(
        self, rows: pl.DataFrame, sequence: int
    ) -> tuple[pl.DataFrame, Fingerprint | None]:
        """Land the file of the rows; those that its layout cannot carry are marked as refused."""
        fit = rows.filter(pl.col("refused").is_null())
        try:
            return rows, self._encode(fit, sequence)
        except InvalidRequest:
            # Only terms that changed since the submit can do that: leave out whom it concerns.
            told = _told(unwritable(self._payout.layout, fit), fit)
            if told.is_empty():
                raise
            marked = rows.update(told, on="redemption_id", how="left")
            left = marked.filter(pl.col("refused").is_null())
            return marked, self._encode(left, sequence)

    def _encode(self, rows: pl.DataFrame, sequence: int) -> Fingerprint | None:
        if rows.is_empty():
            return None
        facts: dict[str, object] = {
            "sequence": sequence,
            "batch": sequence,
            "programme": self._terms.agreement.programme,
            "partner": self._terms.agreement.partner,
            "created_on": self._on,
            "unit": self._unit,
        }
        with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
            encode(self._payout.layout, facts, _slices(rows), cast(BinaryIO, file))
            file.seek(0)
            return self._landing.land(file)

    def _insert(
        self,
        tx: sa.Connection,
        batch_id: int,
        sequence: int,
        rows: pl.DataFrame,
        written: Fingerprint,
    ) -> None:
        agreement = self._terms.agreement
        name = self._payout.file_name.render(
            sequence=sequence, at=self._now, zone=agreement.time_zone, unit=self._unit
        )
        batch = {
            "batch_id": batch_id,
            "programme_id": self._terms.programme_id,
            "partner_id": self._terms.partner_id,
            "unit_id": self._terms.unit_ids[self._unit],
            "sequence": sequence,
            "agreement_version": self._terms.version,
            "state": int(BatchState.SEALED),
            "record_count": len(rows),
            "quantity": rows["quantity"].sum(),
            "file_name": name,
            "fingerprint": written.sha256,
            "size_bytes": written.size_bytes,
            "trace_context": self._trace_context,
            "sealed_at": self._now,
        }
        tx.execute(sa.insert(BATCH).values(**batch))
        # A reference that carries the attempt's own key need not be looked up, nor kept, unless
        # a later attempt may go out under it.
        again = any(one.reference is Reference.SAME for one in agreement.policies.values())
        kept = pl.lit(again or not self._payout.reference.has_key)
        attempts = rows.select(
            "redemption_id",
            "attempt",
            partner_id=pl.lit(self._terms.partner_id, pl.Int64),
            batch_id=pl.lit(batch_id, pl.Int64),
            ordinal=pl.col("ordinal").cast(pl.Int32),
            quantity="quantity",
            reference=pl.when(kept).then("reference"),
        )
        self._store.dialect.insert_frame(tx, ATTEMPT, attempts)


def _slices(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    return rows.iter_slices(_CHUNK)


def _told(places: Mapping[int, Sequence[Violation]], rows: pl.DataFrame) -> pl.DataFrame:
    """What is wrong with each row that cannot be written, by redemption."""
    ids = rows["redemption_id"]
    told = [(ids[row], "; ".join(map(str, mistakes))) for row, mistakes in places.items()]
    schema = {"redemption_id": pl.Int64, "refused": pl.String}
    return pl.DataFrame(told, schema=schema, orient="row")
