"""Types of the values in an agreement: each in words, and how to read one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from handback.clock import zone_named
from handback.partners.calendar import is_known
from handback.partners.file_name import FileNameTemplate
from handback.partners.vocabulary import Days, MatchColumn


@dataclass(frozen=True, slots=True)
class Type:
    """A type of values. `read` raises ValueError saying what was expected instead."""

    words: str
    read: Callable[[object], Any]


def pattern(words: str, expression: str) -> Type:
    """Texts that match a regular expression as a whole."""
    compiled = re.compile(expression)

    def read(value: object) -> str:
        if isinstance(value, str) and compiled.fullmatch(value):
            return value
        raise ValueError(words)

    return Type(words, read)


def choice(options: Sequence[StrEnum] | Sequence[IntEnum]) -> Type:
    """Members of an enumeration, by name."""
    quoted = [f"`{option}`" for option in options]
    words = " or ".join([", ".join(quoted[:-1]), quoted[-1]] if quoted[1:] else quoted)
    known = {str(option): option for option in options}

    def read(value: object) -> StrEnum | IntEnum:
        if isinstance(value, str) and value in known:
            return known[value]
        raise ValueError(words)

    return Type(words, read)


def integer(low: int, high: int) -> Type:
    """Whole numbers within bounds, both included."""
    words = f"a whole number from {low} to {high}"

    def read(value: object) -> int:
        if type(value) is int and low <= value <= high:
            return value
        raise ValueError(words)

    return Type(words, read)


def list_of(member: Type, words: str, *, empty: bool = False) -> Type:
    """Lists of members, none of them twice, at least one unless `empty`; read as tuples."""

    def read(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or not (value or empty):
            raise ValueError(words)
        members = tuple(member.read(one) for one in value)
        if len(set(members)) < len(members):
            raise ValueError(f"{words}, none of them twice")
        return members

    return Type(words, read)


def _read_flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(FLAG.words)


def _read_time(value: object) -> int:
    """Minutes after midnight."""
    if isinstance(value, str) and (found := _TIME.fullmatch(value)):
        return int(found[1]) * 60 + int(found[2])
    raise ValueError(TIMES.words)


def _read_expected(value: object) -> Days | tuple[int, ...]:
    if isinstance(value, str):
        try:
            return Days(value)
        except ValueError:
            raise ValueError(EXPECTED.words) from None
    try:
        times: tuple[int, ...] = TIMES.read(value)
    except ValueError:
        raise ValueError(EXPECTED.words) from None
    return times


def _read_zone(value: object) -> ZoneInfo:
    if (zone := zone_named(str(value))) is None:
        raise ValueError(ZONE.words)
    return zone


def _read_country(value: object) -> str:
    if isinstance(value, str) and _COUNTRY.fullmatch(value) and is_known(value):
        return value
    raise ValueError(COUNTRY.words)


def _read_day(value: object) -> date:
    if type(value) is date:
        return value
    raise ValueError(DAY.words)


def _read_folder(value: object) -> str:
    folder = value if isinstance(value, str) else ""
    sound = all(_FOLDER_PART.fullmatch(part) for part in folder.split("/"))
    if sound and len(folder) <= _MAX_FOLDER_CHARS:
        return folder
    raise ValueError(FOLDER.words)


def _read_file_name(value: object) -> FileNameTemplate:
    if isinstance(value, str) and value:
        return FileNameTemplate.parse(value)
    raise ValueError(FILE_NAME.words)


def _read_rule(value: object) -> tuple[MatchColumn, ...]:
    rule: tuple[MatchColumn, ...] = _RULE_COLUMNS.read(value)
    if _FINDING & set(rule) or set(rule) >= _PLACE_IN_BATCH:
        return rule
    found_by = ", ".join(f"`{column}`" for column in MatchColumn if column in _FINDING)
    raise ValueError(f"rules that name one of {found_by}, or both `batch` and `ordinal`")


_MAX_FOLDER_CHARS: Final = 200
_COUNTRY: Final = re.compile("[A-Z]{2}")
_TIME: Final = re.compile(r"((?:[01]\d|2[0-3])(?=:)|24(?=:00)):([0-5]\d)")
_FOLDER_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]*")
# What a rule can find an attempt by; quantity and days only tell candidates apart.
_FINDING: Final = {
    MatchColumn.REFERENCE_KEY,
    MatchColumn.REFERENCE,
    MatchColumn.NORMALISED_REFERENCE,
    MatchColumn.MEMBER,
}
_PLACE_IN_BATCH: Final = {MatchColumn.BATCH, MatchColumn.ORDINAL}
_COLUMN: Final = choice([*MatchColumn])
_RULE_COLUMNS: Final = list_of(_COLUMN, f"lists of {_COLUMN.words}")

OWNER: Final = pattern(
    "a lower-case name of at most 63 letters, digits, - and _", r"[a-z][a-z0-9_-]{0,62}"
)
WORD: Final = pattern(
    "a lower-case name of at most 63 letters, digits and _", r"[a-z][a-z0-9_]{0,62}"
)
TEXT: Final = pattern("a text", r".+")
SUFFIX: Final = pattern("a suffix of file names, such as `.done`", r"\.[A-Za-z0-9_.-]{1,20}")
ZONE: Final = Type("a time zone of the IANA database, such as `Europe/London`", _read_zone)
COUNTRY: Final = Type(
    "a country whose holidays are known, by its ISO 3166 code such as `GB`", _read_country
)
DAY: Final = Type("a day such as `2026-12-24`, without quotes", _read_day)
DAYS: Final = list_of(Type("", _read_day), "a list of days such as `2026-12-24`, without quotes")
FLAG: Final = Type("`true` or `false`", _read_flag)
TIMES: Final = list_of(Type("", _read_time), 'a list of times of day such as `"16:30"`')
EXPECTED: Final = Type(
    f"`{Days.DAILY}`, `{Days.BUSINESS_DAYS}` or {TIMES.words}",
    _read_expected,
)
FOLDER: Final = Type("a folder below the exchange root, such as `skyways/out`", _read_folder)
FILE_NAME: Final = Type(
    "a template of file names, such as `OUT_{sequence:06}.csv`", _read_file_name
)
GLOB: Final = pattern(
    "a pattern of file names, such as `*.csv`", r"[^/\\.\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]{0,179}"
)
RULES: Final = list_of(Type("", _read_rule), "a list of rules, each a list of columns")
