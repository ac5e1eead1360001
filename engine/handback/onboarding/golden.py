"""A built-in format against its golden files: each decodes to what stands beside it.

Beside the golden file `good.txt` lies `good.txt.expected.json`: an object with `records`, the
columns of each detail that are not null, and `findings`, of each its code, ordinal, line, field and
severity.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, BinaryIO, Final

from handback.formats.builtin import builtin, golden
from handback.formats.decode import decode
from handback.formats.findings import Severity
from handback.formats.layout import Layout

EXPECTED_SUFFIX: Final = ".expected.json"
ARRIVED_ON: Final = date(2026, 3, 3)
"""The day on which golden files count as arrived: the year of days that do not name theirs."""

# The record as received is in the golden file; the keys are the business of an agreement.
_LEFT_OUT: Final = ("raw", "redemption_id", "attempt")


@dataclass(frozen=True, slots=True)
class GoldenResult:
    """What one golden file gave: `differences` is empty where it is as expected."""

    file_name: str
    record_count: int
    differences: tuple[str, ...]


def check_golden(name: str) -> list[GoldenResult]:
    """Decode every golden file of a built-in format. Raises NotFound."""
    layout, folder = builtin(name).layout, golden(name)
    results = []
    for path in sorted(folder.iterdir(), key=lambda one: one.name):
        if path.name.endswith(EXPECTED_SUFFIX):
            continue
        found = decoded(layout, io.BytesIO(path.read_bytes()))
        beside = folder / f"{path.name}{EXPECTED_SUFFIX}"
        differences: tuple[str, ...] = (f"{beside.name} is missing",)
        if beside.is_file():
            expected = json.loads(beside.read_text(encoding="utf-8"))
            differences = tuple(_differences(expected, found))
        results.append(GoldenResult(path.name, len(found["records"]), differences))
    return results


def decoded(layout: Layout, content: BinaryIO) -> dict[str, list[dict[str, Any]]]:
    """The records and findings of a file, as its expected result writes them."""
    records: list[dict[str, Any]] = []
    findings: list[dict[str, Any]] = []
    for chunk in decode(layout, None, content, arrived_on=ARRIVED_ON):
        for row in chunk.details.iter_rows(named=True):
            said = {key: value for key, value in row.items() if value is not None}
            records.append({key: _plain(said[key]) for key in said if key not in _LEFT_OUT})
        for row in chunk.findings.iter_rows(named=True):
            place = {key: row[key] for key in ("code", "ordinal", "line", "field")}
            findings.append(place | {"severity": Severity(row["severity"]).name.lower()})
    return {"records": records, "findings": findings}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | list) else str(value)


def _differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("records", "findings"):
        wanted, had = expected.get(kind, []), found[kind]
        if len(wanted) != len(had):
            yield f"{len(had)} {kind}, expected {len(wanted)}"
        for number, (one, other) in enumerate(zip(wanted, had, strict=False), 1):
            if one != other:
                yield f"{kind} {number}: {_shown(other)}, expected {_shown(one)}"


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
