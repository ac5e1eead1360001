"""Applying records apart from their file's run: linked by a person, or their time has come.

A break has kept what such a record said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import polars as pl
import sqlalchemy as sa

from handback.formats.findings import DETAIL
from handback.journal.commit import Cause, commit
from handback.partners.registry import Terms
from handback.payouts.holds import stop_where_blamed
from handback.reconcile import remainder
from handback.reconcile.chunk import write_queue
from handback.reconcile.decide import decide
from handback.reconcile.judge import Given
from handback.reconcile.match import MATCHED, Match
from handback.reconcile.opened import broken, corrected, open_breaks
from handback.reconcile.standing import answers, standings
from handback.redemptions import corrections
from handback.store.session import Store


class Kept(NamedTuple):
    """A record as a break has kept it, and the attempt that it answers.

    `asked` is the quantity that the attempt asked for, None where it was never made.
    """

    ordinal: int
    reference: str | None
    code: str | None
    raw: str | None
    facts: Mapping[str, str]
    redemption_id: int
    attempt: int
    asked: int | None


def apply(
    store: Store,
    tx: sa.Connection,
    terms: Terms,
    cause: Cause,
    file_id: int,
    received_at: datetime,
    kept: Sequence[Kept],
    now: datetime,
) -> pl.DataFrame:
    """Decide records of one file, that came at an instant and was read under these terms, and write
    what they come to; the changes (columns of CHANGES).

    Raises VersionConflict where a redemption moves meanwhile: nothing may then be committed.
    """
    matched = _matched(terms, received_at, kept)
    standing = standings(store, tx, matched["redemption_id"])
    known = answers(store, tx, matched["redemption_id"])
    decided = decide(matched, standing, known, Given.of(terms.agreement, file_id, now))
    linked = remainder.submit(store, tx, decided.remainders, now)
    changes = pl.concat([decided.changes, linked.changes])
    if len(changes):
        commit(store, tx, cause, changes, now, linked.births)
    write_queue(store, tx, decided)
    remainder.link(store, tx, linked)
    stop_where_blamed(store, tx, terms, file_id, [changes], cause.actor, now)
    raised = corrected(matched, standing, decided.fates)
    corrections.record(store, tx, terms.programme_id, terms.partner_id, file_id, raised, now)
    open_breaks(store, tx, terms, file_id, broken(matched, standing, decided.fates), now)
    return changes


def _matched(terms: Terms, received_at: datetime, kept: Sequence[Kept]) -> pl.DataFrame:
    """The records with the classes of their codes, as if a rule had found just these attempts.

    Codes mean what they meant on the day when the file came.
    """
    received_on = terms.agreement.calendar.date_of(received_at)
    records = pl.DataFrame([_record(one) for one in kept], schema=DETAIL)
    classified = terms.agreement.handback.codes.on(received_on).classify(records)
    found = pl.DataFrame([_found(one) for one in kept], schema=MATCHED)
    return classified.drop("redemption_id", "attempt").hstack(found)


def _record(kept: Kept) -> dict[str, object]:
    """What the partner's record said (columns of DETAIL)."""
    facts = kept.facts
    said = {
        "ordinal": kept.ordinal,
        "line": number_in(facts, "line"),
        "reference": kept.reference,
        "code": kept.code,
        "outcome": facts.get("outcome"),
        "quantity": number_in(facts, "named_quantity"),
        "fee": number_in(facts, "named_fee"),
        "unit": facts.get("named_unit"),
        "member_ref": facts.get("named_member"),
        "raw": kept.raw,
    }
    return dict.fromkeys(DETAIL) | said


def _found(kept: Kept) -> dict[str, object]:
    """The attempt that it is matched to (columns of MATCHED)."""
    return dict.fromkeys(MATCHED) | {
        "match": int(Match.ONE),
        "redemption_id": kept.redemption_id,
        "answered_attempt": kept.attempt,
        "attempt_quantity": kept.asked,
    }


def number_in(facts: Mapping[str, str], name: str) -> int | None:
    """A number among the facts of a break, None where it is not known."""
    return int(facts[name]) if name in facts else None
