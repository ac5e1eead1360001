"""Agreement documents on the disk, read as far as the command line has to know them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click


def text_of_document(path: Path) -> str:
    """The text of a document. Raises ClickException where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise click.ClickException(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{path}: expected UTF-8 text: {error}") from error


def programme_of(source: str) -> str:
    """The programme that a document names; empty where it cannot be read."""
    try:
        named = tomllib.loads(source).get("programme", "")
    except tomllib.TOMLDecodeError:
        return ""
    return named if isinstance(named, str) else ""
