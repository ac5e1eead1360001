"""Field types: text of a record to a typed column and back, always a column at a time.

A type is a pair of expressions. `decode` takes trimmed text (null where blank) and answers null for
what it cannot read; `encode` takes values and answers null for what it cannot write. Who calls
compares the nulls on both sides and makes findings or violations of the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import polars as pl

from handback.formats import computed, days, numbers, octets, texts
from handback.formats.document import Section
from handback.formats.findings import FindingCode


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


FIELD_TYPES: Final[Mapping[str, Callable[[Section], FieldType]]] = {
    "text": texts.text,
    "code": texts.code,
    "codes": texts.codes,
    "flags": texts.flags,
    "integer": numbers.integer,
    "decimal": numbers.decimal,
    "binary": octets.binary,
    "packed": octets.packed,
    "date": days.day,
    "instant": days.instant,
    "constant": texts.constant,
    "check_digit": computed.check_digit,
    "line": lambda _: computed.LineNumber(),
}
"""The types a field may name, each with the reader of its own options."""
