"""The formats that Handback brings along: one folder each, with layout, codes and golden files.

`layout.toml` is the layout as it would stand in an agreement, `codes.toml` what its codes mean
(absent where an agreement has to say), `golden/` sample files with what they decode to.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from handback.errors import NotFound
from handback.formats.compiling import compile_layout
from handback.formats.layout import Layout

_LAYOUT: Final = "layout.toml"
_CODES: Final = "codes.toml"


@dataclass(frozen=True, slots=True)
class Builtin:
    """One format: its layout, the text of it, and the class of each code by name."""

    name: str
    layout: Layout
    source: str
    codes: Mapping[str, str]


def list_builtin() -> tuple[str, ...]:
    """The names of all built-in formats, in order."""
    folder = _folder()
    names = [one.name for one in folder.iterdir() if _is_format(one)] if folder.is_dir() else []
    return tuple(sorted(names))


@cache
def builtin(name: str) -> Builtin:
    """A built-in format by its name. Raises NotFound."""
    folder = _folder() / name
    if name not in list_builtin():
        raise NotFound(kind="format", id=name)
    source = (folder / _LAYOUT).read_text(encoding="utf-8")
    codes = folder / _CODES
    classes = tomllib.loads(codes.read_text(encoding="utf-8")) if codes.is_file() else {}
    return Builtin(name, compile_layout(name, tomllib.loads(source)), source, classes)


def golden(name: str) -> Traversable:
    """The folder of a format's golden files. Raises NotFound."""
    return _folder() / builtin(name).name / "golden"


def _folder() -> Traversable:
    return files("handback.formats") / "builtin"


def _is_format(folder: Traversable) -> bool:
    return folder.is_dir() and (folder / _LAYOUT).is_file()
