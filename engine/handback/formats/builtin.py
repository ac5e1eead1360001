"""The formats that Handback brings along: one folder each, with layout, codes and golden files.

`layout.toml` is the layout as it would stand in an agreement, `codes.toml` what its codes mean
(absent where an agreement has to say), `policy.toml` what follows a rejection where the scheme has
rules for it, `golden/` sample files with what they decode to.

They may change from release to release. What is read under one keeps what it said then: `kept`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from handback.errors import NotFound
from handback.formats.compiling import compile_layout
from handback.formats.layout import Layout

_LAYOUT: Final = "layout.toml"
_CODES: Final = "codes.toml"
_POLICY: Final = "policy.toml"


@dataclass(frozen=True, slots=True)
class Builtin:
    """One format: its layout, the text of it, the class of each code by name, and the tables that
    an agreement may have below `[policy]`."""

    name: str
    layout: Layout
    source: str
    codes: Mapping[str, str]
    policy: Mapping[str, Any]


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
    return _built(name, source, _table(folder / _CODES), _table(folder / _POLICY))


def kept(formats: Mapping[str, Builtin]) -> str:
    """What these formats say today, as a text: the same where all they say is the same."""
    said = {
        name: {"layout": one.source, "codes": one.codes, "policy": one.policy}
        for name, one in formats.items()
    }
    return json.dumps(said, sort_keys=True)


def read_kept(text: str) -> dict[str, Builtin]:
    """The formats of a text of `kept`, as they were."""
    said = json.loads(text)
    return {
        name: _built(name, one["layout"], one["codes"], one["policy"]) for name, one in said.items()
    }


def golden(name: str) -> Traversable:
    """The folder of a format's golden files. Raises NotFound."""
    return _folder() / builtin(name).name / "golden"


def _built(name: str, source: str, codes: Mapping[str, str], policy: Mapping[str, Any]) -> Builtin:
    return Builtin(name, compile_layout(name, tomllib.loads(source)), source, codes, policy)


def _table(file: Traversable) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _folder() -> Traversable:
    return files("handback.formats") / "builtin"


def _is_format(folder: Traversable) -> bool:
    return folder.is_dir() and (folder / _LAYOUT).is_file()
