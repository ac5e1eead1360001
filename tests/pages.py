"""Pages of documentation as tests read them: their blocks of code, tables and links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from sources import ROOT

README = ROOT / "README.md"
OPERATIONS = ROOT / "docs/operations.md"
ONBOARDING = ROOT / "docs/onboarding.md"


class Block(NamedTuple):
    """A fenced block: its language, what it says, and the heading it stands under."""

    language: str
    text: str
    heading: str


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page, in its order."""
    found, heading = [], ""
    pattern = r"^#+ (?P<heading>[^\n]+)$|^```(?P<language>\w*)\n(?P<text>.*?)^```$"
    for match in re.finditer(pattern, page.read_text(), re.MULTILINE | re.DOTALL):
        if match["heading"]:
            heading = match["heading"]
        else:
            found.append(Block(match["language"], match["text"], heading))
    return found


def blocks_under(page: Path, heading: str) -> list[Block]:
    """The blocks under one heading, at least one."""
    found = [block for block in blocks(page) if block.heading == heading]
    assert found, heading
    return found


def links(page: Path) -> list[str]:
    """Where a page links to, other sites left out."""
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    return [target for target in targets if "://" not in target]


def table(page: Path, heading: str) -> list[tuple[str, ...]]:
    """The rows of the first table under a heading, without its head."""
    section = page.read_text().partition(f"# {heading}\n")[2]
    rows = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert rows, heading
    cells = [tuple(cell.strip() for cell in row.split("|")[1:-1]) for row in rows[0].splitlines()]
    return cells[2:]
