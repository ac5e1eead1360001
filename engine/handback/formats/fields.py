"""Field types: text of a record to a typed column and back, always a column at a time.

A type is a pair of expressions. `decode` takes trimmed text (null where blank) and answers null for
what it cannot read; `encode` takes values and answers null for what it cannot write. Who calls
compares the nulls on both sides and makes findings or violations of the difference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol

import polars as pl

from handback.formats.document import Section
from handback.formats.findings import FindingCode

MAX_SCALE: Final = 9
_MAX_DIGITS: Final = 18  # every such number fits 64 bits
_DIRECTIVE: Final = re.compile(r"%(.)")
_DIRECTIVE_SHAPES: Final = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "m": r"\d{2}",
    "d": r"\d{2}",
    "j": r"\d{3}",
    "b": "[A-Za-z]{3}",
}


class FieldType(Protocol):
    """What a field type must offer, vectorised in both directions."""

    @property
    def dtype(self) -> pl.DataType:
        """The type of the decoded column."""
        ...

    @property
    def flaw(self) -> FindingCode:
        """The finding for text that cannot be read."""
        ...

    @property
    def expected(self) -> str:
        """What should stand there, for people."""
        ...

    def accepts(self, dtype: pl.DataType) -> bool:
        """Can values of this column type be written?"""
        ...

    def decode(self, text: pl.Expr) -> pl.Expr:
        """Text to values, null where unreadable."""
        ...

    def encode(self, value: pl.Expr) -> pl.Expr:
        """Values to text, null where unwritable."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """Characters as they stand. Codes are text too: a leading zero is part of a code."""

    dtype: ClassVar[pl.DataType] = pl.String()
    flaw: ClassVar[FindingCode] = FindingCode.UNDECODABLE
    expected: ClassVar[str] = "text"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Everything that prints in one way."""
        return not dtype.is_nested() and not dtype.is_float()

    def decode(self, text: pl.Expr) -> pl.Expr:
        """The text itself."""
        return text

    def encode(self, value: pl.Expr) -> pl.Expr:
        """The text itself; numbers and dates are written as they print."""
        return value.cast(pl.String)


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number of at most 18 digits, with an optional sign in front."""

    dtype: ClassVar[pl.DataType] = pl.Int64()
    flaw: ClassVar[FindingCode] = FindingCode.BAD_INTEGER
    expected: ClassVar[str] = "a whole number of at most 18 digits"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Whole numbers."""
        return dtype.is_integer() or dtype == pl.Null()

    def decode(self, text: pl.Expr) -> pl.Expr:
        """Digits to numbers."""
        return _bounded(text.cast(pl.Int64, strict=False))

    def encode(self, value: pl.Expr) -> pl.Expr:
        """Numbers to digits without padding."""
        return _bounded(value.cast(pl.Int64, strict=False)).cast(pl.String)


@dataclass(frozen=True, slots=True)
class Decimal:
    """A number with decimals, held as a whole number of its smallest part (1.46 is 146, scale 2).

    `point` is the decimal mark, empty where it is implied by the position.
    """

    scale: int
    point: str
    dtype: ClassVar[pl.DataType] = pl.Int64()
    flaw: ClassVar[FindingCode] = FindingCode.BAD_DECIMAL

    @property
    def expected(self) -> str:
        """What should stand there, for people."""
        mark = f"after {self.point!r}" if self.point else "without a mark"
        return f"a number with at most {self.scale} decimals {mark}"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Whole numbers of the smallest part."""
        return dtype.is_integer() or dtype == pl.Null()

    def decode(self, text: pl.Expr) -> pl.Expr:
        """Text to smallest parts; decimals beyond the scale must be zeros."""
        if not self.point:
            return _bounded(text.cast(pl.Int64, strict=False))
        mark = re.escape(self.point)
        pattern = rf"^([+-]?)(\d+)(?:{mark}(\d{{0,{self.scale}}})0*)?$"
        sign = text.str.extract(pattern, 1)
        decimals = text.str.extract(pattern, 3).fill_null("").str.pad_end(self.scale, "0")
        digits = text.str.extract(pattern, 2)
        return _bounded(pl.concat_str(sign, digits, decimals).cast(pl.Int64, strict=False))

    def encode(self, value: pl.Expr) -> pl.Expr:
        """Smallest parts to text, with exactly `scale` decimals."""
        number = _bounded(value.cast(pl.Int64, strict=False))
        if not self.point or not self.scale:
            return number.cast(pl.String)
        sign = pl.when(number < 0).then(pl.lit("-")).otherwise(pl.lit(""))
        digits = number.abs().cast(pl.String).str.zfill(self.scale + 1)
        whole = digits.str.head(-self.scale)
        return pl.concat_str(sign, whole, pl.lit(self.point), digits.str.tail(self.scale))


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day. `pattern` is strptime's; only directives of fixed width are allowed."""

    pattern: str
    dtype: ClassVar[pl.DataType] = pl.Date()
    flaw: ClassVar[FindingCode] = FindingCode.BAD_DATE

    @property
    def expected(self) -> str:
        """What should stand there, for people."""
        return f"a day written {self.pattern}"

    @property
    def marks(self) -> str:
        """The characters between the parts of the day."""
        return _DIRECTIVE.sub("", self.pattern)

    @property
    def shape(self) -> str:
        """A regular expression of texts as wide as the pattern asks."""
        pieces = _DIRECTIVE.split(self.pattern)  # literal, directive, literal, ...
        shapes = [
            _DIRECTIVE_SHAPES[piece] if number % 2 else pl.escape_regex(piece)
            for number, piece in enumerate(pieces)
        ]
        return f"^{''.join(shapes)}$"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Days, and instants whose day is meant."""
        return dtype.is_temporal() or dtype == pl.Null()

    def decode(self, text: pl.Expr) -> pl.Expr:
        """Text to days. The shape is checked: a month without its zero is not a guess."""
        exact = pl.when(text.str.contains(self.shape)).then(text)
        return exact.str.to_date(self.pattern, strict=False)

    def encode(self, value: pl.Expr) -> pl.Expr:
        """Days to text."""
        return value.cast(pl.Date).dt.strftime(self.pattern)


@dataclass(frozen=True, slots=True)
class Constant:
    """One fixed text, checked on reading and always written."""

    value: str
    dtype: ClassVar[pl.DataType] = pl.String()
    flaw: ClassVar[FindingCode] = FindingCode.BAD_CONSTANT

    @property
    def expected(self) -> str:
        """What should stand there, for people."""
        return f"always {self.value!r}"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Anything; the value does not matter."""
        return True

    def decode(self, text: pl.Expr) -> pl.Expr:
        """The text where it is the fixed one."""
        return pl.when(text == self.value).then(text)

    def encode(self, value: pl.Expr) -> pl.Expr:
        """The fixed text, whatever the value."""
        return pl.lit(self.value)


def _bounded(number: pl.Expr) -> pl.Expr:
    """Numbers beyond 18 digits become null, so that nothing downstream can overflow."""
    limit = 10**_MAX_DIGITS
    return pl.when(number.is_between(-limit, limit, closed="none")).then(number)


_PATTERN_WORDS: Final = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d", "JJJ": "%j", "MON": "%b"}


def _day(section: Section) -> FieldType:
    """`pattern` as strptime writes it, or in words: YYYYMMDD, DD.MM.YY, YYJJJ."""
    pattern = section.text("pattern", "YYYYMMDD")
    if "%" not in pattern:
        for word, directive in _PATTERN_WORDS.items():
            pattern = pattern.replace(word, directive)
    directives = _DIRECTIVE.findall(pattern)
    year = {"Y", "y"} & set(directives)
    day = {"m", "d"} <= set(directives) or {"b", "d"} <= set(directives) or "j" in directives
    known = set(directives) <= set(_DIRECTIVE_SHAPES) and len(directives) == len(set(directives))
    if not (known and len(year) == 1 and day):
        section.mistake("pattern", "a day such as YYYYMMDD, DD/MM/YY, YYJJJ or %d%m%Y")
        return Day("%Y%m%d")
    return Day(pattern)


def _decimal(section: Section) -> FieldType:
    scale = section.integer("scale", None, 0, MAX_SCALE)
    point = section.text("point", ".")
    if point not in ("", ".", ","):
        section.mistake("point", "'.' or ',', or '' where the decimals are implied")
    return Decimal(scale, point)


FIELD_TYPES: Final[Mapping[str, Callable[[Section], FieldType]]] = {
    "text": lambda _: Text(),
    "code": lambda _: Text(),
    "integer": lambda _: Integer(),
    "decimal": _decimal,
    "date": _day,
    "constant": lambda section: Constant(section.text("value")),
}
"""The types a field may name, each with the reader of its own options."""
