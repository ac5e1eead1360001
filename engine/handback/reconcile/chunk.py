"""Applying one chunk of a hand-back file: match, decide, write, and tick it off, at once.

Everything happens in one transaction, the tick among it: a process killed anywhere finds the
chunk either done or untouched.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from handback.errors import VersionConflict
from handback.journal.changes import CHANGES
from handback.journal.commit import Cause, commit_presumed
from handback.journal.traces import links_of
from handback.partners.policy import Reference
from handback.partners.registry import Terms
from handback.reconcile import decide as deciding
from handback.reconcile import match as matching
from handback.reconcile import presume as presuming
from handback.reconcile.judge import Fate
from handback.reconcile.match import Match
from handback.reconcile.opened import open_breaks, unmatched_fates
from handback.reconcile.standing import answers, standings
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Due, RunChunk

DUE, RUN_CHUNK = table_of(Due), table_of(RunChunk)


@dataclass(frozen=True, slots=True)
class Applied:
    """The changes that a chunk wrote (columns of CHANGES, none where it moved nothing).

    `links` has the trace context of those of its redemptions whose submit was sampled.
    """

    events: pl.DataFrame
    links: pl.DataFrame
    at: datetime


@dataclass(frozen=True, slots=True)
class Classified:
    """The records of a chunk, counted from 0, as far as they are known without the store.

    `records` have the columns of DETAIL with the classes of their codes. `plain` are those worth
    presuming, `presumed` what they then change. `rejects` are undecodable records that are ticked
    off with the chunk.
    """

    chunk: int
    records: pl.DataFrame
    plain: pl.DataFrame
    presumed: pl.DataFrame
    rejects: int


def classify(
    terms: Terms, file_id: int, chunk: int, details: pl.DataFrame, rejects: int
) -> Classified:
    """The details (columns of DETAIL) of a chunk, ready to be applied."""
    records = terms.agreement.handback.codes.classify(details)
    plain = presuming.plain(terms, records)
    presumed = presuming.decided(terms, plain, file_id)
    return Classified(chunk, records, plain, presumed, rejects)


def apply_chunk(
    store: Store,
    tx: sa.Connection,
    terms: Terms,
    cause: Cause,
    classified: Classified,
    now: datetime,
) -> Applied:
    """Apply the records of one chunk of the file that is the cause.

    Raises VersionConflict where a redemption moved meanwhile: nothing may then be committed.
    """
    assert cause.id is not None, "a chunk belongs to a file"
    given = deciding.Given(terms.agreement.policies, cause.id, now)
    deciding_chunk = _Deciding(store, tx, terms, given, classified)
    presumed = deciding_chunk.presumed
    committed = commit_presumed(store, tx, cause, presumed, deciding_chunk.decide_rest, now)
    _write_queue(store, tx, terms, deciding_chunk.decided)
    repeated = deciding_chunk.open_breaks()
    fates = _settled(deciding_chunk.fates, repeated)
    _tick(tx, cause.id, classified, committed.block_id, fates, now)
    links = links_of(store, tx, committed.changes["redemption_id"])
    return Applied(committed.changes, links, now)


class _Deciding:
    """What becomes of the records of one chunk: most by presumption, the rest by reading."""

    def __init__(
        self,
        store: Store,
        tx: sa.Connection,
        terms: Terms,
        given: deciding.Given,
        classified: Classified,
    ) -> None:
        self._store, self._tx, self._terms, self._given = store, tx, terms, given
        self._records, self._plain = classified.records, classified.plain
        others = _without(self._records, self._plain, "ordinal")
        self._matched = matching.match(store, tx, terms, others)
        # What else the chunk says of a redemption may come before: then both are read.
        besides = self._matched.filter(pl.col("match") == int(Match.ONE))
        self.presumed = _without(classified.presumed, besides, "redemption_id")
        self._standing = pl.DataFrame()
        self.decided = deciding.Decided()
        self.fates = pl.DataFrame()

    def decide_rest(self, moved: pl.Series) -> pl.DataFrame:
        """The changes that all other records make, once the redemptions with these ids moved."""
        store, tx, terms = self._store, self._tx, self._terms
        done = self._plain.join(moved.to_frame(), on="redemption_id", how="semi")
        left = _without(_without(self._records, done, "ordinal"), self._matched, "ordinal")
        matched = pl.concat([self._matched, matching.match(store, tx, terms, left)])
        ids = matched.filter(pl.col("match") == int(Match.ONE))["redemption_id"]
        standing = standings(store, tx, ids)
        known = answers(store, tx, deciding.needs_answers(matched, standing))
        self.decided = deciding.decide(matched, standing, known, self._given)
        self._matched, self._standing = matched, standing
        plainly = presuming.fates(done)
        self.fates = pl.concat([plainly, *self.decided.fates, unmatched_fates(matched)])
        return pl.concat([pl.DataFrame(schema=CHANGES), *self.decided.changes])

    def open_breaks(self) -> pl.Series:
        """Open the breaks; the ordinals of records that only say what a break says already."""
        opening = self.fates.filter(pl.col("kind") > 0)
        if opening.is_empty():
            return pl.Series("ordinal", [], dtype=pl.Int64)
        stood = self._standing.select(
            "redemption_id", "state", "version", live_attempt=pl.col("attempt")
        )
        records = (
            self._matched.join(opening, on="ordinal", how="inner")
            .join(stood, on="redemption_id", how="left")
            .sort("ordinal")
        )
        given = self._given
        return open_breaks(self._store, self._tx, self._terms, given.file_id, records, given.now)


def _without(records: pl.DataFrame, others: pl.DataFrame, name: str) -> pl.DataFrame:
    return records.join(others.select(name), on=name, how="anti", maintain_order="left")


def _write_queue(store: Store, tx: sa.Connection, terms: Terms, decided: deciding.Decided) -> None:
    left = pl.concat([pl.DataFrame(schema={"redemption_id": pl.Int64}), *decided.no_longer_due])
    if len(left):
        gone = sa.delete(DUE).where(DUE.c.redemption_id.in_(left["redemption_id"].to_list()))
        if tx.execute(gone).rowcount != len(left):
            # A payout batch took one of them since it was read.
            raise VersionConflict(moved=0, expected=len(left))
    came = pl.concat([pl.DataFrame(schema=deciding.DUE_AGAIN), *decided.due_again])
    same = [
        int(reason)
        for reason, one in terms.agreement.policies.items()
        if one.reference is Reference.SAME
    ]
    rows = came.select(
        "redemption_id",
        "partner_id",
        "unit_id",
        "due_at",
        same_reference=pl.col("reason_class").is_in(same).cast(pl.Int16),
    )
    store.dialect.insert_frame(tx, DUE, rows)


def _settled(fates: pl.DataFrame, repeated: pl.Series) -> pl.DataFrame:
    """The fates once breaks that were there already count as repeats."""
    again = pl.col("ordinal").is_in(repeated.implode()) & (pl.col("fate") == int(Fate.BREAK))
    return fates.with_columns(
        fate=pl.when(again).then(int(Fate.REPEAT)).otherwise("fate").cast(pl.Int16)
    )


def _tick(
    tx: sa.Connection,
    file_id: int,
    classified: Classified,
    block_id: int | None,
    fates: pl.DataFrame,
    now: datetime,
) -> None:
    row: dict[str, object] = {
        "file_id": file_id,
        "chunk": classified.chunk,
        "block_id": block_id,
        "records": len(fates) + classified.rejects,
        "records_quantity": int(fates["moved"].sum()),
        "rejects": classified.rejects,
        "rejects_quantity": 0,
        "applied_at": now,
    }
    names = {Fate.EVENT: "events", Fate.REPEAT: "repeats", Fate.BREAK: "breaks"}
    for fate, name in names.items():
        these = fates.filter(pl.col("fate") == int(fate))
        row |= {name: len(these), f"{name}_quantity": int(these["moved"].sum())}
    tx.execute(sa.insert(RUN_CHUNK).values(**row))
