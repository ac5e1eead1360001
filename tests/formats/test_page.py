"""The page about formats tells the truth: its layouts read its files, and give its tables."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from formats.partner_layouts import read
from handback.formats.builtin import list_builtin
from handback.formats.compiling import compile_layout
from handback.formats.directions import inbound_mistakes
from handback.formats.fields import FIELD_TYPES
from handback.formats.findings import FindingCode
from handback.formats.layout import ENCODINGS, Framing, Kind
from handback.formats.numbers import Sign

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
EXAMPLES = re.findall(
    r"```toml\n(.*?)```\n\nreads\n\n```(?:text|xml|json)\n(.*?)```\n(.*?)\n## ", PAGE, re.DOTALL
)


def test_there_is_an_example_of_each_framing() -> None:
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize("example", EXAMPLES, ids=["delimited", "fixed", "xml", "json"])
def test_the_examples_give_what_the_page_says(example: tuple[str, str, str]) -> None:
    document, content, told = example
    [(name, table)] = tomllib.loads(document)["formats"].items()
    layout = compile_layout(name, table)
    assert not inbound_mistakes(layout)
    reading = read(layout, content.encode())
    assert reading.findings.is_empty()
    header, _, *lines = [line for line in told.splitlines() if line.startswith("|")]
    columns = [cell.strip() for cell in header.strip("|").split("|")]
    rows = [
        [("" if value is None else str(value)) for value in row]
        for row in reading.details.select(columns).iter_rows()
    ]
    assert rows == [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("name", list_builtin())
def test_every_format_that_is_brought_along_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("word", [*Kind, *Framing, *Sign, *FindingCode, *ENCODINGS, *FIELD_TYPES])
def test_every_word_of_the_language_is_on_the_page(word: str) -> None:
    assert f"`{word}`" in PAGE
