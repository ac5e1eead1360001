"""Applying one chunk of a hand-back file: match, decide, write, and tick it off, at once.

Everything happens in one transaction, the tick among it: a process killed anywhere finds the
chunk either done or untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from handback.errors import VersionConflict
from handback.intake.queries import FileView
from handback.intake.spool import Contents
from handback.journal.changes import without
from handback.journal.commit import Cause, commit_presumed
from handback.journal.traces import links_of
from handback.partners.registry import Terms
from handback.payouts.holds import stop_where_blamed
from handback.reconcile import remainder
from handback.reconcile.decide import Decided, decide, needs_answers
from handback.reconcile.facts import Fate
from handback.reconcile.judge import Given
from handback.reconcile.match import Match, match
from handback.reconcile.opened import broken, corrected, open_breaks, unmatched_fates
from handback.reconcile.presume import Presumption, presume
from handback.reconcile.standing import answers, doubted, standings
from handback.redemptions import corrections
from handback.store.among import among
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Due, RunChunk

DUE, RUN_CHUNK = table_of(Due), table_of(RunChunk)
_NONE = pl.Series("redemption_id", [], pl.Int64)


@dataclass(frozen=True, slots=True)
class Applied:
    """The changes that a chunk wrote (frames with the columns of CHANGES).

    `links` has the trace context of those of its redemptions whose submit was sampled.
    """

    events: Sequence[pl.DataFrame]
    links: pl.DataFrame
    at: datetime


@dataclass(frozen=True, slots=True)
class Classified:
    """The records of a chunk, counted from 0, as far as they are known without the store.

    `records` have the columns of SPOOLED with the classes of their codes; `others` are those of
    them of which nothing is presumed. `rejects` are undecodable records that are ticked off with
    the chunk.
    """

    chunk: int
    records: pl.DataFrame
    others: pl.DataFrame
    presumption: Presumption
    given: Given
    rejects: int


def classify(
    terms: Terms,
    file: FileView,
    contents: Contents,
    chunk: int,
    details: pl.DataFrame,
    now: datetime,
) -> Classified:
    """The details (columns of SPOOLED) of a chunk, ready to be applied.

    What could not be decoded is ticked off with the first. Codes mean what they meant on the day
    the file came, however late it is read.
    """
    agreement = terms.agreement
    received_on = agreement.calendar.date_of(file.received_at)
    records = agreement.handback.codes.on(received_on).classify(details)
    given = Given.of(agreement, file.file_id, now)
    presumption = presume(terms, records, given)
    told = presumption.told["ordinal"]
    others = records.filter(~pl.col("ordinal").is_in(told.implode()))
    rejects = 0 if chunk else contents.rejected
    return Classified(chunk, records, others, presumption, given, rejects)


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
    deciding = _Deciding(store, tx, terms, classified)
    committed = commit_presumed(store, tx, cause, deciding.presumed, deciding.decide_rest, now)
    write_queue(store, tx, deciding.decided)
    remainder.link(store, tx, deciding.linked)
    corrected = (terms.programme_id, terms.partner_id, classified.given.file_id, deciding.corrected)
    corrections.record(store, tx, *corrected, now)
    file_id, events = classified.given.file_id, committed.changes
    stop_where_blamed(store, tx, terms, file_id, events, cause.actor, now)
    repeated = open_breaks(store, tx, terms, file_id, deciding.breaks, now)
    fates = _settled(deciding.decided.fates, repeated)
    _tick(tx, classified, committed.block_id, fates, now)
    moved = pl.concat([_NONE, *(some["redemption_id"] for some in committed.changes)])
    return Applied(committed.changes, links_of(store, tx, moved), now)


class _Deciding:
    """What becomes of the records of one chunk: most by presumption, the rest by reading."""

    def __init__(
        self, store: Store, tx: sa.Connection, terms: Terms, classified: Classified
    ) -> None:
        self._store, self._tx, self._terms, self._classified = store, tx, terms, classified
        self._matched = match(store, tx, terms, classified.others)
        # What else the chunk says of a redemption may come before: then both are read.
        besides = _ids_of_matched(self._matched)
        in_doubt = doubted(store, tx, classified.presumption.followed)
        self._unlike = pl.concat([besides, in_doubt])
        self.presumed = classified.presumption.presumed.without(self._unlike)
        self.decided = Decided()
        self.breaks = pl.DataFrame()
        self.linked = remainder.Linked()
        self.corrected = corrections.NOTHING_RAISED

    def decide_rest(self, unlike: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The changes that all others make, where these redemptions (Int64) are not as presumed,
        and the births among them."""
        store, tx, given = self._store, self._tx, self._classified.given
        unlike = pl.concat([self._unlike, unlike])
        matched = pl.concat([self._matched, self._match_again(unlike)])
        ids = _ids_of_matched(matched)
        standing = standings(store, tx, ids)
        known = answers(store, tx, needs_answers(matched, standing))
        read = decide(matched, standing, known, given)
        self._settle(unlike, matched, standing, read)
        self.linked = remainder.submit(store, tx, read.remainders, given.now)
        return pl.concat([read.changes, self.linked.changes]), self.linked.births

    def _match_again(self, unlike: pl.Series) -> pl.DataFrame:
        """What was presumed of these redemptions (Int64), matched like any other record."""
        records, told = self._classified.records, self._classified.presumption.told
        again = told["ordinal"].filter(told["redemption_id"].is_in(unlike.implode()))
        left = records.filter(records["ordinal"].is_in(again.implode()))
        return match(self._store, self._tx, self._terms, left)

    def _settle(
        self, unlike: pl.Series, matched: pl.DataFrame, standing: pl.DataFrame, read: Decided
    ) -> None:
        """What was read beside what was presumed of all but the redemptions that are unlike it."""
        held = self._classified.presumption
        fates = pl.concat([read.fates, unmatched_fates(matched)])
        self.decided = replace(
            read,
            fates=pl.concat([without(held.decided.fates, unlike), fates]),
            due_again=pl.concat([without(held.decided.due_again, unlike), read.due_again]),
        )
        self.corrected = corrected(matched, standing, fates)
        breaks = broken(matched, standing, fates)
        self.breaks = pl.concat([without(held.breaks, unlike), breaks])


def _ids_of_matched(records: pl.DataFrame) -> pl.Series:
    return records["redemption_id"].filter(records["match"] == int(Match.ONE))


def write_queue(store: Store, tx: sa.Connection, decided: Decided) -> None:
    """Take out of the due queue what waits no more, and put in what is to be tried again.

    Raises VersionConflict where a payout batch took one of them since it was read.
    """
    left = decided.no_longer_due
    if len(left):
        gone = sa.delete(DUE).where(among(DUE.c.redemption_id, left["redemption_id"]))
        if tx.execute(gone).rowcount != len(left):
            raise VersionConflict(moved=0, expected=len(left))
    store.dialect.insert_frame(tx, DUE, decided.due_again.drop("sent_since"))


def _settled(fates: pl.DataFrame, repeated: pl.Series) -> pl.DataFrame:
    """The fates once breaks that were there already count as repeats."""
    if repeated.is_empty():
        return fates
    again = pl.col("ordinal").is_in(repeated.implode()) & (pl.col("fate") == int(Fate.BREAK))
    return fates.with_columns(
        fate=pl.when(again).then(int(Fate.REPEAT)).otherwise("fate").cast(pl.Int16)
    )


def _tick(
    tx: sa.Connection,
    classified: Classified,
    block_id: int | None,
    fates: pl.DataFrame,
    now: datetime,
) -> None:
    row: dict[str, object] = {
        "file_id": classified.given.file_id,
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
        moved = fates["moved"].filter(fates["fate"] == int(fate))
        row |= {name: len(moved), f"{name}_quantity": int(moved.sum())}
    tx.execute(sa.insert(RUN_CHUNK).values(**row))
