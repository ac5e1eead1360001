"""The nearest misses: for a record that matches nothing, the attempts that come closest, and why
each of them is not the one.

Looked up for so many records of a chunk and no more: a file of a million strangers is as fast as
one of a thousand, and says no less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from handback.ids import Prefix, public_id
from handback.lifecycle.table import State
from handback.partners.agreement import Agreement
from handback.partners.registry import Terms
from handback.partners.vocabulary import MatchColumn
from handback.reconcile.match import Match
from handback.reconcile.rules import ATTEMPT, BATCH, REDEMPTION, Rule, ask, pairs
from handback.store.bulk import fetch_frame
from handback.store.session import Store

RECORDS: Final = 500
"""So many records of a chunk are looked at, the first."""
SHOWN: Final = 5
"""So many attempts are told of each."""

_ATTEMPT: Final = ("redemption_id", "answered_attempt")

# By each of these that the agreement's rules have any use for, the newest so many are looked at.
_WAYS: Final[tuple[Rule, ...]] = (
    (MatchColumn.REFERENCE_KEY,),
    (MatchColumn.BATCH, MatchColumn.ORDINAL),
    (MatchColumn.REFERENCE,),
    (MatchColumn.NORMALISED_REFERENCE,),
    (MatchColumn.MEMBER, MatchColumn.QUANTITY),
    (MatchColumn.MEMBER,),
)


def nearest(
    store: Store, tx: sa.Connection, terms: Terms, records: pl.DataFrame
) -> Mapping[int, list[str]]:
    """The nearest misses of records that matched nothing, by ordinal.

    `records` have the columns of DETAIL, but for the key, and those of MATCHED. The others among
    them are left alone.
    """
    is_stranger = records["match"] == int(Match.NONE)
    if not is_stranger.any():
        return {}
    strangers = records.filter(is_stranger).sort("ordinal").head(RECORDS)
    keys = terms.agreement.payout.reference.read(strangers["reference"])
    strangers = strangers.with_columns(keys["redemption_id"], keys["attempt"])
    near = _near(store, tx, terms, strangers)
    seen = _seen(store, tx, near)
    told = strangers.select(
        "ordinal", "reference", "quantity", "member_ref", "answered_on", lost="candidates"
    )
    rows = near.join(told, on="ordinal", how="inner").join(seen, on=_ATTEMPT, how="inner")
    compare = _Comparing(terms.agreement)
    misses: dict[int, list[tuple[int, int, str]]] = {}
    for row in rows.sort("ordinal", *_ATTEMPT).iter_rows(named=True):
        agreeing, words = compare.words(row)
        found = misses.setdefault(row["ordinal"], [])
        found.append((-agreeing, -row["redemption_id"], words))
    return {
        ordinal: [words for *_, words in sorted(found)[:SHOWN]] for ordinal, found in misses.items()
    }


def _near(store: Store, tx: sa.Connection, terms: Terms, strangers: pl.DataFrame) -> pl.DataFrame:
    """Attempts that agree in something: columns `ordinal`, `redemption_id`, `answered_attempt`, and
    `by_reference` where that is the reference or the place."""
    parts = {part for rule in terms.agreement.handback.match for part in rule}
    found = []
    for way in _WAYS:
        if way[0] in parts:
            asked = ask(store, tx, terms, way, strangers, newest=SHOWN)
            ours = asked.candidates.filter(pl.col("attempt_partner") == terms.partner_id)
            found.append(
                asked.values.join(ours, on="value", how="inner").select(
                    "ordinal", *_ATTEMPT, by_reference=pl.lit(not pairs(way))
                )
            )
    near = pl.concat(found).group_by("ordinal", *_ATTEMPT)
    return near.agg(pl.col("by_reference").any())


def _seen(store: Store, tx: sa.Connection, near: pl.DataFrame) -> pl.DataFrame:
    """What attempts are, and how their redemptions stand."""
    wanted = near.select(_ATTEMPT).unique().sort(_ATTEMPT)
    stage = store.dialect.stage(tx, "nearest", wanted)
    select = (
        sa.select(
            stage.c.redemption_id,
            stage.c.answered_attempt,
            ATTEMPT.c.quantity.label("asked_quantity"),
            BATCH.c.sealed_at,
            REDEMPTION.c.submitted_at,
            REDEMPTION.c.member_ref.label("asked_member"),
            REDEMPTION.c.state,
            REDEMPTION.c.attempt.label("live_attempt"),
        )
        .join(
            ATTEMPT,
            (ATTEMPT.c.redemption_id == stage.c.redemption_id)
            & (ATTEMPT.c.attempt == stage.c.answered_attempt),
        )
        .join(BATCH, BATCH.c.batch_id == ATTEMPT.c.batch_id)
        .join(REDEMPTION, REDEMPTION.c.redemption_id == ATTEMPT.c.redemption_id)
    )
    return fetch_frame(tx, select).cast({"answered_attempt": pl.Int16})


class _Comparing:
    """Compares a record with an attempt, in what the rules of an agreement name."""

    def __init__(self, agreement: Agreement) -> None:
        self._parts = {part for rule in agreement.handback.match for part in rule}
        self._date_of = agreement.calendar.date_of
        self._window = timedelta(days=agreement.handback.match_days)

    def words(self, row: Mapping[str, Any]) -> tuple[int, str]:
        """In how much they agree, and the sentence about it."""
        agree, differ = [], []
        for name, difference in self._differences(row):
            if difference:
                differ.append(difference)
            else:
                agree.append(name)
        if not differ:
            differ.append("but did not yet when the file came")
        name = f"{public_id(Prefix.REDEMPTION, row['redemption_id'])}/{row['answered_attempt']}"
        verb = "agrees" if len(agree) == 1 else "agree"
        return len(agree), f"{name}: {' and '.join(agree)} {verb}, {', '.join(differ)}"

    def _differences(self, row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """What is compared, and how it differs; nothing where it agrees."""
        if row["by_reference"]:
            yield "reference", ""
        for name, said, asked in (
            ("quantity", row["quantity"], row["asked_quantity"]),
            ("member", row["member_ref"], row["asked_member"]),
        ):
            if name in self._parts and said is not None:
                yield name, "" if said == asked else f"{name} {said} is not {asked}"
        submitted_on, batch_on = (self._date_of(row[at]) for at in ("submitted_at", "sealed_at"))
        if day := row["answered_on"]:
            last_on = batch_on + self._window
            if MatchColumn.DATE in self._parts and day not in (submitted_on, batch_on):
                yield "day", f"{day} is neither {submitted_on} nor {batch_on}"
            if MatchColumn.WINDOW in self._parts and not submitted_on <= day <= last_on:
                yield "day", f"{day} is not from {submitted_on} to {last_on}"
        if f"{row['redemption_id']}/{row['answered_attempt']}" in (row["lost"] or "").split(", "):
            yield "claim", "but another record of the file was matched to it before"
        elif not row["by_reference"] and (waits := _why_not_waiting(row)):
            yield "answer", waits


def _why_not_waiting(row: Mapping[str, Any]) -> str:
    if row["answered_attempt"] != row["live_attempt"]:
        return "but a later attempt has followed"
    state = State(row["state"])
    return "" if state is State.AWAITING_HANDBACK else f"but answered already ({state})"
