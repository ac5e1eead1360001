"""What a record says of itself: check digits, and its number in the file.

A check digit is one character that tells whether those before it were copied right.
Digits are weighted and added up a column at a time. Texts are up to `MAX_DIGITS` digits long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import polars as pl

from handback.formats.document import Section
from handback.formats.findings import FindingCode
from handback.formats.numbers import Integer

MAX_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class Method:
    """Digits from the right are multiplied by `weights` in turn, and added up; of a product over 9
    the digits are, where `by_digit`. What is missing to a multiple of `modulus` is the check
    digit; `ten` stands for 10."""

    weights: tuple[int, ...]
    modulus: int
    by_digit: bool = False
    ten: str = "0"


METHODS: Final[Mapping[str, Method]] = {
    "mod10": Method((2, 1), 10, by_digit=True),
    "mod11": Method((2, 3, 4, 5, 6, 7, 8, 9), 11, ten="0"),
    "mod11x": Method((2, 3, 4, 5, 6, 7, 8, 9), 11, ten="X"),
    "routing": Method((7, 3, 1), 10),
}
"""`mod10` is Luhn's, on cards and account numbers; `routing` that of bank numbers in the US.
A remainder of 11 is written 0."""


@dataclass(frozen=True, slots=True)
class CheckDigit:
    """The check digit of another field of the same record."""

    of: str
    method: Method
    dtype: ClassVar[pl.DataType] = pl.String()
    flaw: ClassVar[FindingCode] = FindingCode.BAD_CHECK_DIGIT

    @property
    def expected(self) -> str:
        """What should stand there, for people."""
        return f"the check digit of {self.of}"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Anything; it is computed."""
        return True

    def decode(self, text: pl.Expr) -> pl.Expr:
        """The text; `agrees` compares it."""
        return text

    def encode(self, value: pl.Expr) -> pl.Expr:
        """The text; `digit_of` computes it."""
        return value.cast(pl.String)

    def digit_of(self, text: pl.Expr) -> pl.Expr:
        """The check digit of a text of digits, null of any other."""
        digits = text.str.reverse()
        total = pl.lit(0, dtype=pl.Int64)
        for place in range(MAX_DIGITS):
            weight = self.method.weights[place % len(self.method.weights)]
            product = digits.str.slice(place, 1).cast(pl.Int64, strict=False).fill_null(0) * weight
            total += product // 10 + product % 10 if self.method.by_digit else product
        rest = (self.method.modulus - total % self.method.modulus) % self.method.modulus
        digit = pl.when(rest == 10).then(pl.lit(self.method.ten)).otherwise(rest.cast(pl.String))
        return pl.when(text.str.contains(rf"^\d{{1,{MAX_DIGITS}}}$")).then(digit)


@dataclass(frozen=True, slots=True)
class LineNumber:
    """Which record of its file a record is, from 1; counted on writing."""

    dtype: ClassVar[pl.DataType] = pl.Int64()
    flaw: ClassVar[FindingCode] = FindingCode.BAD_INTEGER
    expected: ClassVar[str] = "the number of the record"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Anything; it is counted."""
        return True

    def decode(self, text: pl.Expr) -> pl.Expr:
        """Digits to numbers."""
        return Integer().decode(text)

    def encode(self, value: pl.Expr) -> pl.Expr:
        """Numbers to digits."""
        return Integer().encode(value)


def check_digit(section: Section) -> CheckDigit:
    """A check digit of a layout, with its options."""
    method = section.choice("method", list(METHODS), "mod10")
    return CheckDigit(section.text("of"), METHODS[method])
