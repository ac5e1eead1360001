"""From the records and columns of samples to a plan: totals, roles and names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from handback.formats.layout import Kind
from handback.onboarding.columns import Column
from handback.onboarding.kinds import Group
from handback.onboarding.rendering import Plan, RecordPlan
from handback.onboarding.roles import Role, code_among, free_name, roles_of, words
from handback.onboarding.totals import LEAST_TOLD, Found, Sum, total_of

_MESSAGE_ID: Final = re.compile(r"^(msg|message|file) ?id$|\b(msg|message) id$")
_DETAIL_KINDS: Final = (Kind.DETAIL, Kind.ADDENDA)
# Of which nothing but totals is ever counted with.
_UNREAD_KINDS: Final = (Kind.BATCH_HEADER, Kind.BATCH_CONTROL, Kind.CONTROL)


@dataclass(frozen=True, slots=True)
class Parts:
    """What samples are made of: the head of their layout, their records, the columns of each.

    `delimited` and `titled` say how places are written; `whole` that no record was left out.
    """

    head: tuple[str, ...]
    groups: Sequence[Group]
    columns: Sequence[list[Column]]
    delimited: bool
    titled: bool
    whole: bool


def plan_of(name: str, parts: Parts) -> Plan:
    """What to write: every column with its name, type and total."""
    groups, columns = parts.groups, list(parts.columns)
    detail = next(at for at, group in enumerate(groups) if group.kind is Kind.DETAIL)
    totals = [
        _totals(group, groups, mine, columns[detail], parts.whole)
        for group, mine in zip(groups, columns, strict=True)
    ]
    sums = [total for found in totals for total in found.values() if isinstance(total, Sum)]
    summed = {total.column for total in sums}
    columns[detail] = [
        _as_number(column) if number in summed else column
        for number, column in enumerate(columns[detail])
    ]
    exact = [total.column for total in sums if not total.digits]
    detail_roles = roles_of(columns[detail], exact, summed)
    named = tuple(role.name for role in detail_roles)
    records = []
    for group, mine, found in zip(groups, columns, totals, strict=True):
        roles = detail_roles
        if group.kind is not Kind.DETAIL:
            if group.kind in _UNREAD_KINDS:
                mine = [one if at in found else _as_digits(one) for at, one in enumerate(mine)]
            roles = _other_roles(group, mine, found)
            if group.kind is Kind.ADDENDA:
                roles = _with_code(roles, mine, detail_roles)
        records.append(RecordPlan(group, tuple(mine), tuple(roles), found))
    return Plan(name, parts.head, parts.delimited, parts.titled, tuple(records), named)


def _totals(
    group: Group,
    groups: Sequence[Group],
    columns: Sequence[Column],
    details: Sequence[Column],
    whole: bool,
) -> dict[int, Found]:
    if group.kind in (*_DETAIL_KINDS, Kind.IGNORE) or not whole:
        return {}
    found = {
        number: total_of(column, group, groups, details) for number, column in enumerate(columns)
    }
    return {number: total for number, total in found.items() if total is not None}


def _as_number(column: Column) -> Column:
    """A column of digits that a total adds up is a number beyond doubt, whatever it looked like."""
    if column.is_number:
        return replace(column, unsure="")
    return replace(column, type="integer", options={}, unsure="")


def _as_digits(column: Column) -> Column:
    """A column that may be a number or digits as text is text, which loses no zero in front."""
    unsure = column.type == "integer" and column.unsure
    return replace(column, type="text", unsure="") if unsure else column


def _other_roles(group: Group, columns: Sequence[Column], totals: dict[int, Found]) -> list[Role]:
    """Names in headers, controls and addenda."""
    taken: set[str] = set()
    roles = []
    for number, column in enumerate(columns):
        role = Role(free_name(column, taken))
        if number in totals:
            total = totals[number]
            name = "total" if isinstance(total, Sum) else "record_count"
            role = Role(name, _by_chance(column))
        elif _MESSAGE_ID.search(words(column.title)) and "message_id" not in taken:
            role = Role("message_id", "does it name the file?")
        elif column.type == "date" and group.kind is Kind.HEADER and "created_on" not in taken:
            role = Role("created_on")
        elif group.kind is Kind.HEADER and "sequence" not in taken and _as_sequence(column):
            role = Role("sequence", _as_sequence(column))
        if number in totals and role.name in taken:
            role = Role(f"{role.name}_{number}")
        taken.add(role.name)
        roles.append(role)
    return roles


def _by_chance(column: Column) -> str:
    """Why a number may be no total although it agrees; empty where it can hardly be chance."""
    said = {column.number(value) for value in column.values}
    small = len(said) == 1 and max(map(abs, said)) < LEAST_TOLD
    return "so small a number may stand there by chance" if small else ""


def _with_code(
    roles: Sequence[Role], columns: Sequence[Column], details: Sequence[Role]
) -> list[Role]:
    """The roles of addenda, the code among them unless the details have one beyond doubt."""
    found = [role for role in details if role.name == "code"]
    code = None if found and not found[0].unsure else code_among(columns)
    role = None if code is None else Role("code", "few short values")
    if code is not None and found:
        role = Role(roles[code].name, "or is this the code?")
    return [
        role if number == code and role is not None else one for number, one in enumerate(roles)
    ]


def _as_sequence(column: Column) -> str:
    """Why a number of headers may be the running number of the files; empty where it is none."""
    if column.type != "integer":
        return ""
    numbers = [int(value) for value in column.values if value.isdecimal()]
    if len(numbers) == 1:
        return "the running number of the files?"
    return "it rises from sample to sample" if sorted(set(numbers)) == numbers else ""
