"""Samples made of lines: their framing, the kinds of their records, and their columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from handback.errors import InvalidRequest, Violation
from handback.formats.layout import Kind
from handback.onboarding.boundaries import fields_of
from handback.onboarding.columns import Column, column_of, quoted
from handback.onboarding.framing import Shape, shape_of
from handback.onboarding.kinds import Group, Row, groups_of
from handback.onboarding.planning import Parts
from handback.onboarding.rendering import line
from handback.onboarding.sample import Sample, encoding_of, read
from handback.onboarding.totals import targets_of, within

_CONTROLS: Final = (Kind.BATCH_CONTROL, Kind.CONTROL)


def parts_of(samples: Sequence[Sample]) -> Parts:
    """What the samples are made of. Raises InvalidRequest for one without a line."""
    encoding, doubt = encoding_of(samples)
    texts = [read(sample, encoding) for sample in samples]
    if not texts or not all(text.lines for text in texts):
        raise InvalidRequest([Violation("samples", "expected files with lines of text")])
    shape = shape_of(texts)
    files = [[shape.cut(line) for line in text.lines] for text in texts]
    groups = groups_of(files, shape)
    titles: Row = ()
    if len(groups) == 1 and shape.delimiter:
        titles = _titles(files)
        if titles:
            groups[0].rows = [rows[1:] for rows in files]
    columns = [_columns(group, shape, titles) for group in groups]
    if not shape.delimiter:
        columns = _split_totals(groups, columns, len(texts))
    whole = all(text.whole for text in texts)
    head = tuple(_head(shape, encoding, doubt, bool(titles)))
    return Parts(head, groups, columns, bool(shape.delimiter), bool(titles), whole)


def _head(shape: Shape, encoding: str, doubt: str, titled: bool) -> list[str]:
    head = []
    if shape.delimiter:
        head.append(line('framing = "delimited"', shape.unsure))
        head.append(f"delimiter = {quoted(shape.delimiter)}")
    else:
        head.append(line('framing = "fixed"', shape.unsure))
        head.append(f"width = {shape.width}")
    if encoding != "utf-8" or doubt:
        head.append(line(f'encoding = "{encoding}"', doubt))
    return [*head, "header = true"] if titled else head


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


def _split_totals(
    groups: Sequence[Group], columns: Sequence[list[Column]], samples: int
) -> list[list[Column]]:
    """The columns, those of controls cut where totals stand in runs of digits."""
    detail = next(at for at, group in enumerate(groups) if group.kind is Kind.DETAIL)
    targets = targets_of(groups, columns[detail], samples)
    return [
        _split(group, mine, targets) if group.kind in _CONTROLS else mine
        for group, mine in zip(groups, columns, strict=True)
    ]


def _split(
    group: Group, columns: Sequence[Column], targets: Sequence[Sequence[int]]
) -> list[Column]:
    """The columns of a control, with runs of digits cut where totals stand in them."""
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
