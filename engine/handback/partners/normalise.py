"""Normalising references: what partners do to them on the way is undone before they are compared.

A prefix is added or lost, zeros vanish in a spreadsheet, letters change their case, blanks come in,
a field is too short. What we printed and what is quoted go through the same steps; where they then
agree, they may be the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Final

import polars as pl

from handback.partners.vocabulary import Case, Drop, Zeros

_DROPPED: Final = {Drop.BLANKS: r"\s", Drop.SYMBOLS: r"[^\p{L}\p{N}]"}


@dataclass(frozen=True, slots=True)
class Normalisation:
    """The steps, in the order in which they are taken. `first` and `last` are 0 where all counts.

    Prefixes are compared as what is dropped and the case leave them, the longest first.
    """

    drop: Drop = Drop.NOTHING
    case: Case = Case.KEEP
    prefixes: tuple[str, ...] = ()
    zeros: Zeros = Zeros.KEEP
    first: int = 0
    last: int = 0

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Normalisation:
        """What the keys of `[handback.normalise]` say; None stands for one that says nothing."""
        return cls(
            values["drop"] or Drop.NOTHING,
            values["case"] or Case.KEEP,
            tuple(sorted(values["prefixes"] or (), key=lambda text: (-len(text), text))),
            values["zeros"] or Zeros.KEEP,
            values["first"] or 0,
            values["last"] or 0,
        )

    def apply(self, references: pl.Expr) -> pl.Expr:
        """The normal form of references, null where nothing is left of one."""
        text = self._plain(references)
        if self.prefixes:
            plain = pl.DataFrame({"prefix": self.prefixes}, schema={"prefix": pl.String})
            prefixes = plain.select(self._plain(pl.col("prefix"))).to_series()
            ordered = sorted(set(prefixes) - {""}, key=lambda prefix: (-len(prefix), prefix))
            if ordered:
                either = "|".join(pl.escape_regex(prefix) for prefix in ordered)
                text = text.str.replace(f"^(?:{either})", "")
        if self.zeros is Zeros.DROP:
            text = text.str.strip_chars_start("0")
        if self.first:
            text = text.str.head(self.first)
        if self.last:
            text = text.str.tail(self.last)
        return pl.when(text != "").then(text)

    @property
    def form(self) -> int:
        """A number of its own for each way to normalise, at least 1 and below 2**63."""
        said = repr([str(one) for one in astuple(self)]).encode()
        return int.from_bytes(hashlib.sha256(b"form 1\n" + said).digest()[:8], "big") >> 1 or 1

    def _plain(self, text: pl.Expr) -> pl.Expr:
        if self.drop in _DROPPED:
            text = text.str.replace_all(_DROPPED[self.drop], "")
        return text.str.to_uppercase() if self.case is Case.IGNORE else text
