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

import numpy as np
import polars as pl

from handback.formats.document import Section
from handback.formats.findings import FindingCode

MAX_SCALE: Final = 9
_MAX_DIGITS: Final = 18  # every such number fits 64 bits
_MOST_BYTES: Final = 8
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


@dataclass(frozen=True, slots=True)
class Binary:
    """A whole number in bytes, the highest first: in two's complement, or packed, two decimal
    digits to a byte with the sign in the last half. Its text has one character for each byte."""

    scale: int
    packed: bool
    dtype: ClassVar[pl.DataType] = pl.Int64()
    flaw: ClassVar[FindingCode] = FindingCode.BAD_INTEGER

    @property
    def expected(self) -> str:
        """What should stand there, for people."""
        return "a packed number" if self.packed else "a binary number of at most 8 bytes"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Nothing: numbers in bytes are read and never written."""
        return dtype == pl.Null()

    def decode(self, text: pl.Expr) -> pl.Expr:
        """Bytes to numbers."""
        return bounded(text.map_batches(self._numbers, return_dtype=pl.Int64))

    def _numbers(self, texts: pl.Series) -> pl.Series:
        widest = texts.str.len_chars().max()
        if not widest or (widest > _MOST_BYTES and not self.packed):  # type: ignore[operator]
            return pl.Series([None] * texts.len(), dtype=pl.Int64)
        return _unpacked(texts) if self.packed else _from_bytes(texts)

    def encode(self, value: pl.Expr) -> pl.Expr:
        """Null: numbers in bytes are read and never written."""
        return pl.lit(None, dtype=pl.String)


def _from_bytes(texts: pl.Series) -> pl.Series:
    octets, whole = _octets(texts)
    filled = np.where(octets[:, :1] >= 128, np.uint8(255), np.uint8(0)).repeat(8, axis=1)
    filled[:, 8 - octets.shape[1] :] = octets
    numbers = filled.copy().view(">i8").reshape(-1).astype(np.int64)
    return pl.Series(numbers).set(pl.Series(~whole), None)


def _unpacked(texts: pl.Series) -> pl.Series:
    octets, whole = _octets(texts)
    halves = np.empty((octets.shape[0], octets.shape[1] * 2), dtype=np.int64)
    halves[:, 0::2], halves[:, 1::2] = octets >> 4, octets & 15
    digits, sign = halves[:, :-1], halves[:, -1]
    sound = whole & (digits <= 9).all(axis=1) & (sign >= 10) & (digits.shape[1] <= _MAX_DIGITS)
    digits = digits[:, -_MAX_DIGITS:]
    numbers = digits @ (10 ** np.arange(digits.shape[1] - 1, -1, -1, dtype=np.int64))
    numbers = np.where(np.isin(sign, (11, 13)), -numbers, numbers)
    return pl.Series(numbers).set(pl.Series(~sound), None)


def _octets(texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of each text as a row, and which texts are as long as the longest."""
    width = int(texts.str.len_chars().max() or 0)  # type: ignore[arg-type]
    whole = texts.str.len_chars().fill_null(0).to_numpy() == width
    joined = texts.fill_null("").str.pad_end(width, "\x00").str.join("").item()
    return np.frombuffer(joined.encode("latin-1"), np.uint8).reshape(texts.len(), width), whole


def bounded(number: pl.Expr) -> pl.Expr:
    """Numbers beyond 18 digits become null, so that nothing downstream can overflow."""
    limit = 10**_MAX_DIGITS
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


def binary(section: Section) -> Binary:
    """A binary number of a layout, with its options."""
    return Binary(section.integer("scale", 0, 0, MAX_SCALE), packed=False)


def packed(section: Section) -> Binary:
    """A packed number of a layout, with its options."""
    return Binary(section.integer("scale", 0, 0, MAX_SCALE), packed=True)


def _notation(section: Section, point: str) -> Notation:
    sign = Sign(section.choice("sign", [*Sign], Sign.FRONT))
    thousands = section.text("thousands", "")
    if thousands not in _THOUSANDS or (thousands and thousands == point):
        section.mistake("thousands", "one of . , ' _ or a blank, and not the decimal mark")
        thousands = ""
    return Notation(sign, thousands)
