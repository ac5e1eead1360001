"""The clean common case: confirmations decided on what they themselves presume, without reading.

A record that carries the key of an attempt and confirms what was asked for tells how its redemption
must stand for the lifecycle to take it: awaiting an answer to just that attempt, with just that
quantity held. So it is decided on that, and written on condition that it is so. Where it is not,
the record is read and decided like any other; nothing is ever decided otherwise than it would have
been, only sooner.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from handback.journal.changes import changes_of
from handback.lifecycle import relation
from handback.lifecycle.table import State, Trigger
from handback.partners.codes import ReasonClass
from handback.partners.registry import Terms
from handback.reconcile.judge import Fate

_BY_KEY: Final = ["reference_key"]
# A redemption has been submitted, and dispatched for its first attempt; each further one took a
# rejection, a retry and a dispatch. An interim answer between makes the presumption fail.
_FIRST_VERSION, _VERSIONS_OF_ATTEMPT = 2, 3


def plain(terms: Terms, records: pl.DataFrame) -> pl.DataFrame:
    """Those of a chunk's records that are worth presuming: clean, and the only one of their key.

    `records` has the columns of DETAIL with `reason_class`. Empty where the agreement matches by
    anything else first.
    """
    if list(terms.agreement.handback.match[0]) != _BY_KEY:
        return records.clear()
    named = pl.col("member_ref").is_not_null()
    if records["member_ref"].null_count() == len(records):
        named = pl.lit(True)
    clean = (
        (pl.col("reason_class") == int(ReasonClass.OK))
        & (pl.col("redemption_id") > 0)
        & (pl.col("quantity") > 0)
        & _unit(terms).is_in(list(terms.unit_ids))
        & named
        & pl.col("redemption_id").is_unique()
    )
    return records.filter(clean)


def decided(terms: Terms, records: pl.DataFrame, file_id: int) -> pl.DataFrame:
    """What `plain` records change, for `journal.commit_presumed`: CHANGES with its conditions."""
    presumed = records.select(
        "redemption_id",
        "reason_class",
        "ordinal",
        "attempt",
        "quantity",
        state=pl.lit(int(State.AWAITING_HANDBACK)),
        trigger=pl.lit(int(Trigger.CONFIRM)),
        version=pl.col("attempt").cast(pl.Int32) * _VERSIONS_OF_ATTEMPT
        - (_VERSIONS_OF_ATTEMPT - _FIRST_VERSION),
        answered_attempt="attempt",
        held="quantity",
        moved="quantity",
        fulfilled=pl.lit(0),
        same_unit=pl.lit(1),
        waiting=pl.lit(0),
        reason_code="code",
        file_id=pl.lit(file_id),
        programme_id=pl.lit(terms.programme_id),
        partner_id=pl.lit(terms.partner_id),
        unit_id=_unit(terms).replace_strict(dict(terms.unit_ids), return_dtype=pl.Int64),
        member_ref="member_ref",
    )
    verdict = relation.decide(presumed)
    assert verdict["legal"].all(), "what is presumed is what the lifecycle wants"
    conditions = verdict.select(
        was_state=pl.col("state").cast(pl.Int16),
        was_attempt=pl.col("attempt").cast(pl.Int16),
        was_held=pl.col("held").cast(pl.Int64),
        was_fulfilled=pl.col("fulfilled").cast(pl.Int64),
        was_partner_id=pl.col("partner_id").cast(pl.Int64),
        was_unit_id=pl.col("unit_id").cast(pl.Int64),
        was_member_ref="member_ref",
    )
    if conditions["was_member_ref"].null_count():
        conditions = conditions.drop("was_member_ref")
    return pl.concat([changes_of(verdict), conditions], how="horizontal")


def _unit(terms: Terms) -> pl.Expr:
    """The unit that a record is about; null where it names none of several."""
    only = next(iter(terms.unit_ids)) if len(terms.unit_ids) == 1 else None
    return pl.coalesce("unit", pl.lit(only, pl.String))


def fates(records: pl.DataFrame) -> pl.DataFrame:
    """Rows of `decide.FATES` for those of `plain` that were as presumed."""
    return records.select(
        "ordinal",
        fate=pl.lit(int(Fate.EVENT), pl.Int16),
        kind=pl.lit(0, pl.Int16),
        moved="quantity",
    )
