"""What the columns of details seem to mean: reference, code, quantity and the rest."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from handback.onboarding.columns import Column

_TITLES: Final = (
    ("partner_ref", re.compile(r"confirm|partner.?(ref|id)|auth|external")),
    ("member_ref", re.compile(r"member|collector|loyalty|customer|account|card|iban|konto")),
    ("answered_on", re.compile(r"date|datum|process|posted|day")),
    ("unit", re.compile(r"currency|unit|devise|waehrung|währung")),
    ("quantity", re.compile(r"amount|point|mile|quantity|qty|value|betrag|montant|valor")),
    ("code", re.compile(r"code|status|result|outcome|reason|response|state")),
    (
        "reference",
        re.compile(r"ref|trace|transaction|order|request|end.?to.?end|instr|\bid\b|\bnr\b"),
    ),
)
_LEAST_REFERENCE_CHARS: Final = 5


@dataclass(frozen=True, slots=True)
class Role:
    """The name a column gets, and why that is unsure; free names are never unsure."""

    name: str
    unsure: str = ""


def roles_of(
    columns: Sequence[Column], exact: Sequence[int], summed: Collection[int]
) -> list[Role]:
    """A role for each column.

    `summed` are those that a control total adds up, and so numbers; `exact` those of them of which
    it keeps all digits.
    """
    roles: dict[int, Role] = {}
    for number in exact:
        if columns[number].is_number and "quantity" not in _names(roles):
            roles[number] = Role("quantity")
    for name, pattern in reversed(_TITLES):
        _by_title(roles, columns, name, pattern, summed)
    _by_content(roles, columns, summed)
    taken = set(_names(roles))
    return [
        roles.get(number) or Role(free_name(column, taken)) for number, column in enumerate(columns)
    ]


def looks_like(name: str, title: str) -> bool:
    """Whether a title says that a column has this role."""
    return dict(_TITLES)[name].search(words(title)) is not None


def words(title: str) -> str:
    """A title in lower case, `OrgnlEndToEndId` as `orgnl end to end id`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", title).lower()


def _names(roles: dict[int, Role]) -> list[str]:
    return [role.name for role in roles.values()]


def _by_title(
    roles: dict[int, Role],
    columns: Sequence[Column],
    name: str,
    pattern: re.Pattern[str],
    summed: Collection[int],
) -> None:
    for number, column in enumerate(columns):
        if number in roles or name in _names(roles) or not column.title:
            continue
        fits = name == "quantity" or number not in summed
        if fits and pattern.search(words(column.title)) and _may_be(name, column):
            roles[number] = Role(name)


def _may_be(name: str, column: Column) -> bool:
    match name:
        case "quantity":
            return column.is_number
        case "answered_on":
            return column.type == "date"
        case "reference":
            return column.distinct == len(column.filled) > 0
    return True


def _by_content(roles: dict[int, Role], columns: Sequence[Column], summed: Collection[int]) -> None:
    """Give the roles that no title told to the columns that look most like them."""
    free = [number for number in range(len(columns)) if number not in roles]

    def give(name: str, fit: Sequence[int], why: str) -> None:
        if fit and name not in _names(roles):
            roles[fit[0]] = Role(name, why)
            free.remove(fit[0])

    unique = [
        number
        for number in free
        if columns[number].type != "date"
        and number not in summed
        and columns[number].distinct == len(columns[number].values)
        and max(map(len, columns[number].values), default=0) >= _LEAST_REFERENCE_CHARS
    ]
    unique.sort(key=lambda number: -max(map(len, columns[number].values)))
    give("reference", unique, "the longest column in which no value comes twice")
    codes = [number for number in free if columns[number].type == "code"]
    give("code", sorted(codes, key=lambda number: _as_code(columns[number])), "few short values")
    numbers = [number for number in free if columns[number].is_number]
    numbers.sort(key=lambda number: -columns[number].distinct)
    give("quantity", numbers, "the number that varies most")
    days = [number for number in free if columns[number].type == "date"]
    give("answered_on", days, "a day")


def code_among(columns: Sequence[Column]) -> int | None:
    """The column of addenda that looks most like a code, None where none does."""
    codes = [number for number, column in enumerate(columns) if column.type == "code"]
    return min(codes, key=lambda number: _as_code(columns[number]), default=None)


def _as_code(column: Column) -> tuple[bool, bool, int]:
    """How little a column looks like codes: always the same, sometimes blank, of many values."""
    return column.distinct < 2, not all(column.values), column.distinct


def free_name(column: Column, taken: set[str]) -> str:
    """A name of our own, after the title or the place."""
    last = "/".join(column.title.split("/")[-2:])
    shown = re.sub(r"[^a-z0-9]+", "_", words(last)).strip("_")[:40]
    place = re.findall(r"\d+", column.place)
    name = shown if re.match(r"[a-z]", shown) else f"at_{place[0] if place else len(taken)}"
    while name in taken or name in _OURS:
        name += "_"
    taken.add(name)
    return name


_OURS: Final = frozenset(
    {"ordinal", "line", "raw", "redemption_id", "attempt", "batch", "sub_code"}
)
