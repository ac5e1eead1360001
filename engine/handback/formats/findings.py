"""Findings: what is wrong with a partner's bytes, as rows beside the records they concern."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from enum import IntEnum, StrEnum
from typing import Final

import polars as pl

RAW_CHARS: Final = 400
"""A finding quotes so much of its record; the file itself is kept whole elsewhere."""


class Severity(IntEnum):
    """How far a finding reaches."""

    NOTE = 1
    REJECT = 2  # this record
    QUARANTINE = 3  # the file


class FindingCode(StrEnum):
    """What is wrong. Fixed for ever: reports and agreements name these."""

    EMPTY_FILE = "empty_file"
    NOT_TEXT = "not_text"
    BAD_MARKUP = "bad_markup"
    FORBIDDEN_MARKUP = "forbidden_markup"
    NAMESPACE_UNKNOWN = "namespace_unknown"
    TRUNCATED = "truncated"
    COLUMN_MISSING = "column_missing"
    COLUMN_REPEATED = "column_repeated"
    HEADER_MISSING = "header_missing"
    HEADER_REPEATED = "header_repeated"
    HEADER_MISPLACED = "header_misplaced"
    CONTROL_MISSING = "control_missing"
    CONTROL_REPEATED = "control_repeated"
    RECORD_AFTER_CONTROL = "record_after_control"
    DETAIL_MISSING = "detail_missing"
    GROUP_HEADER_MISSING = "group_header_missing"
    GROUP_CONTROL_MISSING = "group_control_missing"
    BATCH_HEADER_MISSING = "batch_header_missing"
    BATCH_CONTROL_MISSING = "batch_control_missing"
    BLOCK_UNFILLED = "block_unfilled"
    CONTROL_DIFFERS = "control_differs"
    COUNT_MISMATCH = "count_mismatch"
    SUM_MISMATCH = "sum_mismatch"
    SUM_UNVERIFIED = "sum_unverified"
    UNDECODABLE = "undecodable"
    LINE_TOO_LONG = "line_too_long"
    BAD_QUOTING = "bad_quoting"
    UNKNOWN_RECORD = "unknown_record"
    CELL_COUNT = "cell_count"
    SHORT_RECORD = "short_record"
    LONG_RECORD = "long_record"
    FIELD_MISSING = "field_missing"
    BAD_INTEGER = "bad_integer"
    BAD_DECIMAL = "bad_decimal"
    BAD_DATE = "bad_date"
    BAD_CONSTANT = "bad_constant"
    BAD_CODES = "bad_codes"
    BAD_CHECK_DIGIT = "bad_check_digit"
    FIELD_REPEATED = "field_repeated"
    ADDENDA_MISSING = "addenda_missing"
    ADDENDA_ORPHAN = "addenda_orphan"
    ADDENDA_REPEATED = "addenda_repeated"


_OF_A_RECORD: Final = frozenset(
    {
        FindingCode.UNDECODABLE,
        FindingCode.LINE_TOO_LONG,
        FindingCode.BAD_QUOTING,
        FindingCode.UNKNOWN_RECORD,
        FindingCode.CELL_COUNT,
        FindingCode.SHORT_RECORD,
        FindingCode.LONG_RECORD,
        FindingCode.FIELD_MISSING,
        FindingCode.BAD_INTEGER,
        FindingCode.BAD_DECIMAL,
        FindingCode.BAD_DATE,
        FindingCode.BAD_CONSTANT,
        FindingCode.BAD_CODES,
        FindingCode.BAD_CHECK_DIGIT,
        FindingCode.FIELD_REPEATED,
        FindingCode.ADDENDA_MISSING,
        FindingCode.ADDENDA_ORPHAN,
        FindingCode.ADDENDA_REPEATED,
    }
)


def severity_of(code: FindingCode) -> Severity:
    """How far a finding of this code reaches when it stands on a detail record."""
    if code is FindingCode.SUM_UNVERIFIED:
        return Severity.NOTE
    return Severity.REJECT if code in _OF_A_RECORD else Severity.QUARANTINE


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `ordinal` is 0 where it concerns no detail, `line` is 0 for the whole file."""

    ordinal: int
    line: int
    field: str
    code: FindingCode
    severity: Severity
    message: str
    raw: str


FINDINGS: Final = pl.Schema(
    {
        "ordinal": pl.Int64(),
        "line": pl.Int64(),
        "field": pl.String(),
        "code": pl.String(),
        "severity": pl.Int8(),
        "message": pl.String(),
        "raw": pl.String(),
    }
)

DETAIL: Final = pl.Schema(
    {
        "ordinal": pl.Int64(),
        "line": pl.Int64(),
        "reference": pl.String(),
        "redemption_id": pl.Int64(),
        "attempt": pl.Int16(),
        "batch": pl.Int64(),
        "batch_ordinal": pl.Int64(),
        "code": pl.String(),
        "outcome": pl.String(),
        "quantity": pl.Int64(),
        "fee": pl.Int64(),
        "unit": pl.String(),
        "member_ref": pl.String(),
        "partner_ref": pl.String(),
        "answered_on": pl.Date(),
        "scope": pl.String(),
        "raw": pl.String(),
    }
)
"""The canonical columns of a decoded detail record, whatever the partner's layout."""


def file_finding(code: FindingCode, message: str, *, line: int = 0, field: str = "") -> Finding:
    """A finding about the file as a whole."""
    return Finding(0, line, field, code, severity_of(code), message, "")


def findings_frame(findings: Iterable[Finding]) -> pl.DataFrame:
    """Findings as a frame of schema FINDINGS."""
    rows = [astuple(finding) for finding in findings]
    return pl.DataFrame(rows, schema=FINDINGS, orient="row")


def findings_of(
    rows: pl.DataFrame,
    code: FindingCode,
    message: str,
    *,
    field: str = "",
    severity: Severity | None = None,
) -> pl.DataFrame:
    """One finding for each of these records (columns ordinal, line, raw), as a frame."""
    return rows.select(
        "ordinal",
        "line",
        pl.lit(field).alias("field"),
        pl.lit(code.value).alias("code"),
        pl.lit(int(severity or severity_of(code)), dtype=pl.Int8).alias("severity"),
        pl.lit(message).alias("message"),
        pl.col("raw").str.slice(0, RAW_CHARS),
    )
