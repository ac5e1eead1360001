"""Submissions in a CSV file."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from handback_client.models import Submission

_NEEDED = ("request_key", "partner", "member_ref", "quantity", "unit")
_MAX_QUANTITY = 2**63 - 1
_QUANTITY = re.compile(r"\d{1,30}")
# So many mistakes are listed before the rest is only counted.
_MISTAKES = 20


def check(path: Path, given: Mapping[str, str]) -> int:
    """How many rows the file has. Nothing is sent of a file that has a mistake anywhere."""
    rows, found, listed = 0, 0, []
    for line, row in _rows(path, given):
        rows += 1
        for mistake in _mistakes(row):
            found += 1
            if found <= _MISTAKES:
                listed.append(f"line {line}: {mistake}")
    if found > _MISTAKES:
        listed.append(f"and {found - _MISTAKES} more")
    if listed:
        raise click.ClickException(f"{path}: " + "; ".join(listed))
    return rows


def read(path: Path, given: Mapping[str, str]) -> Iterator[Submission]:
    """The submissions of a file that was checked."""
    for _, row in _rows(path, given):
        yield Submission(
            request_key=row["request_key"],
            partner=row["partner"],
            member_ref=row["member_ref"],
            quantity=int(row["quantity"]),
            unit=row["unit"],
            fields={name: text for name, text in row.items() if name not in _NEEDED and text},
        )


def _rows(path: Path, given: Mapping[str, str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with the line it ends on, what is `given` for all put in."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, restkey="", restval="", strict=True)
        try:
            columns = reader.fieldnames or ()
            missing = [name for name in _NEEDED if name not in columns and not given.get(name)]
            if missing:
                raise click.ClickException(f"{path}: columns are missing: {', '.join(missing)}")
            for row in reader:
                if "" in row:
                    raise click.ClickException(f"{path}: line {reader.line_num}: too many columns")
                yield reader.line_num, row | {name: text for name, text in given.items() if text}
        except UnicodeDecodeError as error:
            raise click.ClickException(f"{path}: expected UTF-8 text: {error}") from error
        except csv.Error as error:
            raise click.ClickException(f"{path}: line {reader.line_num}: {error}") from error


def _mistakes(row: Mapping[str, str]) -> Iterator[str]:
    for name in _NEEDED:
        if not row[name]:
            yield f"{name} is empty"
    quantity = row["quantity"]
    if quantity and not (_QUANTITY.fullmatch(quantity) and 1 <= int(quantity) <= _MAX_QUANTITY):
        yield f"quantity: expected a whole number from 1, not {quantity[:40]!r}"
