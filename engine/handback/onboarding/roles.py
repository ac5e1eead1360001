"""What the columns of details seem to mean: reference, code, quantity and the rest."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from handback.onboarding.columns import Column

_TITLES: Final = (
    ("partner_ref", re.compile(r"confirm|partner.?(ref|id)|auth|external")),
    ("member_ref", re.compile(r"member|collector|loyalty|customer|account|card|iban|konto")),
    ("answered_on", re.compile(r"date|datum|process|posted|day")),
    ("unit", re.compile(r"currency|\bccy\b|unit|devise|waehrung")),
    ("quantity", re.compile(r"amount|point|mile|quantity|qty|value|betrag|montant|valor")),
    ("code", re.compile(r"code|status|result|outcome|reason|response|state|\bsts$|\bcd$")),
    (
        "reference",
        re.compile(r"ref|trace|transaction|order|request|end.?to.?end|instr|\bid\b|\bnr\b"),
    ),
)
_LEAST_REFERENCE_CHARS: Final = 5


@dataclass(frozen=True, slots=True)
class Role:
    """The name a column gets, and why that is unsure.

    A free name is unsure where the column may as well be what another was taken for.
    """

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
    for name, _ in reversed(_TITLES):
        _by_title(roles, columns, name, summed)
    rivals = _title_doubts(roles, columns, exact, summed)
    rivals = _by_content(roles, columns, summed) | rivals
    taken = set(_names(roles))
    return [
        roles.get(number)
        or Role(free_name(column, taken), rivals.get(number) or _of_one_record(column))
        for number, column in enumerate(columns)
    ]


def looks_like(name: str, title: str) -> bool:
    """Whether a title says that a column has this role."""
    return dict(_TITLES)[name].search(words(title)) is not None


def words(title: str) -> str:
    """A title in lower case, `OrgnlEndToEndId` as `orgnl end to end id`, without accents."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", plain).lower()


def _names(roles: dict[int, Role]) -> list[str]:
    return [role.name for role in roles.values()]


def _by_title(
    roles: dict[int, Role], columns: Sequence[Column], name: str, summed: Collection[int]
) -> None:
    if name in _names(roles):
        return
    fits = [
        number
        for number in range(len(columns))
        if number not in roles and _fits(name, number, columns, summed)
    ]
    if fits:  # of a tree, what stands in the record itself before what stands deeper
        roles[min(fits, key=lambda number: columns[number].title.count("/"))] = Role(name)


def _fits(name: str, number: int, columns: Sequence[Column], summed: Collection[int]) -> bool:
    """Whether title and values of a column allow a role."""
    column = columns[number]
    free = name == "quantity" or number not in summed
    return free and bool(column.title) and looks_like(name, column.title) and _may_be(name, column)


def _title_doubts(
    roles: dict[int, Role],
    columns: Sequence[Column],
    exact: Collection[int],
    summed: Collection[int],
) -> dict[int, str]:
    """Mark roles that another title fits too; what is unsure about those others, by number."""
    rivals: dict[int, str] = {}
    for name, _ in _TITLES:
        fits = [one for one in range(len(columns)) if _fits(name, one, columns, summed)]
        chosen = [number for number, role in roles.items() if role.name == name]
        others = [number for number in fits if number not in roles]
        if not chosen:
            roles |= {one: Role(roles[one].name, f"or is it the {name}?") for one in fits}
        elif others and chosen[0] not in exact:
            roles[chosen[0]] = Role(name, "not the only one with such a title")
            rivals |= dict.fromkeys(others, f"or is this the {name}?")
    return rivals


def _may_be(name: str, column: Column) -> bool:
    match name:
        case "quantity":
            return column.is_number
        case "answered_on":
            return column.type == "date"
        case "reference":
            known = not column.is_number or _is_long(column)
            return known and column.distinct == len(column.filled) > 0
    return True


def _by_content(
    roles: dict[int, Role], columns: Sequence[Column], summed: Collection[int]
) -> dict[int, str]:
    """Give the roles that no title told to the columns that look most like them.

    What is unsure about those that look like them too, by number.
    """
    free = [number for number in range(len(columns)) if number not in roles]
    rivals: dict[int, str] = {}

    def give(name: str, fit: Sequence[int], why: str) -> None:
        if fit and name not in _names(roles):
            roles[fit[0]] = Role(name, why)
            free.remove(fit[0])
            rivals.update({one: f"or is this the {name}?" for one in fit[1:] if one not in rivals})

    give("reference", *_as_references(free, columns, summed))
    codes = [number for number in free if columns[number].type == "code"]
    give("code", sorted(codes, key=lambda number: _as_code(columns[number])), "few short values")
    numbers = [number for number in free if _is_amount(columns[number])]
    numbers.sort(key=lambda number: (-columns[number].distinct, -_longest(columns[number])))
    give("quantity", numbers, "the number that varies most")
    days = [number for number in free if columns[number].type == "date"]
    give("answered_on", days, "a day")
    return rivals


def _as_references(
    free: Sequence[int], columns: Sequence[Column], summed: Collection[int]
) -> tuple[list[int], str]:
    """The columns that may be the reference, the likeliest first, and why that one."""
    fit = [
        number
        for number in free
        if columns[number].type not in ("date", "decimal")
        and number not in summed
        and _is_long(columns[number])
    ]
    unique = [one for one in fit if columns[one].distinct == len(columns[one].values)]
    if unique:
        unique.sort(key=lambda number: -_longest(columns[number]))
        return unique, "the longest column in which no value comes twice"
    fit = [one for one in fit if columns[one].distinct > 1 and not _means_other(columns[one])]
    fit.sort(key=lambda number: _as_repeated_reference(columns[number]))
    return fit, "no column differs in every record"


def _means_other(column: Column) -> bool:
    return any(looks_like(name, column.title) for name in ("quantity", "answered_on"))


def _as_repeated_reference(column: Column) -> tuple[bool, bool, int]:
    """How little a column looks like references: by its title, a number, values that repeat."""
    return not looks_like("reference", column.title), column.is_number, -column.distinct


def _is_amount(column: Column) -> bool:
    return column.is_number and not looks_like("reference", column.title)


def _is_long(column: Column) -> bool:
    return _longest(column) >= _LEAST_REFERENCE_CHARS


def _longest(column: Column) -> int:
    return max(map(len, column.values), default=0)


def _of_one_record(column: Column) -> str:
    """Why a text stays unsure where one record is all that was seen."""
    single = column.is_text and not column.several and len(column.values) == 1
    return "one record does not tell what this is" if single else ""


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
