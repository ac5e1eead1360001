"""The compiled form of a layout: what a partner's records look like, as frozen values.

`compiling.compile_layout` builds it from the TOML table of an agreement. The language is described
in docs/formats.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from handback.errors import Violation
from handback.formats.fields import Constant, Decimal, FieldType, Integer, Text


class Framing(StrEnum):
    """How a line is cut into fields."""

    DELIMITED = "delimited"
    FIXED = "fixed"


class Kind(StrEnum):
    """What a record is to its file."""

    DETAIL = "detail"
    HEADER = "header"
    BATCH_HEADER = "batch_header"
    ADDENDA = "addenda"
    BATCH_CONTROL = "batch_control"
    CONTROL = "control"
    IGNORE = "ignore"


ENCODINGS: Final[Mapping[str, str]] = {
    "utf-8": "utf-8",
    "ascii": "ascii",
    "latin-1": "latin-1",
    "cp1252": "cp1252",
}
"""Names a layout may use, each with Python's codec; line ends must be the single byte 0x0A."""

LINE_ENDS: Final[Mapping[str, str]] = {"lf": "\n", "crlf": "\r\n"}


@dataclass(frozen=True, slots=True)
class Cell:
    """The n-th cell of a delimited record, from 1."""

    number: int


@dataclass(frozen=True, slots=True)
class Columns:
    """Characters `first` to `last` of a fixed-width record, from 1, both included."""

    first: int
    last: int

    @property
    def width(self) -> int:
        """How many characters."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Named:
    """The cell under a column name, or under one of its aliases."""

    column: str
    aliases: tuple[str, ...] = ()


Place = Cell | Columns | Named


@dataclass(frozen=True, slots=True)
class Tag:
    """What tells a record's kind: the text at `place` is one of `texts` (the first is written)."""

    place: Cell | Columns
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Total:
    """A control total: how many records of some kinds, or the sum of a field over all details.

    `digits` keeps the lowest digits only, as hash totals do; 0 keeps all.
    """

    kinds: tuple[Kind, ...]
    field: str
    digits: int


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record. `place` is None for a constant that stands in no byte of the file."""

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

    @property
    def scale(self) -> int:
        """Decimals held in the whole number."""
        return self.type.scale if isinstance(self.type, Decimal) else 0

    @property
    def is_number(self) -> bool:
        """A whole number or a decimal."""
        return isinstance(self.type, Integer | Decimal)

    @property
    def left_aligned_text(self) -> bool:
        """Text whose trailing blanks mean nothing, so that they may be missing."""
        return isinstance(self.type, Text) and self.justify == "left"


@dataclass(frozen=True, slots=True)
class Record:
    """One kind of record. `cells` is how many a delimited one has, `width` a fixed one's."""

    kind: Kind
    tag: Tag | None
    required: bool
    cells: int
    width: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole layout. Records are tried in order; the first whose tag agrees names the kind."""

    name: str
    framing: Framing
    encoding: str
    delimiter: str
    quote: str
    column_names: bool
    line_end: str
    records: tuple[Record, ...]

    def of(self, *kinds: Kind) -> Iterator[Record]:
        """The records of these kinds, in order."""
        return (record for record in self.records if record.kind in kinds)

    def is_required(self, kind: Kind) -> bool:
        """Must the file have a record of this kind?"""
        return any(record.required for record in self.of(kind))

    @property
    def has_required_control(self) -> bool:
        """Does the layout itself tell a whole file from a cut one?"""
        return self.is_required(Kind.CONTROL)

    def summed_fields(self) -> tuple[str, ...]:
        """Detail fields that some total sums, in a fixed order."""
        totals = (field.total for record in self.records for field in record.fields)
        return tuple(sorted({total.field for total in totals if total and total.field}))

    def detail_names(self) -> frozenset[str]:
        """Columns that `encode` reads from the frames of details."""
        fields = (one for record in self.of(Kind.DETAIL, Kind.ADDENDA) for one in record.fields)
        return frozenset(one.name for one in fields if not isinstance(one.type, Constant))

    def fact_names(self) -> frozenset[str]:
        """Names that `encode` reads from the facts; totals are counted, not told."""
        kinds = (Kind.HEADER, Kind.BATCH_HEADER, Kind.BATCH_CONTROL, Kind.CONTROL)
        fields = (one for record in self.of(*kinds) for one in record.fields)
        return frozenset(
            one.name for one in fields if not isinstance(one.type, Constant) and not one.total
        )

    def inbound_mistakes(self) -> tuple[Violation, ...]:
        """Why this layout cannot read a hand-back file; empty where it can."""
        names = {
            field.name
            for record in self.records
            for field in record.fields
            if record.kind in (Kind.DETAIL, Kind.ADDENDA) or field.carry
        }
        if "reference" in names or {"batch", "batch_ordinal"} <= names:
            return ()
        expected = "a detail field named reference, or both batch and batch_ordinal"
        return (Violation(f"formats.{self.name}.records", expected),)

    def outbound_mistakes(self) -> tuple[Violation, ...]:
        """Why this layout cannot write a payout file; empty where it can."""
        path = f"formats.{self.name}.records"
        mistakes = []
        for kind in (Kind.DETAIL, Kind.ADDENDA, Kind.BATCH_HEADER, Kind.BATCH_CONTROL):
            if len(list(self.of(kind))) > 1:
                mistakes.append(Violation(path, f"at most one {kind} record in a file we write"))
        for index, record in enumerate(self.records):
            taken = positions(record.tag.place) if record.tag else set()
            for number, field in enumerate(record.fields):
                mine = positions(field.place)
                if mine & taken and not _says_tag(field, record.tag):
                    where = f"{path}[{index}].fields[{number}].at"
                    mistakes.append(Violation(where, "a place of its own, in a file we write"))
                taken |= mine
        return tuple(mistakes)


def positions(place: Place | None) -> set[int]:
    """The cells or columns that a place takes; none that only a name tells."""
    match place:
        case Cell(number):
            return {number}
        case Columns(first, last):
            return set(range(first, last + 1))
    return set()


def _says_tag(field: Field, tag: Tag | None) -> bool:
    """Is the field the tag itself, written out as a constant?"""
    if tag is None or not isinstance(field.type, Constant):
        return False
    return field.place == tag.place and field.type.value in tag.texts
