"""Field types, one by one: what they read, what they refuse, how they write."""

from __future__ import annotations

import tomllib
from datetime import date

import polars as pl
import pytest

from handback.errors import Violation
from handback.formats.document import Section
from handback.formats.fields import FIELD_TYPES, FieldType


def field_type(options: str) -> FieldType:
    """The field type of TOML options such as `type = "date", pattern = "YYMMDD"`."""
    mistakes: list[Violation] = []
    section = Section(tomllib.loads(f"field = {{ {options} }}")["field"], "field", mistakes)
    made = FIELD_TYPES[section.text("type")](section)
    assert not mistakes, mistakes
    return made


def decoded(options: str, text: str) -> object:
    """The value of a text, None where it cannot be read."""
    column = pl.DataFrame({"text": [text]})
    return column.select(field_type(options).decode(pl.col("text"))).item()


def encoded(options: str, value: object) -> object:
    """The text of a value, None where it cannot be written."""
    column = pl.DataFrame({"value": [value]})
    return column.select(field_type(options).encode(pl.col("value"))).item()


INTEGER = 'type = "integer"'
CENTS = 'type = "decimal", scale = 2'
COMMA = 'type = "decimal", scale = 2, point = ","'
IMPLIED = 'type = "decimal", scale = 2, point = ""'
WHOLE = 'type = "decimal", scale = 0'
DAY = 'type = "date"'
SHORT_DAY = 'type = "date", pattern = "YYMMDD"'
DOTTED = 'type = "date", pattern = "DD.MM.YYYY"'
JULIAN = 'type = "date", pattern = "YYJJJ"'
NAMED = 'type = "date", pattern = "%d-%b-%y"'


@pytest.mark.parametrize(
    ("options", "text", "value"),
    [
        ('type = "text"', "as it stands", "as it stands"),
        ('type = "code"', "0001", "0001"),
        (INTEGER, "0", 0),
        (INTEGER, "000150", 150),
        (INTEGER, "+7", 7),
        (INTEGER, "-7", -7),
        (INTEGER, "-0", 0),
        (INTEGER, "999999999999999999", 10**18 - 1),
        (CENTS, "1.46", 146),
        (CENTS, "1.4", 140),
        (CENTS, "1.", 100),
        (CENTS, "1", 100),
        (CENTS, "1.4600", 146),
        (CENTS, "-0.05", -5),
        (CENTS, "0001.46", 146),
        (COMMA, "1,46", 146),
        (IMPLIED, "146", 146),
        (IMPLIED, "-0000146", -146),
        (WHOLE, "15.00", 15),
        (DAY, "20260105", date(2026, 1, 5)),
        (SHORT_DAY, "260105", date(2026, 1, 5)),
        (DOTTED, "05.01.2026", date(2026, 1, 5)),
        (JULIAN, "26005", date(2026, 1, 5)),
        (NAMED, "05-Jan-26", date(2026, 1, 5)),
        ('type = "constant", value = "SKY"', "SKY", "SKY"),
    ],
)
def test_what_is_read(options: str, text: str, value: object) -> None:
    assert decoded(options, text) == value


UNREADABLE = {
    INTEGER: ["1.0", "1e3", "1_000", "--1", "1-", "x", "٣", "1 000", "1" * 19],
    CENTS: ["1.465", "1,46", ".46", "1.4.6", "x", "1e2", "12345678901234567"],
    COMMA: ["1.46", "1.234,56"],
    IMPLIED: ["1.46", "1,46"],
    WHOLE: ["15.50"],
    DAY: ["2026105", "20260230", "20261301", "00000000", "260105", "2026 1 5", "+0260105"],
    SHORT_DAY: ["260230", "20260105", "26-1-5"],
    JULIAN: ["26000", "26366", "2600 5"],
    NAMED: ["05-Foo-26", "05/Jan/26", "5-Jan-26"],
    'type = "constant", value = "SKY"': ["SKYWAYS", "sky"],
}


@pytest.mark.parametrize(
    ("options", "text"), [(one, text) for one, texts in UNREADABLE.items() for text in texts]
)
def test_what_cannot_be_read(options: str, text: str) -> None:
    assert decoded(options, text) is None


@pytest.mark.parametrize(
    ("options", "value", "text"),
    [
        ('type = "text"', "x", "x"),
        ('type = "text"', 5, "5"),
        (INTEGER, -7, "-7"),
        (CENTS, 146, "1.46"),
        (CENTS, -5, "-0.05"),
        (CENTS, 0, "0.00"),
        (COMMA, 146, "1,46"),
        (IMPLIED, 146, "146"),
        (WHOLE, 15, "15"),
        (DAY, date(2026, 1, 5), "20260105"),
        (JULIAN, date(2026, 12, 31), "26365"),
        (NAMED, date(2026, 1, 5), "05-Jan-26"),
        ('type = "constant", value = "SKY"', None, "SKY"),
    ],
)
def test_what_is_written(options: str, value: object, text: str) -> None:
    assert encoded(options, value) == text


@pytest.mark.parametrize(
    ("options", "value"), [(INTEGER, 10**18), (CENTS, 10**18), (INTEGER, None), (DAY, None)]
)
def test_what_cannot_be_written(options: str, value: object) -> None:
    assert encoded(options, value) is None


@pytest.mark.parametrize(
    ("options", "dtype"),
    [
        ('type = "text"', pl.Float64()),
        (INTEGER, pl.Float64()),
        (INTEGER, pl.String()),
        (CENTS, pl.Float64()),
        (CENTS, pl.Decimal(10, 2)),
        (DAY, pl.String()),
        (DAY, pl.Int64()),
    ],
)
def test_columns_of_another_kind_are_not_accepted(options: str, dtype: pl.DataType) -> None:
    made = field_type(options)
    assert not made.accepts(dtype)
    assert made.accepts(made.dtype) and made.accepts(pl.Null())


@pytest.mark.parametrize(
    "pattern",
    ["", "YYYY", "YYYYMM", "MMDD", "%H%M", "YYYYMMDDHH%M", "%Y%m%d%Y", "YYYYYYMMDD", "%-d%m%Y"],
)
def test_a_pattern_must_tell_one_day(pattern: str) -> None:
    mistakes: list[Violation] = []
    FIELD_TYPES["date"](Section({"pattern": pattern}, "field", mistakes))
    assert [one.field for one in mistakes] == ["field.pattern"]
