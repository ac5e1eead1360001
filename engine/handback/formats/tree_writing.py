"""Writing trees: records as XML elements or JSON objects, and how they come to stand in each other.

A record is written as a whole element, its fields at their paths within and the records below it;
what has no value is left out. `Assembly` puts the elements together: a header stays open for what
stands below it, and whatever lies between the root and a record is opened and closed as needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from handback.formats.layout import (
    HEADER_KINDS,
    ROOT,
    Framing,
    Layout,
    Path,
    Record,
)

_XML_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_JSON_ESCAPES: Final = {"\\": "\\\\", '"': '\\"'}
_XML_NAMES: Final = {"cp1252": "windows-1252", "latin-1": "iso-8859-1", "ascii": "us-ascii"}


@dataclass(slots=True)
class _Shape:
    """What stands at one path of a record: a text of its own, attributes, and what is below."""

    text: pl.Expr | None = None
    plain: bool = False
    whole: pl.Expr | None = None
    """A record of its own, written already."""
    attributes: dict[str, pl.Expr] = field(default_factory=dict)
    below: dict[str, _Shape] = field(default_factory=dict)


def element(layout: Layout, record: Record, within: Sequence[tuple[Record, str]] = ()) -> pl.Expr:
    """Records of one kind as elements, from a frame with the text of each field; `within` are
    records below them, each with the column of its elements."""
    shape = _shape(record)
    above = layout.steps(record.path)
    for inner, column in within:
        _step(shape, layout.steps(inner.path)[len(above) :]).whole = pl.col(column)
    if layout.framing is Framing.XML:
        return _xml(shape, above[-1]).fill_null(pl.lit(f"<{above[-1]}/>"))
    members = _json_members(shape)
    return pl.concat_str(pl.lit("{"), members.fill_null(""), pl.lit("}"))


def _shape(record: Record) -> _Shape:
    root = _Shape()
    for one in record.tag:
        if isinstance(one.place, Path) and one.texts:
            _place(root, one.place, pl.lit(one.texts[0]), plain=False)
    for one_field in record.fields:
        if isinstance(one_field.place, Path):
            text = pl.col(one_field.name)
            present = pl.when(text != "").then(text)
            _place(root, one_field.place, present, plain=one_field.is_plain_number)
    return root


def _place(root: _Shape, place: Path, text: pl.Expr, *, plain: bool) -> None:
    steps, _, attribute = place.paths[0].partition("@")
    shape = _step(root, [name for name in steps.split("/") if name and name != ROOT])
    if attribute:
        shape.attributes[attribute] = text
    else:
        shape.text, shape.plain = text, plain


def _step(root: _Shape, names: Iterable[str]) -> _Shape:
    """The shape some names further down, made where it is not there yet."""
    shape = root
    for name in names:
        shape = shape.below.setdefault(name, _Shape())
    return shape


def _xml(shape: _Shape, name: str) -> pl.Expr:
    """An element; null where nothing is in it."""
    if shape.whole is not None:
        return shape.whole
    attributes = [
        pl.concat_str(pl.lit(f' {key}="'), _escaped(text, _XML_ESCAPES), pl.lit('"'))
        for key, text in shape.attributes.items()
    ]
    content = [] if shape.text is None else [_escaped(shape.text, _XML_ESCAPES)]
    content += [_xml(below, key) for key, below in shape.below.items()]
    there = pl.any_horizontal(
        [pl.lit(False), *(piece.is_not_null() for piece in [*attributes, *content])]
    )
    opened = pl.concat_str([pl.lit(f"<{name}"), *attributes, pl.lit(">")], ignore_nulls=True)
    pieces = [opened, *content, pl.lit(f"</{name}>")]
    return pl.when(there).then(pl.concat_str(pieces, ignore_nulls=True))


def _json_members(shape: _Shape) -> pl.Expr:
    """The members of an object, with commas between; null where there are none."""
    members = [
        pl.concat_str(pl.lit(f"{_quoted(name)}:"), _json_value(below))
        for name, below in shape.below.items()
    ]
    joined = pl.concat_str([pl.lit(""), *members], separator=",", ignore_nulls=True)
    inner = joined.str.strip_prefix(",")
    return pl.when(inner != "").then(inner)


def _json_value(shape: _Shape) -> pl.Expr:
    if shape.whole is not None:
        return pl.concat_str(pl.lit("["), shape.whole, pl.lit("]"))
    if shape.text is not None and shape.plain:
        return shape.text
    if shape.text is not None:
        return pl.concat_str(pl.lit('"'), _escaped(shape.text, _JSON_ESCAPES), pl.lit('"'))
    return pl.concat_str(pl.lit("{"), _json_members(shape), pl.lit("}"))


def _escaped(text: pl.Expr, escapes: dict[str, str]) -> pl.Expr:
    return text.str.replace_many(list(escapes), list(escapes.values()))


def _quoted(name: str) -> str:
    escaped = "".join(_JSON_ESCAPES.get(mark, mark) for mark in name)
    return f'"{escaped}"'


class Assembly:
    """The text between and around the elements of one file, in the order of its records."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._xml = layout.framing is Framing.XML
        self._stack: list[str] = []
        self._filled: list[bool] = []  # of each object open: does it have a member yet?

    def head(self) -> str:
        """What stands before everything."""
        if not self._xml:
            return ""
        codec = self._layout.encoding
        return f'<?xml version="1.0" encoding="{_XML_NAMES.get(codec, codec)}"?>\n'

    def mark(self, record: Record, text: str) -> str:
        """A header or control, open for what stands below it."""
        steps = self._layout.steps(record.path)
        if self._stack[: len(steps)] == steps and record.kind not in HEADER_KINDS:
            return self._close_to(len(steps)) + self._inner(steps, text)
        before = self._open_to(steps[:-1])
        begun = self._named(steps[-1]) + self._without_end(steps[-1], text)
        self._stack.append(steps[-1])
        self._filled.append(not text.endswith("{}"))
        return before + begun

    def details(self, record: Record) -> str:
        """What stands before the first detail."""
        steps = self._layout.steps(record.path)
        if self._xml or len(steps) == 1:
            return self._open_to(steps[:-1])
        return self._open_to(steps[:-1]) + self._named(steps[-1]) + "["

    def joined(self, texts: pl.Series, *, first: bool) -> str:
        """Details one after the other; `first` where none of this file came before them."""
        if texts.is_empty():
            return ""
        if self._xml:
            return str(texts.str.join("").item())
        return ("" if first else ",\n") + str(texts.str.join(",\n").item())

    def after_details(self, record: Record) -> str:
        """What stands behind the last detail."""
        return "" if self._xml or len(self._layout.steps(record.path)) == 1 else "]"

    def end(self) -> str:
        """What closes everything that is open."""
        return self._close_to(0) + "\n"

    def _open_to(self, steps: list[str]) -> str:
        shared = 0
        while shared < min(len(steps), len(self._stack)) and self._stack[shared] == steps[shared]:
            shared += 1
        closed = self._close_to(shared)
        opened = ""
        for name in steps[shared:]:
            opened += self._named(name) + (self._begun(name) if self._xml else "{")
            self._stack.append(name)
            self._filled.append(False)
        return closed + opened

    def _close_to(self, depth: int) -> str:
        closed = ""
        while len(self._stack) > depth:
            name = self._stack.pop()
            self._filled.pop()
            closed += f"</{name}>" if self._xml else "}"
        return closed

    def _begun(self, name: str) -> str:
        return f"<{name}{'' if self._stack else self._namespace()}>"

    def _namespace(self) -> str:
        named = [one for one in self._layout.namespaces if one and not set(one) & set("*?[")]
        return f' xmlns="{named[0]}"' if named else ""

    def _named(self, name: str) -> str:
        """In JSON, the name of a member of what is open, with the comma before it."""
        if self._xml or not self._stack:
            return ""
        comma = "," if self._filled[-1] else ""
        self._filled[-1] = True
        return f"{comma}{_quoted(name)}:"

    def _without_end(self, name: str, text: str) -> str:
        if not self._xml:
            return text.removesuffix("}")
        begun = text.removesuffix("/>") + ">" if text.endswith("/>") else text
        begun = begun.removesuffix(f"</{name}>")
        if self._stack:
            return begun
        return begun.replace(f"<{name}", f"<{name}{self._namespace()}", 1)

    def _inner(self, steps: list[str], text: str) -> str:
        """The fields of a control whose element is open already."""
        if self._xml:
            name = steps[-1]
            return (
                text.removeprefix(f"<{name}>").removesuffix(f"</{name}>").replace(f"<{name}/>", "")
            )
        inner = text[1:-1]
        comma = "," if self._filled[-1] and inner else ""
        self._filled[-1] = self._filled[-1] or bool(inner)
        return comma + inner
