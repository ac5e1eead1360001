"""The search: matching the records of a file that name no attempt by themselves.

Each rule in turn goes over the whole file, for what an earlier rule matched is out of its reach,
wherever in the file that stands. So neither the order of rows nor the chunks matter. A rule takes
so many records at a time, those that ask alike together; what it finds goes to files. Memory is
bounded by that, and a million records by a million attempts take no longer for each than a
thousand: the file is gone through once for each rule, and once more for each of those times only
where others of its records carry a key.

In the end each record is spooled anew with what was found for it, by the key of that. So from here
on it is applied like one that carried a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from handback import telemetry
from handback.intake.desk import Desk
from handback.intake.spool import Contents
from handback.partners.registry import Terms
from handback.partners.vocabulary import MatchColumn
from handback.reconcile.found import Found
from handback.reconcile.match import VERDICTS, Match, judge, latest_of, listing
from handback.reconcile.normal import keep_normal_forms
from handback.reconcile.rules import (
    BY_KEY,
    Arrival,
    Asked,
    Rule,
    ask,
    is_settled_alone,
    pairs,
    searched,
)
from handback.store.shape import shape

AT_ONCE: Final = 50_000
"""So many records are searched for in one transaction."""

# Of the columns of DETAIL, what rules look at.
_ASKED: Final = (
    "ordinal",
    "reference",
    "redemption_id",
    "attempt",
    "batch",
    "batch_ordinal",
    "quantity",
    "member_ref",
    "answered_on",
    "scope",
)
_ATTEMPT: Final = ("redemption_id", "answered_attempt")


def search(
    desk: Desk,
    terms: Terms,
    arrival: Arrival,
    contents: Contents,
    stopping: Callable[[], bool],
) -> Contents | None:
    """Match what has to be searched for in a spooled file, for whoever holds it; what the spool has
    of it then, None where `stopping` did not let it come to its end.
    """
    rules = terms.agreement.handback.match
    if contents.searched or is_settled_alone(rules):
        return contents
    if rules[0] == BY_KEY and not contents.unkeyed:
        return contents
    runs = [run.select(_ASKED) for run in desk.spool.runs(arrival.file_id)]
    of_run = searched(rules).sum().alias("sought"), pl.len(), pl.max("ordinal")
    counted = [run.select(of_run).collect().row(0) for run in runs]
    sought, every, last = zip((0, 0, 0), *counted, strict=True)
    if not any(sought):
        return contents
    with (
        telemetry.span("search attempts", attributes={"handback.records": sum(sought)}),
        desk.spool.scratch() as folder,
    ):
        found = Found(folder)
        if not found.recall(desk.store, arrival.file_id):
            seeking = _Search(desk, terms, arrival, runs, found, sum(sought), sought != every)
            if not seeking.run(stopping):
                return None
            found.keep(desk.store, arrival.file_id, max(last))
        return _spooled(desk, terms, arrival, contents, found)


def _spooled(
    desk: Desk, terms: Terms, arrival: Arrival, contents: Contents, found: Found
) -> Contents:
    """What the spool has of a file once it is spooled anew with what was found."""
    sought = searched(terms.agreement.handback.match)
    with desk.spool.writing(arrival.file_id, contents.chunk_records) as writer:
        for run in desk.spool.runs(arrival.file_id):
            writer.add(found.told(run.collect(), sought))
        return writer.close(
            contents.agreement_version,
            records=contents.records,
            rejected=contents.rejected,
            searched=True,
        )


@dataclass(frozen=True, slots=True)
class _Search:
    """One file being searched for; `runs` are all its records (columns of DETAIL).

    So many of them are `sought`; `has_others` says whether the others are any.
    """

    desk: Desk
    terms: Terms
    arrival: Arrival
    runs: Sequence[pl.LazyFrame]
    found: Found
    sought: int
    has_others: bool

    def run(self, stopping: Callable[[], bool]) -> bool:
        """Try each rule on what is left; whether `stopping` let it come to its end."""
        rules = self.terms.agreement.handback.match
        if any(MatchColumn.NORMALISED_REFERENCE in rule for rule in rules):
            arrived_at = self.arrival.received_at
            keep_normal_forms(self.desk.store, self.desk.agreements, self.terms, arrived_at)
        for number, rule in enumerate(rules):
            if rule == BY_KEY and number == 0:
                continue  # what carries a key is settled by it, with its chunk
            for records in self._left(rule, number):
                if stopping():
                    return False
                self.found.add(number, self._verdicts(rule, number, records))
        return True

    def _left(self, rule: Rule, number: int) -> Iterator[pl.DataFrame]:
        """The records that the rules before this one left, so many at a time.

        Where both sides count, those that may find the same come together.
        """
        wanted = searched(self.terms.agreement.handback.match)
        settled = self.found.before(number)
        left = (
            run.filter(wanted).join(settled, on="ordinal", how="anti").collect()
            for run in self.runs
        )
        if pairs(rule):
            alike = ["member_ref", "quantity"] if MatchColumn.QUANTITY in rule else ["member_ref"]
            yield from self.found.parted(left, alike, -(-self.sought // AT_ONCE))
            return
        for run in left:
            yield from run.iter_slices(AT_ONCE)

    def _verdicts(self, rule: Rule, number: int, records: pl.DataFrame) -> pl.DataFrame:
        """What a rule says of records; and of those for whom it finds only attempts to which an
        earlier rule matched others, which these are."""
        with self.desk.store.write() as tx:
            asked = ask(self.desk.store, tx, self.terms, rule, records, self.arrival)
        candidates = latest_of(asked.candidates)
        free = candidates.join(self._claimed(candidates, number), on=_ATTEMPT, how="anti")
        if MatchColumn.NORMALISED_REFERENCE in rule:
            # Requests that normalise alike are not told apart by what else the file says.
            several = candidates.filter(pl.len().over("value") > 1)
            free = pl.concat([several, free.join(several, on="value", how="anti")])
        verdicts = judge(Asked(asked.values, free), self.terms, paired=pairs(rule))
        lost = candidates.join(free, on="value", how="anti")
        return pl.concat([verdicts, _claims(asked.values, lost)])

    def _claimed(self, candidates: pl.DataFrame, number: int) -> pl.DataFrame:
        """Those of the candidates to which an earlier rule matched a record of the file."""
        wanted = candidates.select("redemption_id").unique().lazy()
        earlier = self.found.before(number).join(wanted, on="redemption_id", how="semi").collect()
        by_key = ~searched(self.terms.agreement.handback.match)
        others = [
            run.filter(by_key).join(wanted, on="redemption_id", how="semi").collect()
            for run in (self.runs if self.has_others else ())
        ]
        if any(map(len, others)):
            with self.desk.store.write() as tx:
                asked = ask(self.desk.store, tx, self.terms, BY_KEY, pl.concat(others))
            earlier = pl.concat([earlier, judge(asked, self.terms)])
        return earlier.filter(pl.col("match") == int(Match.ONE)).select(_ATTEMPT)


def _claims(values: pl.DataFrame, lost: pl.DataFrame) -> pl.DataFrame:
    """For each record (columns `ordinal`, `value`) the candidates that it lost, as no match."""
    listed = lost.sort(_ATTEMPT).group_by("value").agg(candidates=listing())
    told = values.join(listed, on="value", how="inner").with_columns(
        pl.lit(None).alias(name) for name in VERDICTS if name not in ("ordinal", "candidates")
    )
    return told.select(shape(VERDICTS)).with_columns(
        pl.col("match", "redemption_id", "answered_attempt").fill_null(0)
    )
