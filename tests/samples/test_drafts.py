"""How far a drafted layout carries: samples of public projects, drafted and completed by a person.

A completion is what the person changes of a drafted field, by its name. With those, the draft
decodes the sample to the records that the layout we use gives. Only what the draft marks as unsure
may be changed, and it may not mark everything.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from formats.partner_layouts import read
from handback.formats.compiling import compile_layout
from handback.onboarding.draft import Sample, draft
from samples.test_verdicts import SAMPLES, terms

Completions = Mapping[str, Mapping[str, Any]]
COMPARED = ("line", "reference", "code", "quantity")

PAGE = Path(__file__).parents[2] / "docs" / "onboarding.md"
MOST_MARKED = 0.45

_TEXT = {"type": "text"}
COMPLETIONS: Mapping[str, Completions] = {
    "nacha/return-WEB.ach": {
        "at_7": _TEXT | {"name": "reference"},
        "at_4": _TEXT | {"name": "code"},
    },
    "csv-edge/csv_european_decimals.csv": {},
    "csv-edge/csv_french_headers.csv": {"credit": {"name": "quantity"}},
    "csv-edge/csv_garbled_amount.csv": {},
    "au-nab/bpay_batch_test_file_results.bpb": {
        "at_60": _TEXT | {"name": "reference"},
        "code": {"at": [140, 143]},
    },
    "au-nab/received_payments.ack": {
        "original_filename": _TEXT | {"name": "reference"},
        "user_message": _TEXT | {"name": "code"},
    },
    "ebcdic/test13a.txt": {},
    "ebcdic/test19.txt": {"ws_amount_fraction": {"name": "quantity"}},
    "pain002/pain_002_transaction_rejected.xml": {"rsn_cd": {"name": "sub_code"}},
}


@dataclass(frozen=True, slots=True)
class DraftedField:
    """One field: its line in the draft, its table there, and that of the completed layout."""

    line: str
    drafted: Mapping[str, Any]
    completed: Mapping[str, Any]

    @property
    def marked(self) -> bool:
        return "},  # unsure: " in self.line

    @property
    def changed(self) -> bool:
        # A total follows the name of what it adds up.
        return {**self.drafted, "sum": ""} != {**self.completed, "sum": ""}


def drafted_fields(entry: str) -> list[DraftedField]:
    """Every field of one sample's draft, beside what a person makes of it."""
    source = draft([Sample(entry, (SAMPLES / entry).read_bytes())], "drafted").source
    lines = [line for line in source.splitlines() if line.startswith("  { name = ")]
    before = _fields(tomllib.loads(source)["formats"]["drafted"])
    after = _fields(completed(source, COMPLETIONS[entry]))
    return [DraftedField(*one) for one in zip(lines, before, after, strict=True)]


def _fields(table: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for record in table["records"]:
        yield from record.get("fields", ())


def completed(source: str, completions: Completions) -> dict[str, Any]:
    """The drafted table with its completions; other fields give way to the names these take."""
    table: dict[str, Any] = tomllib.loads(source)["formats"]["drafted"]
    taken = {change["name"] for change in completions.values() if "name" in change}
    renamed = {old: change["name"] for old, change in completions.items() if "name" in change}
    told = set()
    for record in table["records"]:
        for field in record.get("fields", ()):
            name = field["name"]
            if name in completions:
                told.add(name)
                field |= completions[name]
            elif name in taken:
                field["name"] = renamed[name] = f"other_{name}"
            if field.get("sum") in renamed:
                field["sum"] = renamed[field["sum"]]
    assert told == set(completions), "the draft has no such field"
    return table


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared samples are not on this machine")
@pytest.mark.parametrize("entry", COMPLETIONS)
def test_a_completed_draft_reads_the_same_records(entry: str) -> None:
    content = (SAMPLES / entry).read_bytes()
    ours = read(terms(entry)[0], content).details
    made = draft([Sample(entry, content)], "drafted")
    layout = compile_layout("drafted", completed(made.source, COMPLETIONS[entry]))
    drafted = read(layout, content).details
    for column in COMPARED:
        if ours[column].null_count() < ours.height:
            assert drafted[column].to_list() == ours[column].to_list(), column


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared samples are not on this machine")
@pytest.mark.parametrize("entry", COMPLETIONS)
def test_only_what_is_marked_unsure_is_changed(entry: str) -> None:
    wrong = [field.line for field in drafted_fields(entry) if field.changed and not field.marked]
    assert wrong == []


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared samples are not on this machine")
def test_the_page_says_how_many_fields_are_right(capsys: pytest.CaptureFixture[str]) -> None:
    fields = [field for entry in COMPLETIONS for field in drafted_fields(entry)]
    changed = sum(field.changed for field in fields)
    marked = sum(field.marked for field in fields)
    rate = (
        f"of {len(fields)} drafted fields {len(fields) - changed} were right as drafted, "
        f"{changed} were changed, and {marked} were marked"
    )
    with capsys.disabled():
        sys.stdout.write(f"\n{len(COMPLETIONS)} samples: {rate}\n")
    assert marked <= MOST_MARKED * len(fields)
    assert rate in " ".join(PAGE.read_text(encoding="utf-8").split())
