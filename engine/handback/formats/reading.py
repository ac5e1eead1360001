"""Reading the records of one kind: the text of their fields to typed columns, flaws to findings."""

from __future__ import annotations

from datetime import date
from typing import Final, Protocol

import polars as pl

from handback.formats.computed import CheckDigit
from handback.formats.days import Day, nearest
from handback.formats.findings import FindingCode, Severity, findings_of
from handback.formats.layout import DETAIL_KINDS, Field, Place, Record
from handback.formats.octets import Binary
from handback.formats.texts import Constant

BLANKS: Final = " \t\x00"
"""What fields are filled up with; some hosts take zero bytes."""
POSITION: Final = ("ordinal", "line", "group", "segment", "raw")
"""Columns that go with every record: which it is, where it stood, its group and batch, its text."""


class Cut(Protocol):
    """How a framing finds records in lines, and fields in records."""

    def rows(self, lines: pl.DataFrame, *, last: bool) -> pl.DataFrame:
        """The records among these lines."""
        ...

    def node(self, record: Record) -> int | None:
        """The number that rows of a record's path or place have; None where any row may be one."""
        ...

    def has_blanks(self, rows: pl.DataFrame) -> bool:
        """Whether a text in these rows may begin or end with a blank (see `BLANKS`)."""
        ...

    def text(self, place: Place) -> pl.Expr:
        """The text at a place of a record."""
        ...

    def octets(self, place: Place) -> pl.Expr:
        """The bytes at a place of a record, a character for each."""
        ...

    def rest(self, place: Place) -> pl.Expr:
        """The text from a place to the end of its record."""
        ...

    def size_flaws(self, record: Record) -> list[tuple[FindingCode, str, pl.Expr]]:
        """What may be wrong with a record's size: code, message, where it holds."""
        ...

    def is_cut(self, raw: str, record: Record) -> bool:
        """May this last record, which has no line end, have lost characters of its own?"""
        ...


def column_of(name: str) -> str:
    """The column of a field; apart from POSITION, whatever a layout calls its fields."""
    return f"field.{name}"


def read_records(
    rows: pl.DataFrame, record: Record, cut: Cut, near: date | None = None
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """The fields of records of one kind: POSITION and a column per field, and their findings.

    Days that do not name their year are brought near to `near`; unknown without it.

    Records of a wrong size are left out, for nobody knows what their fields mean. A value that
    cannot be read is null, and a finding.
    """
    findings = []
    sound = rows
    for code, message, holds in cut.size_flaws(record):
        wrong = sound.filter(holds)
        if wrong.height:
            findings.append(findings_of(wrong, code, message, severity=_severity(record)))
            sound = sound.filter(~holds)
    # To strip every text costs five times what it costs to see that none has a blank.
    stripping = cut.has_blanks(sound)
    # In two steps, for an expression that is used twice is computed twice.
    texts = sound.select(
        *POSITION,
        *(_text(one, cut, stripping).alias(column_of(one.name)) for one in record.fields),
    ).with_columns(_not_blank(column_of(one.name)) for one in record.fields)
    values = texts.with_columns(
        one.type.decode(pl.col(column_of(one.name))).alias(column_of(one.name))
        for one in record.fields
    )
    values = values.with_columns(
        nearest(pl.col(column_of(one.name)), near, by_number=one.type.by_number).alias(
            column_of(one.name)
        )
        for one in record.fields
        if isinstance(one.type, Day) and not one.type.has_year
    )
    values = _checked(texts, values, record)
    for one in record.fields:
        findings += _field_findings(texts, values, one, _severity(record))
    return values, findings


def _checked(texts: pl.DataFrame, values: pl.DataFrame, record: Record) -> pl.DataFrame:
    """The values without check digits that do not agree with their field."""
    for one in record.fields:
        if isinstance(one.type, CheckDigit):
            name, of = column_of(one.name), texts[column_of(one.type.of)]
            right = of.to_frame("of").select(one.type.digit_of(pl.col("of"))).to_series()
            agrees = (values[name] == right).fill_null(False)
            values = values.with_columns(pl.when(pl.lit(agrees)).then(pl.col(name)).alias(name))
    return values


def _severity(record: Record) -> Severity:
    """A flaw in a record that carries the structure of the file concerns the whole file."""
    return Severity.REJECT if record.kind in DETAIL_KINDS else Severity.QUARANTINE


def _text(field: Field, cut: Cut, stripping: bool) -> pl.Expr:
    """The text of a field, trimmed where `stripping`."""
    if field.place is None:
        assert isinstance(field.type, Constant), field
        return pl.lit(field.type.value)
    if isinstance(field.type, Binary):
        return cut.octets(field.place)
    text = cut.rest(field.place) if field.rest else cut.text(field.place)
    match field.trim if stripping else None:
        case "both":
            return text.str.strip_chars(BLANKS)
        case "left":
            return text.str.strip_chars_start(BLANKS)
        case "right":
            return text.str.strip_chars_end(BLANKS)
    return text


def _not_blank(name: str) -> pl.Expr:
    return pl.when(pl.col(name) != "").then(pl.col(name)).alias(name)


def _field_findings(
    texts: pl.DataFrame, values: pl.DataFrame, field: Field, severity: Severity
) -> list[pl.DataFrame]:
    text, value = texts[column_of(field.name)], values[column_of(field.name)]
    findings = []
    needed = field.required or isinstance(field.type, Constant)
    if needed and text.null_count():
        missing = values.filter(text.is_null())
        message = f"expected {field.type.expected}, found nothing"
        code = FindingCode.FIELD_MISSING
        findings.append(findings_of(missing, code, message, field=field.name, severity=severity))
    if value.null_count() > text.null_count():
        wrong = values.filter(value.is_null() & text.is_not_null())
        message = f"expected {field.type.expected}"
        code = field.type.flaw
        findings.append(findings_of(wrong, code, message, field=field.name, severity=severity))
    return findings
