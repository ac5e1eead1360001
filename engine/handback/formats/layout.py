"""The compiled form of a layout: what a partner's records look like, as frozen values.

`compiling.compile_layout` builds it from the TOML table of an agreement. The language is described
in docs/formats.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from handback.formats.computed import CheckDigit, LineNumber
from handback.formats.fields import FieldType
from handback.formats.numbers import Decimal, Integer
from handback.formats.octets import Binary
from handback.formats.texts import Codes, Constant, Flags, Text


class Framing(StrEnum):
    """How bytes are cut into records, and records into fields."""

    DELIMITED = "delimited"
    FIXED = "fixed"
    XML = "xml"
    JSON = "json"
    JSON_LINES = "json_lines"
    XLSX = "xlsx"

    @property
    def is_tree(self) -> bool:
        """Are records found by paths?"""
        return self in (Framing.XML, Framing.JSON, Framing.JSON_LINES)

    @property
    def has_cells(self) -> bool:
        """Are fields found by the number or the name of their cell?"""
        return self in (Framing.DELIMITED, Framing.XLSX)

    @property
    def has_lines(self) -> bool:
        """Can the end of a file be read without what stands before it?"""
        return self in (Framing.DELIMITED, Framing.FIXED, Framing.JSON_LINES)

    @property
    def proves_whole(self) -> bool:
        """Can a file that was cut not be read at all?"""
        return self in (Framing.XML, Framing.JSON, Framing.XLSX)


class Kind(StrEnum):
    """What a record is to its file."""

    DETAIL = "detail"
    HEADER = "header"
    GROUP_HEADER = "group_header"
    BATCH_HEADER = "batch_header"
    ADDENDA = "addenda"
    BATCH_CONTROL = "batch_control"
    GROUP_CONTROL = "group_control"
    CONTROL = "control"
    IGNORE = "ignore"


DETAIL_KINDS: Final = (Kind.DETAIL, Kind.ADDENDA)
HEADER_KINDS: Final = (Kind.HEADER, Kind.GROUP_HEADER, Kind.BATCH_HEADER)
CONTROL_KINDS: Final = (Kind.BATCH_CONTROL, Kind.GROUP_CONTROL, Kind.CONTROL)


@dataclass(frozen=True, slots=True)
class Level:
    """A nesting of records within a file: what opens it, what closes it, and the column that
    numbers it."""

    name: str
    header: Kind
    control: Kind
    column: str


GROUP: Final = Level("group", Kind.GROUP_HEADER, Kind.GROUP_CONTROL, "group")
BATCH: Final = Level("batch", Kind.BATCH_HEADER, Kind.BATCH_CONTROL, "segment")
LEVELS: Final = (GROUP, BATCH)
"""From the outermost to the innermost."""


def header_of(control: Kind) -> Kind:
    """The kind of the header that a kind of control closes."""
    return next((level.header for level in LEVELS if level.control is control), Kind.HEADER)


ENCODINGS: Final[Mapping[str, str]] = {
    "utf-8": "utf-8",
    "ascii": "ascii",
    "latin-1": "latin-1",
    "cp1252": "cp1252",
    "cp850": "cp850",
    "shift_jis": "cp932",
    "cp037": "cp037",
    "cp273": "cp273",
    "cp500": "cp500",
    "cp1140": "cp1140",
}
"""Names a layout may use, each with Python's codec. Shift_JIS is read as its superset cp932, as
partners who say the one send the other; the last four are EBCDIC pages."""

EBCDIC: Final = frozenset({"cp037", "cp273", "cp500", "cp1140"})
WIDE: Final = frozenset({"utf-8", "cp932"})
"""Codecs in which a character may take several bytes."""

UP: Final = "../"
"""At the beginning of a path: what the record stands in."""
ROOT: Final = "."
"""The root of a tree, whatever its name."""
ALONE: Final = "#alone"
"""Behind the path of a header: of the detail it stands for where no detail stands below it."""

LINE_ENDS: Final[Mapping[str, str]] = {"lf": "\n", "crlf": "\r\n", "none": ""}


@dataclass(frozen=True, slots=True)
class Cell:
    """The n-th cell of a delimited record, from 1."""

    number: int


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns `first` to `last` of a fixed-width record, from 1, both included."""

    first: int
    last: int

    @property
    def width(self) -> int:
        """How many columns."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Named:
    """The cell under a column name, or under one of its aliases."""

    column: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    """The texts at some paths below a record of a tree: `Refs/EndToEndId`, `Amt/@Ccy`, or `.` for
    the record's own text. `../Sts` begins with what the record stands in, and has to stand before
    it. The first path that has a text counts; `every` takes all of them."""

    paths: tuple[str, ...]
    every: bool = False

    @property
    def rise(self) -> int:
        """How far above the record its highest path begins."""
        return max(path.count(UP) for path in self.paths)


@dataclass(frozen=True, slots=True)
class Cells:
    """The first of some cells that has a text, or `every` one of them: what a path of several
    becomes in the reading."""

    numbers: tuple[int, ...]
    every: bool = False


Place = Cell | Columns | Named | Path | Cells


@dataclass(frozen=True, slots=True)
class Condition:
    """The text at `place` is one of `texts` (the first is written), or is blank or not."""

    place: Cell | Columns | Path | Cells
    texts: tuple[str, ...]
    blank: bool = False
    """Whether it is blank, where there are no texts."""


Tag = tuple[Condition, ...]
"""What tells a record's kind: all of these hold. Empty where nothing has to."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What is added up over details: a field, or 1 where it is ''. Only of those whose other
    fields have certain texts, or (`unless`) of the rest."""

    field: str = ""
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unless: bool = False


@dataclass(frozen=True, slots=True)
class Total:
    """A control total: how many records of some kinds (or lines), or what a measure adds up to.

    `digits` keeps the lowest digits only, as hash totals do; 0 keeps all. One that is `of_original`
    repeats the totals of what the file answers: it is handed on, and not compared with the file.
    """

    kinds: tuple[str, ...]
    measure: Measure | None
    digits: int
    of_original: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record. `place` is None for a constant that stands in no byte of the file.

    `rest` takes all cells from its own to the last. A field of a control repeats what `same_as`
    says in the header that it closes.
    """

    name: str
    type: FieldType
    place: Place | None
    required: bool
    trim: str
    pad: str
    justify: str
    width: int
    carry: bool
    total: Total | None
    rest: bool = False
    same_as: str = ""

    @property
    def scale(self) -> int:
        """Decimals held in the whole number."""
        return self.type.scale if isinstance(self.type, Decimal | Binary) else 0

    @property
    def is_number(self) -> bool:
        """A whole number or a decimal."""
        return isinstance(self.type, Integer | Decimal | LineNumber)

    @property
    def is_plain_number(self) -> bool:
        """A number written as programs write numbers: no width, no marks, a point."""
        if not isinstance(self.type, Integer | Decimal) or self.width:
            return False
        point = self.type.point if isinstance(self.type, Decimal) else "."
        return point in ("", ".") and self.type.notation.is_plain

    @property
    def is_told(self) -> bool:
        """Does a value have to be told to write it? Not of what the layout knows by itself."""
        return not isinstance(self.type, Constant | CheckDigit | LineNumber)

    @property
    def left_aligned_text(self) -> bool:
        """Text whose trailing blanks mean nothing, so that they may be missing."""
        return isinstance(self.type, Text | Codes | Flags) and self.justify == "left"


class Repeats(StrEnum):
    """What several addenda of one kind mean to their detail."""

    REJECT = "reject"
    FIRST = "first"
    LAST = "last"
    EVERY = "every"


@dataclass(frozen=True, slots=True)
class Record:
    """One kind of record.

    `cells` is how many a delimited one has (`fewest` may be there), `width` a fixed one's, `path`
    where one of a tree stands. `alone` names the index of the detail that a header stands for
    where no detail stands below it.
    """

    kind: Kind
    tag: Tag
    required: bool
    fields: tuple[Field, ...]
    cells: int = 0
    fewest: int = 0
    width: int = 0
    path: str = ""
    repeats: Repeats = Repeats.REJECT
    alone: int | None = None
    implied: bool = False
    """Known to reading alone: what a header stands for, or a line that fills up a block."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole layout. Records are tried in order; the first whose tag agrees names the kind.

    An empty `line_end` means that records run on. `in_bytes` says what columns count. A line that
    begins with `continues` goes on with the one before; `record_end` closes a record. Files are
    filled up to a multiple of `block` lines with lines of `filler`, and have to be where `filled`.
    """

    name: str
    framing: Framing
    records: tuple[Record, ...]
    encoding: str = "utf-8"
    delimiter: str = ""
    quote: str = ""
    column_names: bool = False
    line_end: str = "\n"
    width: int = 0
    in_bytes: bool = False
    continues: str = ""
    record_end: str = ""
    sheet: str = ""
    namespaces: tuple[str, ...] = ()
    block: int = 0
    filler: str = ""
    filled: bool = False

    @property
    def has_bytes(self) -> bool:
        """Is there a number in bytes, which need be no text?"""
        fields = (field for record in self.records for field in record.fields)
        return any(isinstance(field.type, Binary) for field in fields)

    @property
    def may_hold_nul(self) -> bool:
        """May a text have a NUL, which PostgreSQL refuses? Of text in lines none is read that has
        one; JSON and workbooks can spell it."""
        spelt = (Framing.JSON, Framing.JSON_LINES, Framing.XLSX)
        return self.has_bytes or self.framing in spelt

    def of(self, *kinds: Kind) -> Iterator[Record]:
        """The records of these kinds, in order."""
        return (record for record in self.records if record.kind in kinds)

    def written(self) -> Layout:
        """The layout as writing has it, without the records that are implied."""
        return replace(self, records=tuple(one for one in self.records if not one.implied))

    def steps(self, path: str) -> list[str]:
        """The names from the root of a tree down to the records of a path."""
        names = path.split("/")
        return names if self.framing is Framing.XML or names[0] == ROOT else [ROOT, *names]

    def stands_within(self, inner: Record, outer: Record) -> bool:
        """Does one record of a tree stand below another?"""
        if not self.framing.is_tree:
            return False
        above, names = self.steps(outer.path), self.steps(inner.path)
        return len(names) > len(above) and names[: len(above)] == above

    def is_required(self, kind: Kind) -> bool:
        """Must the file have a record of this kind?"""
        return any(record.required for record in self.of(kind))

    @property
    def has_required_control(self) -> bool:
        """Does the layout itself tell a whole file from a cut one?"""
        return self.framing.proves_whole or self.is_required(Kind.CONTROL)

    def measures(self) -> tuple[Measure, ...]:
        """What totals add up over details, in a fixed order."""
        totals = [field.total for record in self.records for field in record.fields]
        found = [total.measure for total in totals if total and total.measure]
        return tuple(dict.fromkeys(found))

    def detail_names(self) -> frozenset[str]:
        """Columns that `encode` reads from the frames of details."""
        fields = (one for record in self.written().of(*DETAIL_KINDS) for one in record.fields)
        return frozenset(one.name for one in fields if one.is_told)

    def fact_names(self) -> frozenset[str]:
        """Names that `encode` reads from the facts; totals are counted, not told."""
        kinds = (*HEADER_KINDS, *CONTROL_KINDS)
        fields = (one for record in self.of(*kinds) for one in record.fields)
        told = (one for one in fields if one.is_told and not one.total and not one.same_as)
        return frozenset(one.name for one in told)


def positions(place: Place | None) -> set[int]:
    """The cells or columns that a place takes; none that only a name tells."""
    match place:
        case Cell(number):
            return {number}
        case Columns(first, last):
            return set(range(first, last + 1))
    return set()
