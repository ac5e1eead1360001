"""Imports run in one direction; the contracts stand in pyproject.toml."""

from __future__ import annotations

from importlinter import cli

from sources import ROOT


def test_imports_keep_their_direction() -> None:
    assert cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0
