"""Column names in the first line of a delimited file: which cell each field stands in."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from handback.formats.findings import Finding, FindingCode, file_finding
from handback.formats.layout import Cell, Layout, Named, Record

_INVISIBLE: Final = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u2060\u00ad"))


def place_by_names(layout: Layout, names: Sequence[str], line: int) -> tuple[Layout, list[Finding]]:
    """The layout with every named field placed in its cell, and findings where names are amiss.

    Case, blanks around a name, how many stand within it, and invisible characters do not matter.
    """
    numbers: dict[str, list[int]] = {}
    for number, name in enumerate(names, start=1):
        numbers.setdefault(folded(name), []).append(number)
    findings: list[Finding] = []
    records = []
    for record in layout.records:
        if any(isinstance(field.place, Named) for field in record.fields):
            record = _placed(record, numbers, len(names), line, findings)
        records.append(record)
    return replace(layout, records=tuple(records)), findings


def _placed(
    record: Record, numbers: dict[str, list[int]], cells: int, line: int, findings: list[Finding]
) -> Record:
    fields = []
    for field in record.fields:
        place = field.place
        if isinstance(place, Named):
            wanted = {folded(name) for name in (place.column, *place.aliases)}
            found = [number for name in wanted for number in numbers.get(name, ())]
            if len(found) == 1:
                field = replace(field, place=Cell(found[0]))
            else:
                code = FindingCode.COLUMN_REPEATED if found else FindingCode.COLUMN_MISSING
                message = f"{len(found)} columns named {place.column!r}"
                findings.append(file_finding(code, message, line=line, field=field.name))
        fields.append(field)
    return replace(record, fields=tuple(fields), cells=cells)


def folded(name: str) -> str:
    """What a column name is compared by."""
    seen = unicodedata.normalize("NFKC", name).translate(_INVISIBLE)
    return " ".join(seen.split()).casefold()
