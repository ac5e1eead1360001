"""Agreements: a partner's terms as frozen values, read from a TOML text and checked whole.

The language is described in docs/agreements.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import polars as pl

from handback.errors import Violation
from handback.formats.builtin import Builtin, kept
from handback.formats.layout import Layout
from handback.formats.references import ReferenceTemplate
from handback.partners.calendar import Calendar
from handback.partners.codes import CodeMap, ReasonClass
from handback.partners.document import load
from handback.partners.file_name import FileNameTemplate
from handback.partners.normalise import Normalisation
from handback.partners.policy import Policies
from handback.partners.printing import Slot
from handback.partners.schedule import Schedule
from handback.partners.vocabulary import (
    AnswerStyle,
    Completeness,
    Compression,
    DuplicateSequence,
    EmptyFile,
    Fee,
    MatchColumn,
    Need,
    Partial,
    RowTrouble,
    StepBack,
)


@dataclass(frozen=True, slots=True)
class Answers:
    """What the partner answers and how long it may take, in business days of its own."""

    style: AnswerStyle
    window_days: int
    silence_class: ReasonClass
    """The class of a rejection by silence; NONE where silence rejects nothing."""
    return_days: int | None
    """Within how many days of 24 hours a confirmation may come back; None for ever."""
    expected: Schedule | None
    """When a file has to have come, None where none is expected; it may be `grace_s` late."""
    grace_s: int


@dataclass(frozen=True, slots=True)
class Quantity:
    """What follows where the partner credits more or less than was asked for.

    Differences of up to `tolerance`, by unit, are let be.
    """

    partial: Partial = Partial.REVIEW
    tolerance: Mapping[str, int] = field(default_factory=dict)
    fee: Fee = Fee.CREDITED

    def counted(self, details: pl.DataFrame) -> pl.DataFrame:
        """Decoded details (columns of DETAIL), each with the quantity that counts.

        That is what the record names, and its fee where the partner is held to have credited it.
        """
        if self.fee is Fee.SHORT or details["fee"].null_count() == len(details):
            return details
        return details.with_columns(pl.col("quantity") + pl.col("fee").fill_null(0))


@dataclass(frozen=True, slots=True)
class Payout:
    """How payout files are gathered, written and delivered."""

    format: str
    layout: Layout
    folder: str
    file_name: FileNameTemplate
    interval_s: int
    cut_offs: Schedule | None
    """What is due by one of them is gathered then; None where `interval_s` counts."""
    max_records: int
    max_quantity: int | None
    day_records: int | None
    day_quantity: int | None
    files_per_day: int | None
    split_by: str | None
    reference: ReferenceTemplate

    @property
    def largest_quantity(self) -> int | None:
        """The most that one redemption can ask for, None where no limit says so."""
        limits = [one for one in (self.max_quantity, self.day_quantity) if one is not None]
        return min(limits, default=None)


@dataclass(frozen=True, slots=True)
class Handback:
    """How hand-back files are found, read and understood. `file_name` is a glob."""

    format: str
    layout: Layout
    folder: str
    file_name: str
    complete: Completeness
    marker_suffix: str | None
    envelope: tuple[Compression, ...]
    empty: EmptyFile
    row_trouble: RowTrouble
    duplicate_sequence: DuplicateSequence
    step_back: StepBack
    retention_days: int | None
    match: tuple[tuple[MatchColumn, ...], ...]
    match_days: int
    """How long after its batch an attempt is found by `window`; 0 where no rule names that."""
    normalise: Normalisation | None
    codes: CodeMap


@dataclass(frozen=True, slots=True)
class Agreement:
    """One version of a partner's terms."""

    programme: str
    partner: str
    time_zone: ZoneInfo
    units: tuple[str, ...]
    fields: Mapping[str, Need]
    answers: Answers
    quantity: Quantity
    calendar: Calendar
    break_days: Mapping[str, int]
    """Business days in which a break is due, by the name of its severity."""
    payout: Payout
    handback: Handback
    policies: Policies
    builtins: Mapping[str, Builtin]
    """The built-in formats it names; what they said then is part of what a version means."""
    _slots: Mapping[str, Slot] = field(repr=False)
    _max_quantity: int | None = field(repr=False)

    @property
    def field_names(self) -> tuple[str, ...]:
        """What a submit may carry beside the member reference."""
        return tuple(self.fields)

    def check_submit(
        self, member_ref: str, quantity: int, fields: Mapping[str, str]
    ) -> list[Violation]:
        """Why the partner's file cannot carry a submit; empty where it can."""
        mistakes = []
        if (told := self._unprintable("member_ref", member_ref)) is not None:
            mistakes.append(Violation("member_ref", told))
        if self._max_quantity is not None and quantity > self._max_quantity:
            mistakes.append(Violation("quantity", f"expected at most {self._max_quantity}"))
        return mistakes + self.check_fields(fields)

    def check_fields(self, fields: Mapping[str, str]) -> list[Violation]:
        """What is wrong with the fields of a submit; empty where nothing is."""
        mistakes = [
            Violation(f"fields.{name}", "expected a value")
            for name, need in self.fields.items()
            if need is Need.REQUIRED and not fields.get(name, "").strip()
        ]
        for name, text in fields.items():
            if name not in self.fields:
                known = f"only {', '.join(self.fields)}" if self.fields else "no fields"
                mistakes.append(Violation(f"fields.{name}", f"expected {known}"))
            elif (told := self._unprintable(name, text)) is not None:
                mistakes.append(Violation(f"fields.{name}", told))
        return mistakes

    def _unprintable(self, name: str, text: str) -> str | None:
        slot = self._slots.get(name)
        return slot.expected(text) if slot else None


def content_hash(source: str, builtins: Mapping[str, Builtin]) -> bytes:
    """SHA-256 of what a TOML text and the built-in formats it names say; comments of the text,
    blanks and the order of keys do not matter.

    Raises InvalidAgreement where it is not TOML.
    """
    content = json.dumps(load(source), sort_keys=True, default=repr, ensure_ascii=True)
    brought_along = kept(builtins) if builtins else ""
    return hashlib.sha256(b"agreement 1\n" + (content + brought_along).encode()).digest()
