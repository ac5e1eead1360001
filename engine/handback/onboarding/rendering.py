"""A drafted layout as TOML, with a comment behind everything a person should look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from handback.formats.layout import Kind
from handback.onboarding.columns import Column, printable, quoted
from handback.onboarding.kinds import Group
from handback.onboarding.roles import Role
from handback.onboarding.totals import Count, Found, Sum

_SHOWN_VALUES: Final = 3
_SHOWN_CHARS: Final = 24
_SHOWN_CODES: Final = 60
_GOOD_CODES: Final = frozenset(
    {"0", "00", "000", "0000", "ok", "a", "accepted", "success", "accp", "acsc", "acsp", "settled"}
)


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """One kind of record: its columns, what each is called, and which are totals, by number."""

    group: Group
    columns: tuple[Column, ...]
    roles: tuple[Role, ...]
    totals: Mapping[int, Found]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is to be written; `detail_names` are the names of the details' columns in order."""

    name: str
    head: tuple[str, ...]
    delimited: bool
    titled: bool
    records: tuple[RecordPlan, ...]
    detail_names: tuple[str, ...]


def render(plan: Plan) -> str:
    """The TOML text."""
    lines = ["# Drafted from samples. Look at every line, above all where it says unsure.", ""]
    lines += _codes(plan)
    lines += ["", f"[formats.{plan.name}]", *plan.head]
    for record in plan.records:
        lines += _record(plan, record)
    return "\n".join(lines) + "\n"


def _codes(plan: Plan) -> Iterator[str]:
    """The code map: every code that was seen, its class for a person to say."""
    yield f"[codes.{plan.name}]"
    carriers = [one for one in plan.records if one.group.kind in (Kind.DETAIL, Kind.ADDENDA)]
    named = [
        column
        for record in carriers
        for role, column in zip(record.roles, record.columns, strict=True)
        if role.name == "code"
    ]
    if not named:
        yield line('"" = "ok"', "no column looks like a code; what does a record mean?")
        return
    for code in sorted(set(named[0].filled))[:_SHOWN_CODES]:
        good = code.lower() in _GOOD_CODES
        shown = f'{quoted(code)} = "{"ok" if good else "ops"}"'
        yield line(shown, "is this the code of success?" if good else "what does it mean?")


def _record(plan: Plan, record: RecordPlan) -> Iterator[str]:
    group = record.group
    yield ""
    yield f"[[formats.{plan.name}.records]]"
    yield line(f'kind = "{group.kind}"', group.unsure)
    if group.path:
        yield f"path = {quoted(group.path)}"
    if group.tag:
        at = group.at if plan.delimited else _span(group.at, len(group.tag))
        yield f"tag = {{ at = {at}, is = {quoted(group.tag)} }}"
    if group.required:
        yield "required = true"
    if plan.delimited and group.rows and not plan.titled:
        yield f"cells = {max(map(len, group.every), default=1)}"
    if group.kind is Kind.IGNORE or not record.columns:
        return
    yield "fields = ["
    for number, (role, column) in enumerate(zip(record.roles, record.columns, strict=True)):
        yield f"  {_field(plan, role, column, record.totals.get(number))}"
    yield "]"


def _field(plan: Plan, role: Role, column: Column, total: Found | None) -> str:
    where = "column" if plan.titled else "at"
    parts = [f'name = "{role.name}"', f"{where} = {column.place}"]
    options: dict[str, str | int] = dict(column.options)
    kind = "code" if role.name == "code" else column.type
    if role.name in _TEXTS and kind not in ("text", "code"):
        kind, options = "text", {}
    if total is not None and kind not in ("integer", "decimal"):
        kind, options = "integer", {}
    if kind != "text":
        parts.append(f'type = "{kind}"')
    parts += [
        f"{key} = {value if isinstance(value, int) else quoted(value)}"
        for key, value in options.items()
    ]
    if role.name in ("reference", "code") and all(column.values):
        parts.append("required = true")
    if column.several:
        parts.append("every = true")
    match total:
        case Count(kinds):
            parts.append(f"count = [{', '.join(quoted(str(one)) for one in kinds)}]")
        case Sum(number, digits):
            parts.append(f'sum = "{plan.detail_names[number]}"')
            parts += [f"digits = {digits}"] if digits else []
    # A total that holds is a number beyond doubt.
    by_type = column.unsure if kind == column.type and total is None else ""
    doubts = "; ".join(filter(None, (role.unsure, by_type)))
    return line(f"{{ {', '.join(parts)} }},", doubts, _shown(column))


_TEXTS: Final = frozenset({"reference", "code", "unit", "member_ref", "partner_ref"})


def _shown(column: Column) -> str:
    """A few values, so that a person knows which column this is."""
    values = list(dict.fromkeys(column.filled))[:_SHOWN_VALUES]
    return ", ".join(_printable(value)[:_SHOWN_CHARS] for value in values)


def _printable(value: str) -> str:
    return "".join(mark if mark.isprintable() else "?" for mark in value)


def _span(first: int, width: int) -> str:
    return f"[{first}, {first + width - 1}]"


def line(text: str, doubt: str, shown: str = "") -> str:
    """A line with its comment: what is unsure about it, and a few of the values it stands for."""
    remarks = [f"unsure: {doubt}"] if doubt else []
    if shown:
        remarks.append(f"such as {shown}")
    return f"{text}  # {printable('; '.join(remarks))}" if remarks else text
