"""Names say what a thing is; every module and every public name says what it is for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from sources import ROOT, Function, Module, dotted, modules, shipped

_SINGULAR = {"data", "info", "item", "process", "handle", "manager", "helper", "util", "common"}
BANNED = _SINGULAR | {f"{word}s" for word in _SINGULAR} | {"processes"}
# Named by those who call them.
GIVEN = {"process_bind_param", "process_result_value"}


def words(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def names(module: Module) -> Iterator[tuple[int, str]]:
    """Every name that the module gives, with its line."""
    yield 0, Path(module.path).stem
    for node in ast.walk(module.tree):
        match node:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.Attribute(attr=name, ctx=ast.Store()) | ast.alias(asname=str(name)):
                yield node.lineno, name


def test_no_name_is_made_of_empty_words() -> None:
    assert words("HandbackFileInfo") & BANNED == {"info"}
    found = [
        f"{module}:{line} {name}"
        for module in shipped()
        for line, name in names(module)
        if words(name) & BANNED and name not in GIVEN
    ]
    assert not found


def test_every_module_says_what_it_is_for() -> None:
    every = (*shipped(), *modules("tests"))
    assert not [str(module) for module in every if not ast.get_docstring(module.tree)]


def public(body: list[ast.stmt]) -> Iterator[Function | ast.ClassDef]:
    """Public functions and classes, and the methods that no base class documents already."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef) and {dotted(base) for base in node.bases} <= {
                "Protocol"
            }:
                yield from public(node.body)


def test_every_public_name_says_what_it_is() -> None:
    silent = [
        f"{module}:{node.lineno} {node.name}"
        for module in shipped()
        for node in public(module.tree.body)
        if not ast.get_docstring(node)
    ]
    assert not silent


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(
        r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b"
    )
    texts = [*shipped(), *modules("tests")]
    written = {str(module): module.text for module in texts}
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("proto/**/*.proto")):
        written[str(path.relative_to(ROOT))] = path.read_text()
    assert not [path for path, text in written.items() if marks.search(text)]
