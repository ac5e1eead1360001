"""The project's own Python files, parsed once: what the house rules are tried on."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHIPPED = ("engine", "server", "migrations", "clients/python", "proto")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file: its path below the root, such as `engine/handback/ids.py`, and what it says."""

    path: str
    text: str
    tree: ast.Module

    def __str__(self) -> str:
        return self.path

    def calls(self) -> Iterator[ast.Call]:
        """Every call in the file."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """The modules below the folders, without generated stubs."""
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return tuple(
        Module(str(path.relative_to(ROOT)), text := path.read_text(), ast.parse(text, path))
        for path in paths
        if "_stubs" not in path.parts
    )


def shipped() -> tuple[Module, ...]:
    """What users get, and what writes their stubs."""
    return modules(*SHIPPED)


def dotted(node: ast.expr) -> str:
    """`a.b.c` of an attribute chain, as far as it is one."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{dotted(value)}.{attr}"
        case _:
            return ""
