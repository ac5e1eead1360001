"""Where fields and tags of a layout stand: from TOML to places."""

from __future__ import annotations

import re
from typing import Final

from handback.formats.document import Section
from handback.formats.layout import Cell, Columns, Condition, Framing, Named, Path, Place, Tag

MAX_CELLS: Final = 512
MAX_WIDTH: Final = 8_192
_STEP: Final = r"[^/@#.][^/@#]*"
_RECORD_PATH: Final = re.compile(rf"\.(?:/{_STEP})*|{_STEP}(?:/{_STEP})*")
_FIELD_PATH: Final = re.compile(rf"\.|(?:\.\./)*(?:@{_STEP}|{_STEP}(?:/{_STEP})*(?:/@{_STEP})?)")


def place_of(section: Section, framing: Framing, *, named: bool) -> Place | None:
    """Where a field or tag stands; None after a mistake."""
    if named:
        column = section.text("column").strip()
        aliases = section.texts("aliases")
        return Named(column, aliases) if column else None
    if framing.is_tree:
        return _path(section)
    at = section.value("at")
    if framing.has_cells:
        if type(at) is int and 1 <= at <= MAX_CELLS:
            return Cell(at)
        section.mistake("at", f"a cell number from 1 to {MAX_CELLS}")
        return None
    listed = at if isinstance(at, list) else [at, at]
    columns = [column for column in listed if type(column) is int]
    if len(listed) == len(columns) == 2 and 1 <= columns[0] <= columns[1] <= MAX_WIDTH:
        return Columns(columns[0], columns[1])
    section.mistake("at", "[first, last] column, from 1, both included")
    return None


def record_path(section: Section, framing: Framing) -> str:
    """Where the records of one kind stand in a tree; '' in any other file."""
    if not framing.is_tree:
        return ""
    path = section.text("path")
    if not _RECORD_PATH.fullmatch(path):
        section.mistake("path", "names from the root down, such as Report/Row, or . for the root")
    return path


def tag_of(section: Section, framing: Framing) -> Tag:
    """What tells a kind of record: one condition, or several that hold together."""
    value = section.value("tag")
    if value is None:
        return ()
    tables = section.sections("tag") if isinstance(value, list) else [section.section("tag")]
    conditions = [_condition(table, framing) for table in tables if table is not None]
    return tuple(one for one in conditions if one is not None)


def _condition(tag: Section, framing: Framing) -> Condition | None:
    place = place_of(tag, framing, named=False)
    texts = tag.texts("is")
    by_presence = tag.has("blank") and not tag.has("is")
    blank = tag.flag("blank")
    if not by_presence and (not texts or not all(texts)):
        tag.mistake("is", "the text that tells this kind of record, or a list of them")
    if isinstance(place, Columns) and any(len(text) != place.width for text in texts):
        tag.mistake("is", f"texts of {place.width} characters, as wide as the columns")
    tag.refuse_unknown()
    if not isinstance(place, Columns) and any(text != text.strip() for text in texts):
        tag.mistake("is", "texts without blanks around them")
    if not isinstance(place, Cell | Columns | Path) or not (texts or by_presence):
        return None
    return Condition(place, texts, blank)


def _path(section: Section) -> Path | None:
    paths = section.texts("at")
    if not paths or not all(_FIELD_PATH.fullmatch(path) for path in paths):
        section.mistake("at", "a path below the record such as Refs/EndToEndId, Amt/@Ccy or .")
        return None
    return Path(paths, section.flag("every"))
