"""Built-in formats are tested against what lies beside their golden files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from handback.errors import NotFound
from handback.formats.builtin import builtin, list_builtin
from handback.onboarding.golden import GoldenResult, check_golden

LAYOUT = """
framing = "delimited"
[[records]]
kind = "detail"
fields = [
  { name = "reference", at = 1, required = true },
  { name = "code", at = 2, type = "code" },
  { name = "quantity", at = 3, type = "integer" },
  { name = "answered_on", at = 4, type = "date" },
]
"""
EXPECTED = {
    "records": [
        {
            "ordinal": 1,
            "line": 1,
            "reference": "A1",
            "code": "00",
            "quantity": 5,
            "answered_on": "2026-03-01",
        }
    ],
    "findings": [
        {
            "code": "field_missing",
            "ordinal": 2,
            "line": 2,
            "field": "reference",
            "severity": "reject",
        }
    ],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The golden files of one built-in format that is there for the time of a test."""
    golden = tmp_path / "plain-answers" / "golden"
    golden.mkdir(parents=True)
    (golden.parent / "layout.toml").write_text(LAYOUT)
    monkeypatch.setattr("handback.formats.builtin._folder", lambda: tmp_path)
    builtin.cache_clear()
    yield golden
    builtin.cache_clear()


def test_a_file_gives_what_lies_beside_it(folder: Path) -> None:
    (folder / "some.csv").write_text("A1,00,5,20260301\n,00,5,20260301\n")
    (folder / "some.csv.expected.json").write_text(json.dumps(EXPECTED))
    assert check_golden("plain-answers") == [GoldenResult("some.csv", 1, ())]


def test_differences_are_told(folder: Path) -> None:
    (folder / "some.csv").write_text("A1,00,6,20260301\n")
    (folder / "some.csv.expected.json").write_text(json.dumps(EXPECTED))
    (folder / "other.csv").write_text("A1,00,6,20260301\n")
    other, some = check_golden("plain-answers")
    assert other.differences == ("other.csv.expected.json is missing",)
    assert some.differences[0].startswith('records 1: {"answered_on": "2026-03-01"')
    assert some.differences[1] == "0 findings, expected 1"


def test_only_what_is_there_can_be_tested(folder: Path) -> None:
    with pytest.raises(NotFound):
        check_golden("no-such-format")


@pytest.mark.parametrize("name", list_builtin())
def test_every_format_is_as_its_golden_files_say(name: str) -> None:
    results = check_golden(name)
    assert results, "no golden files"
    assert [one for one in results if one.differences] == []
