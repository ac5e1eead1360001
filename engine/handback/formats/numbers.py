"""Numbers as partners write them: signs in odd places, marks between thousands, bytes.

Every number is held as a whole number of its smallest part, in 64 bits: 1.46 with two decimals is
146. `Notation` turns what is odd about a text into a plain one, so that the types share the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

import polars as pl

from handback.formats.document import Section
from handback.formats.findings import FindingCode

MAX_SCALE: Final = 9
MAX_DIGITS: Final = 18  # every such number fits 64 bits
# What else stands where a blank or an apostrophe is meant: blanks that do not break, and the mark
# that word processors make of an apostrophe.
_SAME_MARK: Final = {" ": "\u00a0\u202f", "'": "\u2019"}
_THOUSANDS: Final = ("", ".", ",", " ", "'", "_")


class Sign(StrEnum):
    """Where a number carries its sign."""

    FRONT = "front"
    BACK = "back"
    BRACKETS = "brackets"
    OVERPUNCH = "overpunch"
    NONE = "none"


_PLUS: Final = "{ABCDEFGHI"
_MINUS: Final = "}JKLMNOPQR"
# On reading also what other code pages make of the two brackets, and the small letters in which
# some systems punch negative digits.
_PUNCHED: Final[Mapping[str, str]] = {
    **{mark: f"+{digit}" for digit, mark in enumerate(_PLUS)},
    **{mark: f"-{digit}" for digit, mark in enumerate(_MINUS)},
    **{mark: f"-{digit}" for digit, mark in enumerate("pqrstuvwxy")},
    **{str(digit): f"+{digit}" for digit in range(10)},
    "ä": "+0",
    "ü": "-0",
    "é": "+0",
    "è": "-0",
}


@dataclass(frozen=True, slots=True)
class Notation:
    """How a number is written beyond its digits."""

    sign: Sign = Sign.FRONT
    thousands: str = ""

    def plain(self, text: pl.Expr) -> pl.Expr:
        """The text with its sign in front and no marks between thousands, null where it is odd."""
        if self.thousands:
            for other in _SAME_MARK.get(self.thousands, ""):
                text = text.str.replace_all(other, self.thousands, literal=True)
            mark = re.escape(self.thousands)
            grouped = rf"^[^\d]*\d{{1,3}}(?:{mark}\d{{3}})+(?:[^\d{mark}][^{mark}]*)?$"
            sound = text.str.contains(grouped) | ~text.str.contains(self.thousands, literal=True)
            text = pl.when(sound).then(text.str.replace_all(self.thousands, "", literal=True))
        match self.sign:
            case Sign.FRONT:
                return text
            case Sign.BACK:
                unsigned = ~text.str.head(1).is_in(["+", "-"])
                digits = text.str.strip_chars_end("+-")
                negative = pl.when(text.str.ends_with("-")).then(pl.lit("-")).otherwise(pl.lit(""))
                one_sign = text.str.len_chars() - digits.str.len_chars() <= 1
                return pl.when(unsigned & one_sign).then(pl.concat_str(negative, digits))
            case Sign.BRACKETS:
                inner = text.str.strip_prefix("(").str.strip_suffix(")")
                both = text.str.starts_with("(") & text.str.ends_with(")")
                return pl.when(both).then(pl.concat_str(pl.lit("-"), inner)).otherwise(text)
            case Sign.OVERPUNCH:
                last = text.str.tail(1).replace_strict(
                    _PUNCHED, default=None, return_dtype=pl.String
                )
                unsigned = text.str.head(-1).str.contains(r"^\d*$")
                pieces = (last.str.head(1), text.str.head(-1), last.str.tail(1))
                return pl.when(unsigned).then(pl.concat_str(pieces))
            case Sign.NONE:
                return pl.when(~text.str.head(1).is_in(["+", "-"])).then(text)

    def dressed(self, text: pl.Expr) -> pl.Expr:
        """A plain number as partners write it, null where it cannot be."""
        negative, digits = text.str.starts_with("-"), text.str.strip_prefix("-")
        if self.thousands:
            whole = digits.str.extract(r"^(\d+)", 1)
            grouped = whole.str.reverse().str.replace_all(r"(\d{3})", f"${{1}}{self.thousands}")
            grouped = grouped.str.strip_suffix(self.thousands).str.reverse()
            digits = pl.concat_str(grouped, digits.str.extract(r"^\d+(.*)$", 1))
            text = pl.when(negative).then(pl.concat_str(pl.lit("-"), digits)).otherwise(digits)
        match self.sign:
            case Sign.FRONT:
                return text
            case Sign.BACK:
                signed = pl.concat_str(digits, pl.lit("-"))
            case Sign.BRACKETS:
                signed = pl.concat_str(pl.lit("("), digits, pl.lit(")"))
            case Sign.OVERPUNCH:
                return _punched(digits, negative)
            case Sign.NONE:
                return pl.when(~negative).then(text)
        return pl.when(negative).then(signed).otherwise(digits)

    @property
    def is_plain(self) -> bool:
        """Digits, and a sign in front of them at most?"""
        return self.sign in (Sign.FRONT, Sign.NONE) and not self.thousands

    @property
    def spoken(self) -> str:
        """Where the sign stands, for people."""
        if self.sign in (Sign.FRONT, Sign.NONE):
            return "" if self.sign is Sign.FRONT else ", no sign"
        return f", its sign by {self.sign}" if self.sign is not Sign.BACK else ", its sign behind"


def _punched(digits: pl.Expr, negative: pl.Expr) -> pl.Expr:
    last = digits.str.tail(1)
    plus = last.replace_strict(dict(zip("0123456789", _PLUS, strict=True)), return_dtype=pl.String)
    minus = last.replace_strict(
        dict(zip("0123456789", _MINUS, strict=True)), return_dtype=pl.String
    )
    return pl.concat_str(digits.str.head(-1), pl.when(negative).then(minus).otherwise(plus))


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number of at most 18 digits."""

    notation: Notation = Notation()
    dtype: ClassVar[pl.DataType] = pl.Int64()
    flaw: ClassVar[FindingCode] = FindingCode.BAD_INTEGER
    scale: ClassVar[int] = 0

    @property
    def expected(self) -> str:
        """What should stand there, for people."""
        return f"a whole number of at most 18 digits{self.notation.spoken}"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Whole numbers."""
        return dtype.is_integer() or dtype == pl.Null()

    def decode(self, text: pl.Expr) -> pl.Expr:
        """Digits to numbers."""
        return bounded(self.notation.plain(text).cast(pl.Int64, strict=False))

    def encode(self, value: pl.Expr) -> pl.Expr:
        """Numbers to digits without padding."""
        return self.notation.dressed(bounded(value.cast(pl.Int64, strict=False)).cast(pl.String))


@dataclass(frozen=True, slots=True)
class Decimal:
    """A number with decimals, held as a whole number of its smallest part (1.46 is 146, scale 2).

    `point` is the decimal mark, empty where it is implied by the position.
    """

    scale: int
    point: str
    notation: Notation = Notation()
    dtype: ClassVar[pl.DataType] = pl.Int64()
    flaw: ClassVar[FindingCode] = FindingCode.BAD_DECIMAL

    @property
    def expected(self) -> str:
        """What should stand there, for people."""
        mark = f"after {self.point!r}" if self.point else "without a mark"
        return f"a number with at most {self.scale} decimals {mark}{self.notation.spoken}"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Whole numbers of the smallest part."""
        return dtype.is_integer() or dtype == pl.Null()

    def decode(self, text: pl.Expr) -> pl.Expr:
        """Text to smallest parts; decimals beyond the scale must be zeros."""
        text = self.notation.plain(text)
        if not self.point:
            return bounded(text.cast(pl.Int64, strict=False))
        mark = re.escape(self.point)
        pattern = rf"^([+-]?)(\d+)(?:{mark}(\d{{0,{self.scale}}})0*)?$"
        sign = text.str.extract(pattern, 1)
        decimals = text.str.extract(pattern, 3).fill_null("").str.pad_end(self.scale, "0")
        digits = text.str.extract(pattern, 2)
        return bounded(pl.concat_str(sign, digits, decimals).cast(pl.Int64, strict=False))

    def encode(self, value: pl.Expr) -> pl.Expr:
        """Smallest parts to text, with exactly `scale` decimals."""
        number = bounded(value.cast(pl.Int64, strict=False))
        if not self.point or not self.scale:
            return self.notation.dressed(number.cast(pl.String))
        sign = pl.when(number < 0).then(pl.lit("-")).otherwise(pl.lit(""))
        digits = number.abs().cast(pl.String).str.zfill(self.scale + 1)
        whole = digits.str.head(-self.scale)
        text = pl.concat_str(sign, whole, pl.lit(self.point), digits.str.tail(self.scale))
        return self.notation.dressed(text)


def bounded(number: pl.Expr) -> pl.Expr:
    """Numbers beyond 18 digits become null, so that nothing downstream can overflow."""
    limit = 10**MAX_DIGITS
    return pl.when(number.is_between(-limit, limit, closed="none")).then(number)


def integer(section: Section) -> Integer:
    """An integer of a layout, with its options."""
    return Integer(_notation(section, ""))


def decimal(section: Section) -> Decimal:
    """A decimal of a layout, with its options."""
    scale = section.integer("scale", None, 0, MAX_SCALE)
    point = section.text("point", ".")
    if point not in ("", ".", ","):
        section.mistake("point", "'.' or ',', or '' where the decimals are implied")
    return Decimal(scale, point, _notation(section, point))


def _notation(section: Section, point: str) -> Notation:
    sign = Sign(section.choice("sign", [*Sign], Sign.FRONT))
    thousands = section.text("thousands", "")
    if thousands not in _THOUSANDS or (thousands and thousands == point):
        section.mistake("thousands", "one of . , ' _ or a blank, and not the decimal mark")
        thousands = ""
    return Notation(sign, thousands)
