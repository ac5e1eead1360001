"""Numbers in bytes, as machines keep them: in two's complement, or packed two digits to a byte.

Their text has one character for each byte. There is no blank: a number stands there, or the field
is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import polars as pl

from handback.formats.document import Section
from handback.formats.findings import FindingCode
from handback.formats.numbers import MAX_DIGITS, MAX_SCALE, bounded

OCTETS: Final = "latin-1"
"""The codec that gives each byte a character of its own."""
MOST_BYTES: Final = 8
"""Of a binary number; a packed one may be longer."""
_MINUS: Final = (11, 13)
_WRITTEN_PLUS, _WRITTEN_MINUS = 12, 13


@dataclass(frozen=True, slots=True)
class Binary:
    """A whole number in `width` bytes: in two's complement, the highest byte first unless it is
    `little`, or `packed`, with the sign in the last half."""

    scale: int
    packed: bool
    little: bool = False
    width: int = 0
    dtype: ClassVar[pl.DataType] = pl.Int64()
    flaw: ClassVar[FindingCode] = FindingCode.BAD_INTEGER

    @property
    def expected(self) -> str:
        """What should stand there, for people."""
        if self.packed:
            return f"a packed number of at most {min(self.width * 2 - 1, MAX_DIGITS)} digits"
        return f"a binary number of {self.width} bytes"

    @property
    def largest(self) -> int:
        """The largest number that fits."""
        digits = min(self.width * 2 - 1, MAX_DIGITS) if self.packed else MAX_DIGITS
        most = int(10**digits)
        return (most if self.packed else min(most, 1 << 8 * self.width - 1)) - 1

    def accepts(self, dtype: pl.DataType) -> bool:
        """Whole numbers of the smallest part."""
        return dtype.is_integer() or dtype == pl.Null()

    def decode(self, text: pl.Expr) -> pl.Expr:
        """Bytes to numbers."""
        return bounded(text.map_batches(self._numbers, return_dtype=pl.Int64))

    def encode(self, value: pl.Expr) -> pl.Expr:
        """Numbers to bytes, null where they do not fit."""
        number = bounded(value.cast(pl.Int64, strict=False))
        return number.map_batches(self._texts, return_dtype=pl.String)

    def _numbers(self, texts: pl.Series) -> pl.Series:
        octets, whole = _octets(texts, self.width)
        if self.packed:
            return _unpacked(octets, whole)
        octets = octets[:, ::-1] if self.little else octets
        sign = np.where(octets[:, :1] >= 128, np.uint8(255), np.uint8(0))
        filled = sign.repeat(MOST_BYTES, axis=1)
        filled[:, MOST_BYTES - octets.shape[1] :] = octets
        numbers = filled.copy().view(">i8").reshape(-1).astype(np.int64)
        return pl.Series(numbers).set(pl.Series(~whole), None)

    def _texts(self, values: pl.Series) -> pl.Series:
        numbers = values.fill_null(0).to_numpy()
        if self.packed:
            octets, fit = _packed(numbers, self.width)
        else:
            whole = numbers.astype(">i8").view(np.uint8).reshape(-1, MOST_BYTES)
            octets = whole[:, MOST_BYTES - self.width :]
            half = 1 << (8 * self.width - 1)
            fit = (numbers >= -half) & (numbers < half)
            octets = octets[:, ::-1] if self.little else octets
        joined = np.ascontiguousarray(octets).tobytes().decode(OCTETS)
        starts = range(0, len(joined), self.width)
        texts = pl.Series([joined[at : at + self.width] for at in starts], dtype=pl.String)
        return texts.set(values.is_null() | pl.Series(~fit), None)


def _octets(texts: pl.Series, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of each text as a row of this width, and which texts have all of them."""
    whole = texts.str.len_chars().fill_null(0).to_numpy() == width
    joined = texts.fill_null("").str.pad_end(width, "\x00").str.join("").item()
    return np.frombuffer(joined.encode(OCTETS), np.uint8).reshape(texts.len(), width), whole


def _unpacked(octets: np.ndarray, whole: np.ndarray) -> pl.Series:
    halves = np.empty((octets.shape[0], octets.shape[1] * 2), dtype=np.int64)
    halves[:, 0::2], halves[:, 1::2] = octets >> 4, octets & 15
    digits, sign = halves[:, :-1], halves[:, -1]
    sound = whole & (digits <= 9).all(axis=1) & (sign >= 10)
    sound &= ~digits[:, :-MAX_DIGITS].any(axis=1)
    digits = digits[:, -MAX_DIGITS:]
    numbers = digits @ _powers(digits.shape[1])
    numbers = np.where(np.isin(sign, _MINUS), -numbers, numbers)
    return pl.Series(numbers).set(pl.Series(~sound), None)


def _packed(numbers: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of each number as a row, and which numbers fit."""
    count = width * 2 - 1
    digits = min(count, MAX_DIGITS)
    amounts = np.abs(numbers)
    halves = np.zeros((len(numbers), width * 2), dtype=np.uint8)
    halves[:, count - digits : count] = amounts[:, None] // _powers(digits) % 10
    halves[:, -1] = np.where(numbers < 0, _WRITTEN_MINUS, _WRITTEN_PLUS)
    return halves[:, 0::2] << 4 | halves[:, 1::2], amounts < 10**digits


def _powers(digits: int) -> np.ndarray:
    """Of ten, the highest first."""
    return 10 ** np.arange(digits - 1, -1, -1, dtype=np.int64)


def binary(section: Section) -> Binary:
    """A binary number of a layout, with its options."""
    scale = section.integer("scale", 0, 0, MAX_SCALE)
    little = section.choice("order", ["high_first", "low_first"], "high_first") == "low_first"
    return Binary(scale, packed=False, little=little)


def packed(section: Section) -> Binary:
    """A packed number of a layout, with its options."""
    return Binary(section.integer("scale", 0, 0, MAX_SCALE), packed=True)
