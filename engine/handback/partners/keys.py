"""The keys of an agreement, declared once: reading, defaults and the reference go by these tables.

The layouts below `[formats]` are a language of their own, see `handback.formats`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from handback.formats.document import Section
from handback.ids import MAX_ATTEMPT
from handback.partners.codes import BY_TEXT, ReasonClass
from handback.partners.policy import CHOICES, Action, Reference, RetryPolicy, default_policy
from handback.partners.value_types import (
    COUNTRY,
    DAY,
    DAYS,
    EXPECTED,
    FILE_NAME,
    FLAG,
    FOLDER,
    GLOB,
    OWNER,
    RULES,
    SUFFIX,
    TEXT,
    TIMES,
    WORD,
    ZONE,
    Type,
    choice,
    integer,
    list_of,
    pattern,
)
from handback.partners.vocabulary import (
    AnswerStyle,
    Case,
    Completeness,
    Compression,
    Drop,
    DuplicateSequence,
    EmptyFile,
    Fee,
    Need,
    Partial,
    RowTrouble,
    StepBack,
    Zeros,
)


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


TOP: Final = (
    Key("programme", OWNER, "The programme that owns the redemptions."),
    Key("partner", OWNER, "The partner, by a name unique in the programme."),
    Key(
        "time_zone",
        ZONE,
        "The partner's clock on the wall: its days, its deadlines, the dates we print.",
    ),
    Key(
        "units",
        list_of(WORD, "a list of lower-case names"),
        "What may be redeemed, each unit in files of its own.",
    ),
)

FIELD_NAME: Final = WORD
FIELD_NEED: Final = choice([*Need])

ANSWERS: Final = (
    Key(
        "style",
        choice([*AnswerStyle]),
        "What the partner answers. `full`: every request, silence leaves it open; "
        "`exceptions_only`: silence confirms it once the window is over; "
        "`successes_only`: silence rejects it then.",
        default=AnswerStyle.FULL,
    ),
    Key(
        "window_days",
        integer(1, 90),
        "Business days the partner has to answer, after the day of delivery.",
        default=5,
    ),
    Key(
        "expect",
        EXPECTED,
        "When a hand-back file has to have come, whatever was sent: by the end of each day, of "
        "each business day, or by these times.",
        derived="nothing is expected",
    ),
    Key(
        "every_day",
        FLAG,
        "Whether the times of `expect` hold on days of rest too.",
        derived="`false`",
    ),
    Key("grace_s", integer(0, 604_800), "Seconds by which an expected file may be late.", 3600),
    Key(
        "silence_class",
        choice([ReasonClass.OPS, ReasonClass.TEMPORARY, ReasonClass.LATER, ReasonClass.DEAD]),
        "Where silence rejects: the class of that rejection, whose policy says what follows.",
        derived="`ops` where `style` is `successes_only`",
    ),
    Key(
        "return_days",
        integer(1, 3650),
        "For so many days of 24 hours after a confirmation a return is taken as it comes; "
        "a later one moves nothing and waits for a person.",
        derived="for ever",
    ),
)

QUANTITY: Final = (
    Key(
        "partial",
        choice([*Partial]),
        "What follows where the partner credits a part. `review`: nothing moves, a person decides; "
        "`release`: the remainder goes back to the member; `resubmit`: it goes out again as a "
        "redemption of its own, linked to the first.",
        default=Partial.REVIEW,
    ),
    Key(
        "fee",
        choice([*Fee]),
        "What a `fee` is that the record names beside its quantity. `credited`: a part of what the "
        "record is about, which the partner took off; `short`: nothing of it, as if the record "
        "named none.",
        default=Fee.CREDITED,
    ),
)
TOLERANCE: Final = integer(1, 1_000_000_000)

# Business days to close a break, by its severity.
BREAK_DAYS: Final[Mapping[str, int]] = MappingProxyType(
    {"critical": 1, "high": 2, "normal": 5, "low": 10}
)
BREAKS: Final = tuple(
    Key(
        f"{severity}_days",
        integer(1, 365),
        f"Business days of the partner in which a break of severity `{severity}` is due.",
        days,
    )
    for severity, days in BREAK_DAYS.items()
)

CALENDAR: Final = (
    Key(
        "country",
        COUNTRY,
        "The country whose weekends and public holidays the partner keeps.",
        derived="none; Monday to Friday are business days",
    ),
    Key(
        "subdivision",
        TEXT,
        "The part of that country, where it has holidays of its own; ISO 3166-2, such as `ENG`.",
        derived="none; the holidays of the whole country",
    ),
    Key("closed", DAYS, "Days on which the partner rests besides.", derived="none"),
)

# Above what a submit may ask for there is nothing to limit.
MAX_QUANTITY: Final = 10**15
_NO_LIMIT: Final = {"derived": "no limit"}
PAYOUT: Final = (
    Key("format", TEXT, "The layout of the payout file: one of `[formats]`, or built in."),
    Key("folder", FOLDER, "Where payout files are delivered."),
    Key(
        "file_name",
        FILE_NAME,
        "The name of a payout file. `{sequence:06}` is the partner's running number, "
        "`{date:%Y%m%d}` the partner's date, `{ordinal_of_day:02}` the number of the file on that "
        "day, `{unit}` the unit; the field of `split_by` stands for what all in the file have.",
    ),
    Key("interval_s", integer(1, 604_800), "Seconds between two gatherings of what is due.", 3600),
    Key(
        "cut_offs",
        TIMES,
        "The partner's times of day by which something has to be due to be gathered then, on its "
        "business days; in place of `interval_s`.",
        derived="none; `interval_s` counts",
    ),
    Key("every_day", FLAG, "Whether `cut_offs` hold on days of rest too.", derived="`false`"),
    Key("max_records", integer(1, 1_000_000), "The most records of one file.", 100_000),
    Key("max_quantity", integer(1, MAX_QUANTITY), "The most quantity of one file.", **_NO_LIMIT),
    Key("day_records", integer(1, 10**9), "The most records of a day.", **_NO_LIMIT),
    Key(
        "day_quantity",
        integer(1, MAX_QUANTITY),
        "The most quantity of a day, in each unit.",
        **_NO_LIMIT,
    ),
    Key("files_per_day", integer(1, 1_000), "The most files of a day.", **_NO_LIMIT),
    Key(
        "split_by",
        WORD,
        "A required field: redemptions that differ in it go out in different files.",
        derived="none; only units are kept apart",
    ),
)

REFERENCE: Final = (
    Key(
        "template",
        TEXT,
        "The reference printed for each attempt: `{key}` its key, `{batch}` and `{ordinal}` "
        "its place, `{attempt}` its number, `{date:…}` the day, or a required field by name.",
        default="{key:018}",
    ),
    Key(
        "batch",
        TEXT,
        "What a batch as a whole is called, such as `HB{batch:08}`: `{batch}` its number, "
        "`{date:…}` the day.",
        derived="its number",
    ),
)

HANDBACK: Final = (
    Key("format", TEXT, "The layout of the hand-back file: one of `[formats]`, or built in."),
    Key("folder", FOLDER, "Where hand-back files are picked up."),
    Key("file_name", GLOB, "Which names are hand-back files.", "*"),
    Key(
        "complete",
        choice([*Completeness]),
        "What shows that a file is whole. `rename`: its name is visible; `marker`: a second "
        "file stands beside it; `trailer`: its control record is there.",
        default=Completeness.RENAME,
    ),
    Key(
        "marker_suffix",
        SUFFIX,
        "What the marker's name has behind that of the file.",
        derived="`.done` where `complete` is `marker`",
    ),
    Key(
        "envelope",
        list_of(choice([*Compression]), f"a list of {choice([*Compression]).words}"),
        "What a file may be compressed in; it is told by its first bytes, up to two layers deep.",
        derived="nothing; a file is read as it comes",
    ),
    Key(
        "empty",
        choice([*EmptyFile]),
        "What a file of no bytes is. `refuse`: nothing; `heartbeat`: a sign of life, as a file "
        "without records is then.",
        default=EmptyFile.REFUSE,
    ),
    Key(
        "row_trouble",
        choice([*RowTrouble]),
        "What a record that cannot be read does. `quarantine`: the whole file waits; "
        "`reject`: the record alone is left out and reported.",
        default=RowTrouble.QUARANTINE,
    ),
    Key(
        "duplicate_sequence",
        choice([*DuplicateSequence]),
        "What becomes of a file whose sequence or message id another one had. `quarantine`: it "
        "waits; `accept`: its records are taken as they come.",
        default=DuplicateSequence.QUARANTINE,
    ),
    Key(
        "step_back",
        choice([*StepBack]),
        "What becomes of a file whose sequence is lower than one that came before it. "
        "`quarantine`: it waits; `accept`: its records are taken as they come.",
        default=StepBack.QUARANTINE,
    ),
    Key(
        "retention_days",
        integer(1, 36_500),
        "Days for which the bytes of a file are kept after it came; its record stays.",
        derived="for ever",
    ),
    Key(
        "match",
        RULES,
        "How a record finds its attempt: rules in order, each trying what those before it left.",
        derived="what the reference carries: `reference_key`, else `batch` and `ordinal`, "
        "else `reference`",
    ),
    Key(
        "match_days",
        integer(0, 366),
        "How long after its batch was made an attempt is found by a rule that names `window`.",
        derived="`30` where a rule names `window`",
    ),
)

NORMALISE: Final = (
    Key(
        "drop",
        choice([*Drop]),
        "What is left out. `blanks`: white space; `symbols`: all but letters and digits.",
        default=Drop.NOTHING,
    ),
    Key(
        "case",
        choice([*Case]),
        "`ignore`: capital and small letters are the same.",
        default=Case.KEEP,
    ),
    Key(
        "prefixes",
        list_of(TEXT, "a list of texts"),
        "What is taken off the front where it stands there: one of these, the longest that does.",
        derived="none",
    ),
    Key(
        "zeros",
        choice([*Zeros]),
        "`drop`: zeros at the front, behind a prefix, are taken off.",
        default=Zeros.KEEP,
    ),
    Key("first", integer(1, 140), "Only so many characters count, the first.", derived="all"),
    Key("last", integer(1, 140), "Only so many characters count, the last.", derived="all"),
)

CODE: Final = pattern("a code without blanks around it, or code/sub", r"(?:\S(?:.*\S)?)?")
CLASS: Final = choice(list(BY_TEXT.values()))
DATED_CLASS: Final = (
    Key("class", CLASS, "What the code means."),
    Key(
        "from",
        DAY,
        "The first day on which it means that, by the day a file came in the partner's zone.",
        derived="from the beginning",
    ),
)
FORMAT_NAME: Final = WORD


def policy_keys(reason_class: ReasonClass) -> tuple[Key, ...]:
    """The keys of `[policy.CLASS]`; `do` offers what that class allows."""
    choices = CHOICES[reason_class]
    defaults = default_policy(reason_class)
    return (
        Key("do", choice(choices), "What follows a rejection of this class.", str(defaults.do)),
        *RETRY,
    )


def sparse_policy(reason_class: ReasonClass) -> tuple[Key, ...]:
    """The same keys, None where the table does not have them."""
    return tuple(
        replace(key, default=None, derived=key.derived or "none")
        for key in policy_keys(reason_class)
    )


_DEFAULTS: Final = RetryPolicy(Action.RETRY)
RETRY: Final = (
    Key("cap", integer(2, MAX_ATTEMPT), "At most so many attempts in all.", _DEFAULTS.cap),
    Key(
        "spacing_s",
        integer(0, 7_776_000),
        "Seconds from the rejection to the next attempt.",
        _DEFAULTS.spacing_s,
    ),
    Key(
        "latest_days",
        integer(1, 3650),
        "No attempt is due later than so many days of 24 hours after the first was delivered.",
        _DEFAULTS.latest_days,
    ),
    Key(
        "then",
        choice([Action.REVIEW, Action.FAIL]),
        "What follows once neither cap nor latest day allows another attempt.",
        str(_DEFAULTS.then),
    ),
    Key(
        "reference",
        choice([*Reference]),
        "Whether the next attempt goes out under a reference of its own.",
        derived="`same` where the template consists of fields alone, else `new`",
    ),
    Key(
        "changed",
        list_of(TEXT, "a list of `member_ref` and names of `[fields]`", empty=True),
        "At least one of these has to be given anew before a person sends it again.",
        derived="all of them for `fix_member`, else none",
    ),
)
"""What `[policy.CLASS]` may say beside `do`, as far as `BESIDE` allows it."""

_RETRIED: Final = (Action.RETRY,)
BESIDE: Final = {
    "cap": _RETRIED,
    "spacing_s": _RETRIED,
    "latest_days": _RETRIED,
    "then": _RETRIED,
    "reference": (Action.RETRY, Action.REVIEW),
    "changed": (Action.REVIEW,),
}
"""Beside which `do` each key has a meaning."""
