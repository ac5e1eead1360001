"""What looking into files gives: findings in their place, dry runs, drafted layouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handback_client.models import FileState, Finding, ReasonClass, Tally, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLine:
    """One line of a file, counted from 1; `cut_bytes` of it are left out."""

    line: int
    content: bytes
    cut_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedFinding:
    """A finding and the lines around its place; none where it concerns the file as a whole."""

    finding: Finding
    lines: tuple[FileLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One record of a file as it was read; `flaw` is why it could not be, empty where it could."""

    ordinal: int
    line: int
    reference: str
    member_ref: str
    code: str
    quantity: int | None
    unit: str
    partner_ref: str
    flaw: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRecord:
    """A record and the lines around its place; none where the form of the file has no lines."""

    record: FileRecord
    lines: tuple[FileLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedRecord:
    """One detail record as it was decoded; what the layout does not have is empty, 0 or None."""

    ordinal: int
    line: int
    reference: str
    redemption_id: str
    attempt: int
    batch: int
    batch_ordinal: int
    code: str
    outcome: str
    quantity: int | None
    fee: int | None
    unit: str
    member_ref: str
    partner_ref: str
    answered_on: str
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeShare:
    """What one code of a file, beside one outcome, would do to how many records and how much.

    `mapped` says that the agreement has the code; `action` is what would follow a rejection.
    """

    code: str
    outcome: str
    reason_class: ReasonClass
    mapped: bool
    trigger: Trigger
    action: str
    records: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheck:
    """What a hand-back file would be under an agreement; see `HandbackFile` for the words.

    `header` and `control` are what the file says of itself, by field. Of findings and records the
    first are given.
    """

    verdict: str
    state: FileState
    repeats_file_id: str
    envelope: str
    fingerprint: str
    content_bytes: int
    header: Mapping[str, str]
    control: Mapping[str, str]
    records: Tally
    rejected_count: int
    referenced_count: int
    finding_count: int
    findings: tuple[Finding, ...]
    codes: tuple[CodeShare, ...]
    first_records: tuple[DecodedRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format that Handback brings along: its layout as TOML, the class of each code, and the
    tables of its policy by name, each as lines of TOML.

    `source`, `codes` and `policies` are empty in lists.
    """

    name: str
    framing: str
    source: str
    codes: Mapping[str, str]
    policies: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenResult:
    """What one golden file of a format gave; `differences` is empty where it is as expected."""

    file_name: str
    record_count: int
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatDraft:
    """A proposed layout: TOML with its doubts in comments, and what each sample gives under it."""

    source: str
    remarks: tuple[str, ...]
    unsure_count: int
