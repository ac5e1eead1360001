"""Write the sync client from the async one.

The two differ in keywords and in a few names, which stand in the table below, and in what
`runtime.py` holds, which is written by hand for both.

    python clients/python/async_to_sync.py            write handback_client/sync
    python clients/python/async_to_sync.py --check    write nothing, name the files that are stale
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parent / "handback_client"
SOURCE: Final = PACKAGE / "aio"
TARGET: Final = PACKAGE / "sync"
BY_HAND: Final = {"runtime.py"}
MARKER: Final = "# Generated from handback_client/aio by async_to_sync.py; do not edit.\n"

REWRITES: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\basync (def|for|with)\b", r"\1"),
        (r"\bawait ", ""),
        (r"\bAwaitable\[(\w+)\]", r"\1"),
        (r", Awaitable\b", ""),
        (r"Iterable\[(\w+)\] \| AsyncIterable\[\1\]", r"Iterable[\1]"),
        (r"\bAsyncIterable, ", ""),
        (r"\bAsync(Iterator)\b", r"\1"),
        (r"\bAsync([A-Z]\w*)", r"\1"),
        (r"\bStopAsyncIteration\b", "StopIteration"),
        (r"\b__a(enter|exit|iter)__", r"__\1__"),
        (r"\b__anext__", "__next__"),
        (r"\ba(iter|next)\(", r"\1("),
        (r"handback_client\.aio\b", "handback_client.sync"),
        (
            r"programs that run on asyncio\. `sync` is generated from this package",
            "programs that do not run on asyncio",
        ),
    )
)


def main() -> int:
    """Write or check the sync client; 1 where a check finds a stale file."""
    parser = argparse.ArgumentParser(description="Write the sync client from the async one.")
    parser.add_argument("--check", action="store_true", help="write nothing, name stale files")
    check = parser.parse_args().check
    wanted = {
        path.name: sync_text(path.read_text())
        for path in sorted(SOURCE.glob("*.py"))
        if path.name not in BY_HAND
    }
    found = {path.name: path.read_text() for path in TARGET.glob("*.py")}
    names = sorted((wanted.keys() | found.keys()) - BY_HAND)
    stale = [name for name in names if wanted.get(name) != found.get(name)]
    for name in stale:
        if check:
            sys.stderr.write(f"stale: {TARGET.name}/{name}\n")
        elif name in wanted:
            (TARGET / name).write_text(wanted[name])
        else:
            (TARGET / name).unlink()
    return 1 if check and stale else 0


def sync_text(source: str) -> str:
    """A module of the async client, rewritten and formatted."""
    for pattern, replacement in REWRITES:
        source = pattern.sub(replacement, source)
    return tidy(MARKER + source)


def tidy(source: str) -> str:
    """Imports sorted and lines broken as everywhere else in the project."""
    for command in (["check", "--select", "I", "--fix", "--quiet"], ["format", "--quiet"]):
        name = str(TARGET / "generated.py")
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", name, "-"]
        source = subprocess.run(
            ruff, input=source, capture_output=True, text=True, check=True
        ).stdout
    return source


if __name__ == "__main__":
    sys.exit(main())
