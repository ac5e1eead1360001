"""A layout drafted from sample files: what can be told from them, and what only people know.

The draft is TOML to be completed. What is unsure is marked so in its comments; the samples are
decoded under it at once, and what came of that is told beside it.
"""

from __future__ import annotations

import io
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from handback.errors import InvalidAgreement, InvalidRequest, Violation
from handback.formats.compiling import compile_layout
from handback.formats.decode import decode
from handback.formats.layout import Kind, Layout
from handback.onboarding.boundaries import fields_of
from handback.onboarding.columns import Column, column_of, quoted
from handback.onboarding.framing import Shape, shape_of
from handback.onboarding.kinds import Group, Row, groups_of
from handback.onboarding.rendering import Plan, RecordPlan, render
from handback.onboarding.roles import Role, code_among, roles_of
from handback.onboarding.sample import Sample, Text, encoding_of, read
from handback.onboarding.totals import Found, Sum, targets_of, total_of, within

__all__ = ["Draft", "Sample", "draft"]

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_DETAIL_KINDS: Final = (Kind.DETAIL, Kind.ADDENDA)
_CONTROLS: Final = (Kind.BATCH_CONTROL, Kind.CONTROL)


@dataclass(frozen=True, slots=True)
class Draft:
    """The TOML text, a remark for each sample, and how many things are marked as unsure."""

    source: str
    remarks: tuple[str, ...]
    unsure_count: int


def draft(samples: Sequence[Sample], name: str) -> Draft:
    """Propose a layout for files of one kind. Raises InvalidRequest for a name or samples unfit."""
    if not _NAME.fullmatch(name):
        told = "expected lower-case letters, digits and underscores"
        raise InvalidRequest([Violation("name", told)])
    encoding, doubt = encoding_of(samples)
    texts = [read(sample, encoding) for sample in samples]
    if not samples or not all(text.lines for text in texts):
        raise InvalidRequest([Violation("samples", "expected files with lines of text")])
    plan = _plan(name, encoding, doubt, texts)
    source = render(plan)
    return Draft(source, tuple(_remarks(source, name, samples)), source.count("unsure:"))


def _plan(name: str, encoding: str, doubt: str, texts: Sequence[Text]) -> Plan:
    shape = shape_of(texts)
    files = [[shape.cut(line) for line in text.lines] for text in texts]
    groups = groups_of(files, shape)
    titles: Row = ()
    if len(groups) == 1 and shape.delimiter:
        titles = _titles(files)
        if titles:
            groups[0].rows = [rows[1:] for rows in files]
    columns = [_columns(group, shape, titles) for group in groups]
    detail = next(at for at, group in enumerate(groups) if group.kind is Kind.DETAIL)
    if not shape.delimiter:
        targets = targets_of(groups, columns[detail], len(texts))
        columns = [
            _split(group, mine, targets) if group.kind in _CONTROLS else mine
            for group, mine in zip(groups, columns, strict=True)
        ]
    totals = [
        _totals(group, groups, mine, columns[detail], all(text.whole for text in texts))
        for group, mine in zip(groups, columns, strict=True)
    ]
    summed = {
        total.column for found in totals for total in found.values() if isinstance(total, Sum)
    }
    columns[detail] = [
        _as_number(column) if number in summed else column
        for number, column in enumerate(columns[detail])
    ]
    exact = [
        total.column
        for found in totals
        for total in found.values()
        if isinstance(total, Sum) and not total.digits
    ]
    records = []
    detail_roles = roles_of(columns[detail], exact)
    named = tuple(role.name for role in detail_roles)
    for group, mine, found in zip(groups, columns, totals, strict=True):
        roles = detail_roles
        if group.kind is not Kind.DETAIL:
            wants_code = group.kind is Kind.ADDENDA and "code" not in named
            roles = _other_roles(group, mine, found, code_among(mine) if wants_code else None)
        records.append(RecordPlan(group, tuple(mine), tuple(roles), found))
    return Plan(name, encoding, doubt, shape, bool(titles), tuple(records), named)


def _titles(files: Sequence[Sequence[Row]]) -> Row:
    """The names of the columns, where every file begins with the same line of them."""
    first = files[0][0]
    words = all(cell.strip() and re.search(r"[^\W\d]", cell) for cell in first)
    distinct = len({cell.strip().lower() for cell in first}) == len(first)
    begins = all(rows[0] == first and len(rows) > 1 for rows in files)
    again = any(set(first) & set(row) for rows in files for row in rows[1:])
    return first if words and distinct and begins and not again else ()


def _columns(group: Group, shape: Shape, titles: Row) -> list[Column]:
    rows = group.every
    if not rows:
        return []
    if shape.delimiter:
        most = max(map(len, rows))
        skipped = 1 if group.tag else 0
        cells = [[row[at] if at < len(row) else "" for row in rows] for at in range(most)]
        if titles:
            return [
                column_of(quoted(title.strip()), values, title.strip())
                for title, values in zip(titles, cells, strict=False)
            ]
        return [column_of(str(at + 1), values) for at, values in enumerate(cells) if at >= skipped]
    lines = [row[0] for row in rows]
    behind = group.at + len(group.tag) if group.at == 1 else 1
    return [
        column_of(f"[{first}, {last}]", [line[first - 1 : last] for line in lines])
        for first, last in fields_of(lines, behind)
        if not (group.at > 1 and first <= group.at <= last and first == last)
    ]


def _split(
    group: Group, columns: Sequence[Column], targets: Sequence[Sequence[int]]
) -> list[Column]:
    """The columns of a header or control, with runs of digits cut where totals stand in them."""
    found: list[Column] = []
    for column in columns:
        first, last = map(int, re.findall(r"\d+", column.place))
        lines = [row[0] for row in group.every]
        runs = [line[first - 1 : last] for line in lines]
        single = all(len(rows) == 1 for rows in group.rows)
        digits = all(run.strip().isdecimal() and len(run) == len(run.strip()) for run in runs)
        windows = within(first, runs, targets) if single and digits and len(runs[0]) > 1 else []
        edges = sorted({first, last + 1, *(one for a, b in windows for one in (a, b + 1))})
        for begin, end in pairwise(edges):
            values = [line[begin - 1 : end - 1] for line in lines]
            found.append(column_of(f"[{begin}, {end - 1}]", values))
    return found


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
    """A column of digits that a total adds up is a number, whatever it looked like."""
    return column if column.is_number else replace(column, type="integer", options={}, unsure="")


def _other_roles(
    group: Group, columns: Sequence[Column], totals: dict[int, Found], code: int | None
) -> list[Role]:
    """Names in headers, controls and addenda."""
    taken: set[str] = set()
    roles = []
    for number, column in enumerate(columns):
        role = Role(f"at_{''.join(re.findall(r'[0-9]+', column.place)[:1])}")
        if number == code:
            role = Role("code", "few short values")
        elif number in totals:
            total = totals[number]
            role = Role("total" if isinstance(total, Sum) else "record_count")
        elif column.type == "date" and group.kind is Kind.HEADER:
            role = Role("created_on")
        elif column.type == "integer" and group.kind is Kind.HEADER and _rises(column):
            role = Role("sequence", "it rises from sample to sample")
        if role.name in taken:
            role = Role(f"{role.name}_{number}")
        taken.add(role.name)
        roles.append(role)
    return roles


def _rises(column: Column) -> bool:
    numbers = [int(value) for value in column.values if value.isdecimal()]
    return len(numbers) > 1 and sorted(set(numbers)) == numbers


def _remarks(source: str, name: str, samples: Sequence[Sample]) -> list[str]:
    """What each sample gives under the draft."""
    try:
        layout = compile_layout(name, tomllib.loads(source)["formats"][name])
    except InvalidAgreement as refusal:
        return [f"the draft has to be mended first: {refusal}"]
    return [f"{sample.name}: {_result(layout, sample)}" for sample in samples]


def _result(layout: Layout, sample: Sample) -> str:
    decoded = decode(layout, None, io.BytesIO(sample.content))
    codes: dict[str, int] = {}
    for chunk in decoded:
        for code, count in chunk.findings["code"].value_counts().iter_rows():
            codes[code] = codes.get(code, 0) + count
    facts = decoded.facts
    told = ", ".join(f"{count} {code}" for code, count in codes.items()) or "no findings"
    return f"{facts.records} records, {facts.rejected} of them rejected, {told}"
