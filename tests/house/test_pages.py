"""The pages people read first: every block is tried somewhere, every table is the code's."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from handback.lifecycle.table import State
from handback.settings import declarations
from pages import OPERATIONS, README, blocks, blocks_under, links, table
from sources import ROOT

LIFECYCLE = ROOT / "docs/lifecycle.md"
SKYWAYS = ROOT / "server/handback_server/demo/agreements/skyways.toml"
PAGES = (README, ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md")))
# Where tests/story plays what stands under these headings.
PLAYED = {
    README: {"The first call", "Running a server"},
    OPERATIONS: {"Starting and stopping", "Verify", "Backup"},
}


@pytest.mark.parametrize("page", PLAYED, ids=lambda page: page.name)
def test_every_block_is_tried_somewhere(page: Path) -> None:
    elsewhere = [block for block in blocks(page) if block.heading not in PLAYED[page]]
    assert [block.language for block in elsewhere] == (
        ["mermaid", "sh", "toml"] if page == README else []
    )


def test_the_two_commands_are_there() -> None:
    (block,) = blocks_under(README, "Two commands")
    commands = re.findall(r"^make (\w+)", block.text, re.MULTILINE)
    assert commands == ["demo", "test"]
    for target in commands:
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


def test_the_agreement_shown_is_part_of_an_example() -> None:
    (block,) = blocks_under(README, "An agreement")
    assert block.text in SKYWAYS.read_text()
    assert tomllib.loads(block.text).keys() == {"handback", "codes", "policy"}


def test_the_states_are_those_of_the_lifecycle() -> None:
    states = table(README, "The states")
    assert states == table(LIFECYCLE, "States")
    assert [name.strip("`") for name, _ in states] == [str(state) for state in State if state]


def test_the_settings_are_those_a_server_reads() -> None:
    assert table(OPERATIONS, "Settings") == [
        (f"`{name}`", f"`{setting.default}`" if setting.default else "", setting.says)
        for name, setting in declarations().items()
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_linked_to_is_there(page: Path) -> None:
    missing = [target for target in links(page) if not (page.parent / target).exists()]
    assert not missing
