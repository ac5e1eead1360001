"""A dry run: what a hand-back file would be under an agreement, with nothing written anywhere.

The verdict is found by the same rules as that of a file that has come, so a check that is good
today says what tomorrow's pick-up will do, as far as the file itself decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, BinaryIO, Final

import polars as pl

from handback.exchange import envelope
from handback.exchange.envelope import Unopenable
from handback.exchange.streams import Fingerprint, fingerprint
from handback.formats.decode import FileFacts, decode
from handback.formats.findings import DETAIL, Severity
from handback.intake import identity
from handback.intake.desk import Desk
from handback.intake.findings import FileNote, FindingLog
from handback.intake.identity import Said
from handback.intake.judge import judge, state_after
from handback.intake.opening import NOTHING, Look
from handback.intake.states import FileState, Verdict
from handback.lifecycle.table import Trigger
from handback.partners.agreement import Agreement, Handback
from handback.partners.codes import TRIGGER_OF, CodeMap, ReasonClass
from handback.partners.policy import Action
from handback.partners.restricted import RESTRICTED, SHOWN, telling
from handback.partners.vocabulary import EmptyFile, RowTrouble

# What tells a record's class.
_SAID: Final = ["code", "outcome"]

SHOWN_RECORDS: Final = 20
SHOWN_FINDINGS: Final = 100

# Above every id there is: a file that is only tried comes after all that have come.
_NOT_YET: Final = 2**62


@dataclass(frozen=True, slots=True)
class CodeShare:
    """What one code of the file, beside one outcome, would do to how many records and how much.

    `action` is what would follow a rejection; None for other triggers.
    """

    code: str
    outcome: str
    reason_class: ReasonClass
    mapped: bool
    trigger: Trigger | None
    action: Action | None
    count: int
    quantity: int


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What a file would be.

    `details` (schema DETAIL) and `findings` (schema FINDINGS) are the first of each; `referenced`
    is how many records carry the key of an attempt, or a batch and a place in it.
    """

    verdict: Verdict
    state: FileState
    repeats_file_id: int | None
    envelope: str | None
    content: Fingerprint
    header: Mapping[str, str]
    control: Mapping[str, str]
    record_count: int
    rejected_count: int
    referenced_count: int
    quantity: int
    finding_count: int
    codes: Sequence[CodeShare]
    details: pl.DataFrame
    findings: pl.DataFrame


def check(
    desk: Desk,
    agreement: Agreement,
    partner_id: int | None,
    received: BinaryIO,
    name: str,
    *,
    unmasked: bool = False,
) -> FileCheck:
    """Try a file, open at its beginning, under an agreement.

    Without a `partner_id` it is compared with no other files. Restricted reasons are shown where
    they are `unmasked`. Raises what reading raises.
    """
    terms = agreement.handback
    arrived_on = agreement.calendar.date_of(desk.clock.now())
    codes = agreement.handback.codes.on(arrived_on)
    reading = _Reading(agreement, codes)
    outside = fingerprint(received)
    received.seek(0)
    look = Look(outside, None)
    limit_bytes, scratch = desk.max_file_bytes, desk.landing.scratch
    try:
        with envelope.opened(received, terms.envelope, limit_bytes, scratch) as found:
            if found.layers:
                look = Look(fingerprint(found.content), "+".join(found.layers))
                found.content.seek(0)
            reading.read(found.content, arrived_on)
    except Unopenable as reason:
        reading.log.tell(reason.flaw, reason.message)
    if look.content.sha256 == NOTHING and terms.empty is EmptyFile.HEARTBEAT:
        reading = _Reading(agreement, codes)
    found_out = _judged(desk, agreement, partner_id, name, look, reading)
    return found_out if unmasked else _masked(found_out, agreement.handback, codes)


def _masked(found: FileCheck, handback: Handback, codes: CodeMap) -> FileCheck:
    """The check, as whoever may not see restricted reasons is shown it."""
    tells = telling(handback)
    restricted = codes.classify(found.details)["reason_class"] == int(RESTRICTED)
    hidden = [pl.when(~restricted).then(name).alias(name) for name in ("code", "outcome", "raw")]
    raw = [None if text and tells(text) else text for text in found.findings["raw"]]
    return replace(
        found,
        codes=[
            replace(one, code="", outcome="", reason_class=SHOWN)
            if one.reason_class is RESTRICTED
            else one
            for one in found.codes
        ],
        details=found.details.with_columns(hidden),
        findings=found.findings.with_columns(pl.Series("raw", raw, pl.String)),
    )


def _judged(
    desk: Desk,
    agreement: Agreement,
    partner_id: int | None,
    name: str,
    look: Look,
    reading: _Reading,
) -> FileCheck:
    terms, log, facts = agreement.handback, reading.log, reading.facts
    refusal = None
    if partner_id is not None:
        with desk.store.read() as tx:
            refusal = identity.refusal(tx, partner_id, _NOT_YET, name, look, terms)
            identity.compare(tx, partner_id, _NOT_YET, Said.of(facts.header), terms, log)
    rows_condemn = log.count(Severity.REJECT) > 0 and terms.row_trouble is RowTrouble.QUARANTINE
    heartbeat = terms.empty is EmptyFile.HEARTBEAT and not facts.records
    verdict = judge(
        log.causes, finding_count=log.total, rows_condemn=rows_condemn, heartbeat=heartbeat
    )
    return FileCheck(
        verdict=verdict if refusal is None else refusal.verdict,
        state=state_after(verdict) if refusal is None else FileState.REFUSED,
        repeats_file_id=None if refusal is None else refusal.repeats_file_id,
        envelope=look.envelope,
        content=look.content,
        header={name: str(value) for name, value in facts.header.items()},
        control={name: str(value) for name, value in facts.control.items()},
        record_count=facts.records,
        rejected_count=facts.rejected,
        referenced_count=reading.referenced,
        quantity=facts.quantity,
        finding_count=log.total,
        codes=reading.codes(),
        details=reading.details,
        findings=log.kept().head(SHOWN_FINDINGS),
    )


class _Reading:
    """One reading of a file: findings, facts, the first records, and what its codes add up to."""

    def __init__(self, agreement: Agreement, codes: CodeMap) -> None:
        self._agreement = agreement
        self._codes = codes
        self.log = FindingLog()
        self.facts = FileFacts()
        self.details = pl.DataFrame(schema=DETAIL)
        self.referenced = 0
        self._shares: list[pl.DataFrame] = []

    def read(self, content: BinaryIO, arrived_on: date) -> None:
        """Decode the whole, in bounded memory."""
        terms = self._agreement.handback
        template = self._agreement.payout.reference
        decoded = decode(terms.layout, template, content, arrived_on=arrived_on)
        self.facts = decoded.facts
        for chunk in decoded:
            self.log.add(chunk.findings)
            details = self._agreement.quantity.counted(chunk.details)
            room = SHOWN_RECORDS - self.details.height
            self.details = pl.concat([self.details, details.head(room)])
            self._add(details)
        said = self._summed().select("code", "outcome")
        silent = said.height > 0 and said.null_count().row(0) == (said.height, said.height)
        if silent and not terms.codes.reads_nothing():
            told = "no record has a result, as if the file were a request and not an answer"
            self.log.tell(FileNote.UNANSWERED, told)

    def codes(self) -> list[CodeShare]:
        """What each code would do, the most frequent first."""
        known = self._codes.classify(self._summed())
        frequent = known.sort("count", *_SAID, descending=[True, False, False])
        return [self._share(row) for row in frequent.iter_rows(named=True)]

    def _add(self, details: pl.DataFrame) -> None:
        keyed = pl.col("redemption_id") > 0
        placed = pl.all_horizontal(pl.col("batch", "batch_ordinal").is_not_null())
        self.referenced += int(details.select((keyed | placed).sum()).item())
        counted = (pl.len().alias("count"), pl.col("quantity").sum())
        self._shares.append(details.group_by(_SAID).agg(*counted))

    def _summed(self) -> pl.DataFrame:
        schema = {**dict.fromkeys(_SAID, pl.String), "count": pl.UInt32, "quantity": pl.Int64}
        every = pl.concat([pl.DataFrame(schema=schema), *self._shares])
        return every.group_by(_SAID).agg(pl.col("count", "quantity").sum())

    def _share(self, row: Mapping[str, Any]) -> CodeShare:
        reason_class = ReasonClass(row["reason_class"])
        trigger = TRIGGER_OF[reason_class]
        rejects = trigger in (Trigger.REJECT, Trigger.RETURN)
        return CodeShare(
            code=row["code"] or "",
            outcome=row["outcome"] or "",
            reason_class=reason_class,
            mapped=row["mapped"],
            trigger=trigger,
            action=self._agreement.policies.find(reason_class, row["code"]).do if rejects else None,
            count=row["count"],
            quantity=row["quantity"],
        )
