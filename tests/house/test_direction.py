"""Imports run in one direction; the contracts stand in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys

from sources import ROOT


def test_imports_keep_their_direction() -> None:
    # In a process of its own: import-linter sets up logging for the whole of the one it runs in.
    call = (
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    )
    done = subprocess.run(
        [sys.executable, "-c", call], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
