"""Reading what codes mean: `[codes]` and `[outcomes]` of an agreement, and a built-in format's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from handback.errors import Violation
from handback.formats.builtin import Builtin
from handback.formats.document import Section
from handback.partners import keys
from handback.partners.codes import BY_TEXT, Change, CodeMap, ReasonClass
from handback.partners.document import Path, dotted
from handback.partners.value_types import Type


def read_codes(root: Section, handback_format: str | None, builtin: Builtin | None) -> CodeMap:
    """The codes of the built-in format, where there is one, and before them those of the document.

    Mistakes are noted with the root's.
    """
    brought = builtin.codes if builtin else {}
    classes = {code: BY_TEXT[text] for code, text in brought.items()}
    changes: list[Change] = []
    for path, table in _tables(root, "codes", handback_format):
        for code, value in table.items():
            _read(root, keys.CODE, code, (*path, code))
            first, later = _dated(root, value, (*path, code))
            if first is not None:
                classes[code] = first
            changes += [Change(day, code, reason_class) for day, reason_class in later]
    outcomes: dict[str, ReasonClass] = {}
    for path, table in _tables(root, "outcomes", handback_format):
        for text, value in table.items():
            _read(root, keys.CODE, text, (*path, text))
            outcomes[text] = _read(root, keys.CLASS, value, (*path, text)) or ReasonClass.OPS
    return CodeMap(classes, outcomes, tuple(sorted(changes)))


def _tables(
    root: Section, name: str, handback_format: str | None
) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The tables below a key, each under the name of the hand-back format."""
    section = root.value(name)
    if section is not None and not isinstance(section, dict):
        root.mistake(name, "a table")
    for format_name, table in (section if isinstance(section, dict) else {}).items():
        path: Path = (name, format_name)
        if format_name != handback_format:
            _tell(root, path, f"{name} of the hand-back format, {handback_format}")
        elif not isinstance(table, dict):
            _tell(root, path, "a table")
        else:
            yield path, table


def _dated(
    root: Section, value: object, path: Path
) -> tuple[ReasonClass | None, list[tuple[date, ReasonClass]]]:
    """The class that a code has from the beginning, and those it has from a day on."""
    if not isinstance(value, list | dict):
        return _read(root, keys.CLASS, value, path) or ReasonClass.OPS, []
    entries = value if isinstance(value, list) else [value]
    first: ReasonClass | None = None
    later: list[tuple[date, ReasonClass]] = []
    for number, entry in enumerate(entries):
        at = (*path, number) if isinstance(value, list) else path
        section = Section(entry, dotted(at), root.mistakes)
        said = keys.read(section, keys.DATED_CLASS)
        section.refuse_unknown()
        reason_class, day = said["class"] or ReasonClass.OPS, said["from"]
        if day is None and number == 0:
            first = reason_class
        elif day is None or (later and day <= later[-1][0]):
            section.mistake("from", "a day after that of the entry before")
        else:
            later.append((day, reason_class))
    if not entries:
        _tell(root, path, "at least one class")
    return first, later


def _read(root: Section, expected: Type, value: object, path: Path) -> Any:
    """A value of a type, None where it is wrong."""
    try:
        return expected.read(value)
    except ValueError as unfit:
        _tell(root, path, str(unfit))
        return None


def _tell(root: Section, path: Path, expected: str) -> None:
    root.mistakes.append(Violation(dotted(path), expected))
