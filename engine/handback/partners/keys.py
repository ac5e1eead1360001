"""The keys of an agreement, declared once: reading, defaults and the reference go by these tables.

The layouts below `[formats]` are a language of their own, see `handback.formats.layout`.
"""

from __future__ import annotations

import fnmatch
import re
import zoneinfo
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Final

from handback.formats.document import Section
from handback.ids import MAX_ATTEMPT
from handback.partners.codes import BY_TEXT, ReasonClass
from handback.partners.file_name import FileNameTemplate
from handback.partners.policy import CHOICES, Action, Reference, RetryPolicy, default_policy


class Need(StrEnum):
    """Whether a submit must carry a field."""

    REQUIRED = "required"
    OPTIONAL = "optional"


class AnswerStyle(StrEnum):
    """What a partner answers, and so what its silence means once the window is over."""

    FULL = "full"
    EXCEPTIONS_ONLY = "exceptions_only"
    SUCCESSES_ONLY = "successes_only"


class Completeness(StrEnum):
    """What shows that a hand-back file has arrived whole."""

    RENAME = "rename"
    MARKER = "marker"
    TRAILER = "trailer"


class RowTrouble(StrEnum):
    """What a bad record does."""

    QUARANTINE = "quarantine"
    REJECT = "reject"


class DuplicateSequence(StrEnum):
    """What becomes of a file whose sequence an earlier file had."""

    QUARANTINE = "quarantine"
    ACCEPT = "accept"


class MatchColumn(StrEnum):
    """What a match rule may compare."""

    REFERENCE_KEY = "reference_key"
    BATCH = "batch"
    ORDINAL = "ordinal"
    REFERENCE = "reference"
    QUANTITY = "quantity"
    MEMBER = "member"


class Printed(StrEnum):
    """What kind of value a payout file prints under a name."""

    TEXT = "text"
    NUMBER = "number"
    QUANTITY = "quantity"
    DAY = "day"


DETAIL_NAMES: Final = {
    "reference": Printed.TEXT,
    "member_ref": Printed.TEXT,
    "quantity": Printed.QUANTITY,
    "unit": Printed.TEXT,
    "batch": Printed.NUMBER,
    "ordinal": Printed.NUMBER,
    "submitted_on": Printed.DAY,
}
"""What every record of a payout file can print; a submit's own fields come on top."""

FACT_NAMES: Final = {
    "programme": Printed.TEXT,
    "partner": Printed.TEXT,
    "unit": Printed.TEXT,
    "batch": Printed.NUMBER,
    "sequence": Printed.NUMBER,
    "created_on": Printed.DAY,
}
"""What the header and control records of a payout file can print, beside their totals."""


@dataclass(frozen=True, slots=True)
class Type:
    """A type of values: in words, and how to read one. `read` raises ValueError saying why not."""

    words: str
    read: Callable[[object], Any]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table. A default that depends on other keys is told in words as `derived`."""

    name: str
    type: Type
    meaning: str
    default: str | int | None = None
    derived: str = ""

    @property
    def required(self) -> bool:
        """Must the table have it?"""
        return self.default is None and not self.derived


def read(section: Section, keys: Sequence[Key]) -> dict[str, Any]:
    """The value of each key, mistakes noted; None for a wrong value and for a derived default."""
    values: dict[str, Any] = dict.fromkeys(key.name for key in keys)
    for key in keys:
        present = section.has(key.name)
        if not present and key.default is None:
            if key.required:
                section.mistake(key.name, f"{key.type.words}; it is missing")
            continue
        try:
            values[key.name] = key.type.read(section.value(key.name) if present else key.default)
        except ValueError as unfit:
            section.mistake(key.name, str(unfit))
    return values


def _name(words: str, pattern: str) -> Type:
    name = re.compile(pattern)

    def read_name(value: object) -> str:
        if isinstance(value, str) and name.fullmatch(value):
            return value
        raise ValueError(words)

    return Type(words, read_name)


def _choice(options: Sequence[StrEnum] | Sequence[IntEnum]) -> Type:
    quoted = [f"`{option}`" for option in options]
    words = " or ".join([", ".join(quoted[:-1]), quoted[-1]] if quoted[1:] else quoted)
    known = {str(option): option for option in options}

    def read_choice(value: object) -> StrEnum | IntEnum:
        if isinstance(value, str) and value in known:
            return known[value]
        raise ValueError(words)

    return Type(words, read_choice)


def _integer(low: int, high: int) -> Type:
    words = f"a whole number from {low} to {high}"

    def read_integer(value: object) -> int:
        if type(value) is int and low <= value <= high:
            return value
        raise ValueError(words)

    return Type(words, read_integer)


def _list(one: Type, words: str) -> Type:
    def read_list(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or not value:
            raise ValueError(words)
        members = tuple(one.read(member) for member in value)
        if len(set(members)) < len(members):
            raise ValueError(f"{words}, none of them twice")
        return members

    return Type(words, read_list)


def _read_zone(value: object) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(str(value))
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        raise ValueError(_ZONE_WORDS) from None


def _read_folder(value: object) -> str:
    parts = value.split("/") if isinstance(value, str) else [""]
    if all(_FOLDER_PART.fullmatch(part) for part in parts) and len("/".join(parts)) <= _MAX_FOLDER:
        return "/".join(parts)
    raise ValueError(_FOLDER_WORDS)


def _read_file_name(value: object) -> FileNameTemplate:
    if isinstance(value, str) and value:
        return FileNameTemplate.parse(value)
    raise ValueError(_FILE_NAME_WORDS)


def _read_glob(value: object) -> str:
    if isinstance(value, str) and _GLOB.fullmatch(value) and fnmatch.translate(value):
        return value
    raise ValueError(_GLOB_WORDS)


def _read_rule(value: object) -> tuple[MatchColumn, ...]:
    rule: tuple[MatchColumn, ...] = _RULE_COLUMNS.read(value)
    if _FINDING & set(rule) or _PLACE_IN_BATCH <= set(rule):
        return rule
    found_by = ", ".join(f"`{column}`" for column in MatchColumn if column in _FINDING)
    raise ValueError(f"rules that name one of {found_by}, or both `batch` and `ordinal`")


_MAX_FOLDER:
        return "/".join(parts)
    raise ValueError(_FOLDER_WORDS)


def _read_file_name(value: object) -> FileNameTemplate:
    if isinstance(value, str) and value:
        return FileNameTemplate.parse(value)
    raise ValueError(_FILE_NAME_WORDS)


def _read_glob(value: object) -> str:
    if isinstance(value, str) and _GLOB.fullmatch(value) and fnmatch.translate(value):
        return value
    raise ValueError(_GLOB_WORDS)


def _read_rule(value: object) -> tuple[MatchColumn, ...]:
    columns = _RULE_COLUMNS.read(value)
    given = set(columns)
    if given & {MatchColumn.REFERENCE_KEY, MatchColumn.REFERENCE} or given >= _PLACE_IN_BATCH:
        return tuple(columns)
    raise ValueError("rules that name `reference_key`, `reference`, or both `batch` and `ordinal`")


_MAX_FOLDER: Final = 200
_ZONE_WORDS: Final = "a time zone of the IANA database, such as Europe/London"
_FOLDER_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]*")
_FOLDER_WORDS: Final = "a folder below the exchange root, such as outbound/skyways"
_FILE_NAME_WORDS: Final = "a file name with `{sequence}`, and `{date:…}` and `{unit}` where wanted"
_GLOB: Final = re.compile(r"[^/\\.\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]{0,179}")
_GLOB_WORDS: Final = "a pattern of file names, such as *.csv"
# What a rule can find an attempt by; the quantity only tells candidates apart.
_FINDING: Final = {MatchColumn.REFERENCE_KEY, MatchColumn.REFERENCE, MatchColumn.MEMBER}
_PLACE_IN_BATCH: Final = {MatchColumn.BATCH, MatchColumn.ORDINAL}
_RULE_COLUMNS: Final = _list(
    _choice([*MatchColumn]), f"lists of {', '.join(f'`{column}`' for column in MatchColumn)}"
)

_OWNER: Final = _name(
    "a lower-case name of letters, digits, - and _, 63 at most", r"[a-z][a-z0-9_-]{0,62}"
)
_WORD: Final = _name(
    "a lower-case name of letters, digits and _, 63 at most", r"[a-z][a-z0-9_]{0,62}"
)
_TEXT: Final = _name("a text", r".+")
_SUFFIX: Final = _name("a file name suffix, such as .done", r"\.[A-Za-z0-9_.-]{1,20}")
_MATCH: Final = _list(Type("", _read_rule), "a list of rules, each a list of columns")

TOP: Final = (
    Key("programme", _OWNER, "The programme that owns the redemptions."),
    Key("partner", _OWNER, "The partner, by a name unique in the programme."),
    Key(
        "time_zone",
        Type(_ZONE_WORDS, _read_zone),
        "The partner's clock on the wall: its days, its deadlines, the dates we print.",
    ),
    Key(
        "units",
        _list(_WORD, "a list of lower-case names"),
        "What may be redeemed, each unit in files of its own.",
    ),
)

FIELD_NAME: Final = _WORD
FIELD_NEED: Final = _choice([*Need])

ANSWERS: Final = (
    Key(
        "style",
        _choice([*AnswerStyle]),
        "What the partner answers. `full`: every request, silence leaves it open; "
        "`exceptions_only`: silence confirms it once the window is over; "
        "`successes_only`: silence rejects it then.",
        default=AnswerStyle.FULL,
    ),
    Key(
        "window_days",
        _integer(1, 90),
        "Business days the partner has to answer, after the day of delivery.",
        default=5,
    ),
)

PAYOUT: Final = (
    Key("format", _TEXT, "The layout of the payout file, one of `[formats]`."),
    Key("folder", Type(_FOLDER_WORDS, _read_folder), "Where payout files are delivered."),
    Key(
        "file_name",
        Type(_FILE_NAME_WORDS, _read_file_name),
        "The name of a payout file. `{sequence:06}` is the partner's running number, "
        "`{date:%Y%m%d}` the partner's date, `{unit}` the unit.",
    ),
    Key("interval_s", _integer(1, 604_800), "How often due redemptions are gathered.", 3600),
    Key("max_records", _integer(1, 1_000_000), "The most records of one file.", 100_000),
)

REFERENCE: Final = (
    Key(
        "template",
        _TEXT,
        "The reference printed for each attempt: `{key}` its key, `{batch}` and `{ordinal}` "
        "its place, `{attempt}` its number, `{date:…}` the day, or a required field by name.",
        default="{key:018}",
    ),
)

HANDBACK: Final = (
    Key("format", _TEXT, "The layout of the hand-back file, one of `[formats]`."),
    Key("folder", Type(_FOLDER_WORDS, _read_folder), "Where hand-back files are picked up."),
    Key("file_name", Type(_GLOB_WORDS, _read_glob), "Which names are hand-back files.", "*"),
    Key(
        "complete",
        _choice([*Completeness]),
        "What shows that a file is whole. `rename`: its name is visible; `marker`: a second "
        "file stands beside it; `trailer`: its control record is there.",
        default=Completeness.RENAME,
    ),
    Key(
        "marker_suffix",
        _SUFFIX,
        "What the marker's name has behind that of the file.",
        derived="`.done` where `complete` is `marker`",
    ),
    Key(
        "row_trouble",
        _choice([*RowTrouble]),
        "What a record that cannot be read does. `quarantine`: the whole file waits; "
        "`reject`: the record alone is left out and reported.",
        default=RowTrouble.QUARANTINE,
    ),
    Key(
        "duplicate_sequence",
        _choice([*DuplicateSequence]),
        "What becomes of a file whose sequence an earlier one had. `quarantine`: it waits; "
        "`accept`: its records are taken as they come.",
        default=DuplicateSequence.QUARANTINE,
    ),
    Key(
        "match",
        _MATCH,
        "How a record finds its attempt: rules in order, each trying what those before it left.",
        derived="what the reference carries: `reference_key`, else `batch` and `ordinal`, "
        "else `reference`",
    ),
)

CODE: Final = _name("a code without blanks around it, or code/sub", r"(?:\S(?:.*\S)?)?")
CLASS: Final = _choice(list(BY_TEXT.values()))
FORMAT_NAME: Final = _WORD


def policy_keys(reason_class: ReasonClass) -> tuple[Key, ...]:
    """The keys of `[policy.CLASS]`; `do` offers what that class allows."""
    choices = CHOICES[reason_class]
    defaults = default_policy(reason_class)
    return (
        Key("do", _choice(choices), "What follows a rejection of this class.", str(defaults.do)),
        *RETRY,
    )


_DEFAULTS: Final = RetryPolicy(Action.RETRY)
RETRY: Final = (
    Key("cap", _integer(2, MAX_ATTEMPT), "At most so many attempts in all.", _DEFAULTS.cap),
    Key(
        "spacing_s",
        _integer(0, 7_776_000),
        "Seconds from the rejection to the next attempt.",
        _DEFAULTS.spacing_s,
    ),
    Key(
        "latest_days",
        _integer(1, 3650),
        "No attempt is due later than so many days of 24 hours after submission.",
        _DEFAULTS.latest_days,
    ),
    Key(
        "reference",
        _choice([*Reference]),
        "Whether the next attempt goes out under a reference of its own.",
        derived="`same` where the template consists of fields alone, else `new`",
    ),
    Key(
        "then",
        _choice([Action.REVIEW, Action.FAIL]),
        "What follows once neither cap nor latest day allows another attempt.",
        str(_DEFAULTS.then),
    ),
)
"""What `[policy.CLASS]` may say beside `do = "retry"`."""
