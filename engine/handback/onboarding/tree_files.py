"""Samples that are trees, XML or JSON: which element is a record, and what stands below it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from xml.etree import ElementTree

from handback.errors import InvalidRequest, Violation
from handback.formats.layout import Kind
from handback.onboarding.columns import Column, column_of, quoted
from handback.onboarding.kinds import Group
from handback.onboarding.planning import Parts
from handback.onboarding.rendering import line
from handback.onboarding.roles import looks_like
from handback.onboarding.sample import Sample

_MAX_COLUMNS: Final = 40
_MAX_DEPTH: Final = 60
_DECLARED: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_NAMESPACE: Final = re.compile(r"\{(.*)\}")


@dataclass(slots=True)
class Node:
    """An element or object. `leaves` are the texts directly in it, `@name` for attributes."""

    name: str
    leaves: list[tuple[str, str]] = field(default_factory=list)
    inner: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tree:
    """One sample; paths in JSON leave out the root, which has no name there."""

    framing: str
    namespace: str
    root: Node


def parts_of(samples: Sequence[Sample]) -> Parts | None:
    """What the samples are made of, None where they are no trees. Raises InvalidRequest."""
    trees = [_tree(sample) for sample in samples]
    if not trees or any(tree is None for tree in trees):
        return None
    found = [tree for tree in trees if tree is not None]
    if len({tree.framing for tree in found}) > 1:
        return None
    placed = [list(_placed(tree)) for tree in found]
    path, doubt = _record_path(placed)
    detail = _group(Kind.DETAIL, path, placed, doubt)
    groups, columns = [detail[0]], [detail[1]]
    head_path = _head_path(placed, path)
    if head_path is not None:
        header = _group(Kind.HEADER, head_path, placed, "")
        groups.insert(0, header[0])
        columns.insert(0, header[1])
    return Parts(tuple(_head(found)), groups, columns, False, False, True)


def _head(trees: Sequence[Tree]) -> Iterator[str]:
    yield f'framing = "{trees[0].framing}"'
    names = sorted({tree.namespace for tree in trees if tree.namespace})
    if names:
        listed = ", ".join(map(quoted, names))
        yield line(f"namespaces = [{listed}]", "are other versions of it as good?")


def _tree(sample: Sample) -> Tree | None:
    content = sample.content.removeprefix(b"\xef\xbb\xbf").strip()
    if content.startswith(b"<"):
        if _DECLARED.search(content):
            raise InvalidRequest([Violation("samples", f"{sample.name}: no DTD is read")])
        try:
            root = ElementTree.fromstring(content)
        except (ElementTree.ParseError, LookupError, ValueError) as mistake:
            told = f"{sample.name}: expected well-formed XML; {mistake}"
            raise InvalidRequest([Violation("samples", told)]) from None
        space = _NAMESPACE.match(root.tag)
        return Tree("xml", space[1] if space else "", _element(root))
    if content.startswith((b"{", b"[")):
        return _json_tree(content)
    return None


def _json_tree(content: bytes) -> Tree | None:
    try:
        return Tree("json", "", _object("", json.loads(content)))
    except (ValueError, RecursionError):
        pass
    try:
        rows = [json.loads(row) for row in content.splitlines() if row.strip()]
    except (ValueError, RecursionError):
        return None
    return Tree("json_lines", "", Node("", inner=[_object("", row) for row in rows]))


def _element(element: ElementTree.Element, depth: int = 0) -> Node:
    _check_depth(depth)
    node = Node(_NAMESPACE.sub("", element.tag))
    node.leaves = [(f"@{_NAMESPACE.sub('', name)}", text) for name, text in element.items()]
    for child in element:
        if len(child) or child.items():
            node.inner.append(_element(child, depth + 1))
        else:
            node.leaves.append((_NAMESPACE.sub("", child.tag), (child.text or "").strip()))
    if not len(element) and (element.text or "").strip():
        node.leaves.append((".", (element.text or "").strip()))
    return node


def _object(name: str, value: Any, depth: int = 0) -> Node:
    _check_depth(depth)
    node = Node(name)
    members = value.items() if isinstance(value, dict) else [("", value)]
    for key, member in members:
        for one in member if isinstance(member, list) else [member]:
            if isinstance(one, dict):
                node.inner.append(_object(key or name, one, depth + 1))
            elif not isinstance(one, list):
                node.leaves.append((key or ".", "" if one is None else _scalar(one)))
    return node


def _check_depth(depth: int) -> None:
    """Raises InvalidRequest for what is nested deeper than any record."""
    if depth > _MAX_DEPTH:
        told = f"expected elements at most {_MAX_DEPTH} deep"
        raise InvalidRequest([Violation("samples", told)])


def _scalar(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _placed(tree: Tree) -> Iterator[tuple[str, Node]]:
    """Every element with its path; the objects of a bare list, or of lines, are roots each."""
    unnamed = [child for child in tree.root.inner if not child.name]
    for root in unnamed or [tree.root]:
        yield from _walk(root, root.name)


def _walk(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    yield path or ".", node
    for child in node.inner:
        yield from _walk(child, f"{path}/{child.name}".strip("/"))


Placed = Sequence[Sequence[tuple[str, Node]]]


def _record_path(files: Placed) -> tuple[str, str]:
    """The path of what is most likely a record, and what is unsure about that."""
    counts = Counter(path for nodes in files for path, _ in nodes)
    one_of: dict[str, Node] = {}
    for nodes in files:
        for path, node in nodes:
            one_of.setdefault(path, node)

    def likeness(path: str) -> tuple[int, int, int]:
        names = [name for name, _ in _texts(one_of[path], "")]
        fits = sum(any(looks_like(role, name) for name in names) for role in _WANTED)
        # Of what comes often, the whole of it; of what comes once, no more than is needed.
        often = counts[path] > len(files)
        return fits, counts[path], len(names) if often else path.count("/")

    best = max(one_of, key=likeness)
    fits, count, _ = likeness(best)
    if count <= len(files):
        return best, "seen once in a sample; is this what comes once for each request?"
    return best, "" if fits == len(_WANTED) else "is this what comes once for each request?"


_WANTED: Final = ("reference", "code")


def _head_path(files: Placed, record: str) -> str | None:
    """The first element with texts of its own that stands once in every sample, no record in it."""
    counts = Counter(path for nodes in files for path, _ in nodes)
    for path, node in files[0]:
        if path == record:
            break  # what stands behind the records is no header
        apart = not (record.startswith(path) or path.startswith(record) or path == ".")
        if counts[path] == len(files) and node.leaves and apart:
            return path
    return None


def _group(kind: Kind, path: str, files: Placed, doubt: str) -> tuple[Group, list[Column]]:
    rows = [[node for place, node in nodes if place == path] for nodes in files]
    group = Group(kind, "", 0, kind is Kind.HEADER, doubt, [[()] * len(one) for one in rows], path)
    texts = [dict(reversed(list(_texts(node, "")))) for nodes in rows for node in nodes]
    places = list(dict.fromkeys(name for one in texts for name in one))[:_MAX_COLUMNS]
    several = {
        place
        for nodes in rows
        for node in nodes
        for place, count in Counter(name for name, _ in _texts(node, "")).items()
        if count > 1
    }
    columns = []
    for place in places:
        column = column_of(quoted(place), [one.get(place, "") for one in texts], place)
        if place in several:
            text = column.type if column.is_text else "text"
            column = replace(column, type=text, options={}, unsure="", several=True)
        columns.append(column)
    return group, [column for column in columns if column.filled]


def _texts(node: Node, below: str) -> Iterator[tuple[str, str]]:
    """Every text below an element with its path; the first of several with one path counts."""
    for name, text in node.leaves:
        yield (below or ".") if name == "." else f"{below}/{name}".strip("/"), text
    for child in node.inner:
        yield from _texts(child, f"{below}/{child.name}".strip("/"))
