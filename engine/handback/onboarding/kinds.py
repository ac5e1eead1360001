"""Which lines are headers, details, addenda and controls, and what tells them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from handback.formats.layout import Kind
from handback.onboarding.framing import Shape

Row = tuple[str, ...]

_MAX_TAGS: Final = 9
_TAG_PLACES: Final = 16
_MAX_TAG_CHARS: Final = 10


@dataclass(slots=True)
class Group:
    """The rows of one kind of record, by sample.

    `at` is the tag's first column or cell, from 1; in a tree there is a `path` instead.
    """

    kind: Kind
    tag: str
    at: int
    required: bool
    unsure: str = ""
    rows: list[list[Row]] = field(default_factory=list)
    path: str = ""

    @property
    def every(self) -> list[Row]:
        """All rows of all samples."""
        return [row for rows in self.rows for row in rows]


def groups_of(files: Sequence[Sequence[Row]], shape: Shape) -> list[Group]:
    """The kinds of records, in the order in which they first appear."""
    fillers, files = _fillers(files, shape)
    places = ((at, width, _tagged(files, at, width)) for at, width in _places(shape))
    told = [place for place in places if _tells(place[2])]
    if told:
        at, _, tagged = max(told, key=_telling)
        return [*fillers, *_assigned(files, tagged, at)]
    details = Group(Kind.DETAIL, "", 0, required=False)
    details.rows = [list(rows) for rows in files]
    return [*fillers, details]


def _fillers(
    files: Sequence[Sequence[Row]], shape: Shape
) -> tuple[list[Group], Sequence[Sequence[Row]]]:
    """Lines of one mark that fill up files of fixed records, and the files without them."""
    if shape.delimiter:
        return [], files
    left = [[row for row in rows if len(set(row[0])) > 1] for rows in files]
    marks = {row[0][:_MAX_TAG_CHARS] for rows in files for row in rows if len(set(row[0])) == 1}
    if not marks or not all(left):
        return [], files
    none: list[list[Row]] = [[] for _ in files]
    return [Group(Kind.IGNORE, tag, 1, False, rows=list(none)) for tag in sorted(marks)], left


def _places(shape: Shape) -> Iterator[tuple[int, int]]:
    if shape.delimiter:
        yield 1, 0
        return
    for width in (1, 2, 3, 4):
        yield 1, width
    for at in range(2, _TAG_PLACES + 1):
        yield at, 1


def _telling(place: tuple[int, int, list[list[str]]]) -> tuple[bool, bool, int, int]:
    """How well a place tells records apart: both ends, a single mark, many kinds, far in front."""
    at, width, files = place
    kinds = {tag for tags in files for tag in tags}
    return _heads(files) and _all_end(files), width <= 1, len(kinds), -at


def _tagged(files: Sequence[Sequence[Row]], at: int, width: int) -> list[list[str]]:
    return [[_tag_of(row, at, width) for row in rows] for rows in files]


def _tag_of(row: Row, at: int, width: int) -> str:
    """The text at a place; a width of 0 is a whole cell."""
    if not width:
        return row[at - 1].strip() if len(row) >= at else ""
    return row[0][at - 1 : at - 1 + width]


def _tells(files: Sequence[Sequence[str]]) -> bool:
    """Whether these texts say what a row is: few, and one that is only ever first or last."""
    counts = Counter(tag for tags in files for tag in tags)
    if not 2 <= len(counts) <= _MAX_TAGS:
        return False
    if any(not tag.strip() or len(tag) > _MAX_TAG_CHARS for tag in counts):
        return False
    ends = {files[0][0]} if _heads(files) else set()
    if _all_end(files):
        ends.add(files[0][-1])
    return bool(ends) and bool(set(counts) - ends)


def _heads(files: Sequence[Sequence[str]]) -> bool:
    """Whether one text stands at the beginning of every file, and nowhere else."""
    firsts = {tags[0] for tags in files}
    return len(firsts) == 1 and all(tags.count(tags[0]) == 1 for tags in files)


def _all_end(files: Sequence[Sequence[str]]) -> bool:
    """Whether one text stands at the end of every file, and nowhere else."""
    return len({tags[-1] for tags in files}) == 1 and all(map(_ends, files))


def _ends(tags: Sequence[str]) -> bool:
    """Whether the last text stands at the end alone; fillers may repeat it there."""
    first = tags.index(tags[-1])
    return all(tag == tags[-1] for tag in tags[first:])


def _assigned(
    files: Sequence[Sequence[Row]], tagged: Sequence[Sequence[str]], at: int
) -> list[Group]:
    kinds = _kinds(tagged)
    order = list(dict.fromkeys(tag for tags in tagged for tag in tags))
    groups: list[Group] = []
    for tag in order:
        kind, required, unsure = kinds[tag]
        group = Group(kind, tag, at, required, unsure)
        for rows, tags in zip(files, tagged, strict=True):
            mine = [row for row, one in zip(rows, tags, strict=True) if one == tag]
            group.rows.append(mine[:1] if kind is Kind.CONTROL else mine)
        groups.append(group)
    return groups


def _kinds(files: Sequence[Sequence[str]]) -> dict[str, tuple[Kind, bool, str]]:
    """The kind of every text, whether every file (or batch, or detail) has one, what is unsure."""
    counts = Counter(tag for tags in files for tag in tags)
    found: dict[str, tuple[Kind, bool, str]] = {}
    if _heads(files):
        found[files[0][0]] = (Kind.HEADER, True, "")
    if _all_end(files) and files[0][-1] not in found:
        found[files[0][-1]] = (Kind.CONTROL, True, "")
    left = [tag for tag in dict.fromkeys(tag for tags in files for tag in tags) if tag not in found]
    if not left:
        return found
    most = max(counts[tag] for tag in left)
    often = [tag for tag in left if counts[tag] == most]
    # Where all are as frequent, the outermost open and close what the others stand in.
    detail = often[1] if len(often) > 2 else often[0]
    found[detail] = (Kind.DETAIL, False, "")
    left.remove(detail)
    steps = Counter(pair for tags in files for pair in pairwise(tags))
    opening = _opening(left, detail, found, steps, counts)
    if opening:
        found[opening] = (Kind.BATCH_HEADER, True, "")
        left.remove(opening)
        closing = _closing(left, opening, found, steps, counts)
        if closing:
            found[closing] = (Kind.BATCH_CONTROL, True, "")
            left.remove(closing)
    for tag in left:
        found[tag] = _rest(tag, detail, found, steps, counts)
    return found


def _opening(
    left: Sequence[str],
    detail: str,
    found: dict[str, tuple[Kind, bool, str]],
    steps: Counter[tuple[str, str]],
    counts: Counter[str],
) -> str:
    """The text that always stands before a detail and never behind one, if there is such."""
    for tag in left:
        before = steps[tag, detail] == counts[tag]
        if before and not steps[detail, tag] and counts[tag] < counts[detail] + 1:
            return tag
    return ""


def _closing(
    left: Sequence[str],
    opening: str,
    found: dict[str, tuple[Kind, bool, str]],
    steps: Counter[tuple[str, str]],
    counts: Counter[str],
) -> str:
    """The text that always stands before the next batch, or before the end."""
    ends = [tag for tag, (kind, _, _) in found.items() if kind is Kind.CONTROL]
    for tag in left:
        after = steps[tag, opening] + sum(steps[tag, end] for end in ends)
        if counts[tag] == counts[opening] and (after or not ends):
            return tag
    return ""


def _rest(
    tag: str,
    detail: str,
    found: dict[str, tuple[Kind, bool, str]],
    steps: Counter[tuple[str, str]],
    counts: Counter[str],
) -> tuple[Kind, bool, str]:
    """Addenda where it follows details, otherwise something to be left out."""
    follows = sum(count for (one, other), count in steps.items() if other == tag and one == detail)
    if follows == counts[tag]:
        return Kind.ADDENDA, counts[tag] == counts[detail], "" if counts[tag] > 1 else "seen once"
    return Kind.IGNORE, False, f"what {tag} records are is not clear"
