"""Field types, one by one: what they read, what they refuse, how they write."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime

import polars as pl
import pytest

from handback.errors import Violation
from handback.formats.days import nearest
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
    [
        "",
        "YYYY",
        "YYYYMM",
        "MM",
        "%H%M",
        "YYYYMMDDHH%M",
        "%Y%m%d%Y",
        "YYYYYYMMDD",
        "%-d%m%Y",
    ],
)
def test_a_pattern_must_tell_one_day(pattern: str) -> None:
    mistakes: list[Violation] = []
    FIELD_TYPES["date"](Section({"pattern": pattern}, "field", mistakes))
    assert [one.field for one in mistakes] == ["field.pattern"]


BACK = 'type = "integer", sign = "back"'
BRACKETS = 'type = "decimal", scale = 2, sign = "brackets"'
PUNCHED = 'type = "decimal", scale = 2, point = "", sign = "overpunch"'
GROUPED = 'type = "decimal", scale = 2, point = ",", thousands = "."'
APOSTROPHES = 'type = "integer", thousands = "\'"'
UNSIGNED = 'type = "integer", sign = "none"'
MOTIVES = 'type = "codes", each = 2'
LISTED = 'type = "codes", between = ";"'
FLAGS = 'type = "flags", codes = ["1", "3", "4"]'
MADRID = 'type = "instant", zone = "Europe/Madrid"'
CLOCK = 'type = "instant", zone = "America/Toronto", pattern = "MMDDYYYYhhmmss"'


@pytest.mark.parametrize(
    ("options", "text", "value"),
    [
        (BACK, "150-", -150),
        (BACK, "150+", 150),
        (BACK, "150", 150),
        (BACK, "-150", None),
        (BACK, "150--", None),
        (BACK, "-", None),
        (BRACKETS, "(1.50)", -150),
        (BRACKETS, "1.50", 150),
        (BRACKETS, "(1.50", None),
        (BRACKETS, "(-1.50)", None),
        (PUNCHED, "0015{", 150),
        (PUNCHED, "0015}", -150),
        (PUNCHED, "0015A", 151),
        (PUNCHED, "0015R", -159),
        (PUNCHED, "00151", 151),
        (PUNCHED, "0015y", -159),
        (PUNCHED, "00-5}", None),
        (PUNCHED, "0015?", None),
        (GROUPED, "-1.234,56", -123456),
        (GROUPED, "3.500,00", 350000),
        (GROUPED, "1234,56", 123456),
        (GROUPED, "12.34,56", None),
        (GROUPED, "1.2345,6", None),
        (GROUPED, "12..34", None),
        (GROUPED, "1,234.56", None),
        (APOSTROPHES, "1'500", 1500),
        (APOSTROPHES, "15'00", None),
        (UNSIGNED, "150", 150),
        (UNSIGNED, "-150", None),
        (UNSIGNED, "+150", None),
        ('type = "code", fill = 4', "1", "0001"),
        ('type = "code", fill = 4', "00012", "00012"),
        ('type = "code", first = 1', "1012", "1"),
        ('type = "code", first = 4', "AB", "AB"),
        ('type = "code", case = "upper"', "r03", "R03"),
        ('type = "text", letters = "ascii"', "Åsa Çé", "Asa Ce"),
        ('type = "text", letters = "compatible"', "ＡＢ１ｱ", "AB1ア"),
        ('type = "text", letters = "composed"', "e\u0301", "é"),
        (MOTIVES, "A405", "A4+05"),
        (MOTIVES, "A4  050000", "A4+05"),
        (MOTIVES, "0000000000", ""),
        (LISTED, "R03; R20;;", "R03+R20"),
        (FLAGS, "Y Y", "1+4"),
        (FLAGS, "NYN", "3"),
        (FLAGS, "NNN", ""),
        (FLAGS, "YYYY", None),
        ('type = "date", pattern = "YYYY-MM-DD*"', "2026-01-05T11:25:12", date(2026, 1, 5)),
        ('type = "date", pattern = "YYYY-MM-DD*"', "2026-01-5T11:25:12", None),
        ('type = "date", pattern = "DD-MON-YY hh.mm.ss"', "18-Aug-22 19.22.44", date(2022, 8, 18)),
        ('type = "date", pattern = "MMDD"', "0229", date(2000, 2, 29)),
        (MADRID, "2026-01-05T11:25:12", datetime(2026, 1, 5, 10, 25, 12, tzinfo=UTC)),
        (MADRID, "2026-01-05T11:25:12.5Z", datetime(2026, 1, 5, 11, 25, 12, 500000, tzinfo=UTC)),
        (MADRID, "2026-01-05T11:25:12+1000", datetime(2026, 1, 5, 1, 25, 12, tzinfo=UTC)),
        (MADRID, "2026-01-05T11:25:12-03:30", datetime(2026, 1, 5, 14, 55, 12, tzinfo=UTC)),
        (MADRID, "2026-03-29T02:30:00", None),
        (MADRID, "2026-10-25T02:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (MADRID, "2026-01-05", None),
        (CLOCK, "07042026233000", datetime(2026, 7, 5, 3, 30, tzinfo=UTC)),
        (CLOCK, "7042026233000", None),
    ],
)
def test_odd_notations_are_read(options: str, text: str, value: object) -> None:
    assert decoded(options, text) == value


@pytest.mark.parametrize(
    ("options", "value", "text"),
    [
        (BACK, -150, "150-"),
        (BACK, 150, "150"),
        (BRACKETS, -150, "(1.50)"),
        (PUNCHED, -150, "15}"),
        (PUNCHED, 151, "15A"),
        (GROUPED, -123456789, "-1.234.567,89"),
        (GROUPED, 12, "0,12"),
        (APOSTROPHES, 150000, "150'000"),
        (UNSIGNED, -1, None),
        ('type = "code", first = 1', "B", "B"),
        ('type = "code", first = 1', "B1", None),
        (MOTIVES, "A4+5", "A45"),
        (MOTIVES, "A4+055", None),
        (LISTED, "R03+R20", "R03;R20"),
        (FLAGS, "1+4", "Y Y"),
        (FLAGS, "9", None),
        ('type = "text", letters = "ascii", case = "upper"', "Åsa", "ASA"),
        ('type = "date", pattern = "MMDD"', date(2026, 1, 5), "0105"),
        (MADRID, datetime(2026, 1, 5, 10, 25, 12, tzinfo=UTC), "2026-01-05T11:25:12+01:00"),
    ],
)
def test_odd_notations_are_written(options: str, value: object, text: object) -> None:
    assert encoded(options, value) == text


@pytest.mark.parametrize(
    ("text", "near", "expected"),
    [
        (date(2000, 12, 31), date(2026, 1, 2), date(2025, 12, 31)),
        (date(2000, 1, 2), date(2025, 12, 31), date(2026, 1, 2)),
        (date(2000, 7, 1), date(2026, 6, 30), date(2026, 7, 1)),
        (date(2000, 2, 29), date(2027, 6, 1), date(2028, 2, 29)),
        (date(2000, 2, 29), date(2026, 6, 1), None),
        (date(2000, 1, 1), None, None),
    ],
)
def test_days_without_a_year_come_near(text: date, near: date | None, expected: object) -> None:
    days = pl.DataFrame({"day": [text]})
    assert days.select(nearest(pl.col("day"), near)).item() == expected


@pytest.mark.parametrize(
    ("number", "near", "expected"),
    [
        ("001", date(2025, 12, 30), date(2026, 1, 1)),
        ("365", date(2026, 1, 2), date(2025, 12, 31)),
        ("060", date(2026, 3, 3), date(2026, 3, 1)),
        ("060", date(2028, 3, 3), date(2028, 2, 29)),
        ("366", date(2028, 12, 1), date(2028, 12, 31)),
        ("366", date(2026, 1, 1), None),
    ],
)
def test_a_number_of_a_day_is_one_of_the_year_near(
    number: str, near: date, expected: date | None
) -> None:
    made = field_type('type = "date", pattern = "JJJ"')
    days = pl.DataFrame({"text": [number]}).select(day=made.decode(pl.col("text")))
    assert days.select(nearest(pl.col("day"), near, by_number=True)).item() == expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("D.M.YYYY", "5.1.2026", date(2026, 1, 5)),
        ("D.M.YYYY", "25.12.2026", date(2026, 12, 25)),
        ("M/D/YY", "1/05/26", date(2026, 1, 5)),
        ("D-MON-YYYY", "5-Jan-2026", date(2026, 1, 5)),
        ("D.M.YYYY", "005.1.2026", None),
        ("D.M.YYYY", "5.13.2026", None),
        ("DD.MM.YYYY", "5.1.2026", None),
    ],
)
def test_days_without_zeros_in_front(pattern: str, text: str, expected: date | None) -> None:
    options = f'type = "date", pattern = "{pattern}"'
    assert decoded(options, text) == expected


def test_days_without_zeros_are_written_so() -> None:
    assert encoded('type = "date", pattern = "D.M.YYYY"', date(2026, 1, 5)) == "5.1.2026"


@pytest.mark.parametrize("pattern", ["DMYYYY", "YYYYMD", "DD.MYY", "M.M.YYYY", "D.M", "JJJhh"])
def test_days_that_could_be_two_are_no_pattern(pattern: str) -> None:
    mistakes: list[Violation] = []
    section = Section({"type": "date", "pattern": pattern}, "field", mistakes)
    FIELD_TYPES["date"](section)
    assert bool(mistakes) is (pattern not in ("D.M", "JJJhh"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-08T04:30:00Z", date(2026, 3, 7)),  # before the clock goes forward
        ("2026-03-09T04:30:00Z", date(2026, 3, 9)),
        ("2026-11-01T04:30:00Z", date(2026, 11, 1)),
        ("2026-11-02T04:30:00Z", date(2026, 11, 1)),  # after it went back
        ("2026-11-01 23:30:00", date(2026, 11, 1)),
        ("2026-03-08 02:30:00", None),
    ],
)
def test_a_moment_may_be_asked_for_its_day(text: str, expected: date | None) -> None:
    zones = 'zone = "America/New_York", days_of = "America/New_York"'
    assert decoded(f'type = "instant", {zones}', text) == expected


@pytest.mark.parametrize(
    ("mark", "text"), [(" ", "1\u00a0234\u202f567"), ("'", "1\u2019234'567"), (" ", "1 234 567")]
)
def test_thousands_are_parted_as_people_do(mark: str, text: str) -> None:
    assert decoded(f'type = "integer", thousands = "{mark}"', text) == 1_234_567
