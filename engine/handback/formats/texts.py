"""Texts, codes and constants.

Several codes of one record are one text with `SEVERAL` between them, so that a column of codes
stays a column of texts: `1+3`. The strictest of their classes counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import polars as pl

from handback.formats.document import Section
from handback.formats.findings import FindingCode

SEVERAL: Final = "+"
_CASES: Final = ("as_is", "upper", "lower")
_LETTERS: Final = ("as_is", "composed", "compatible", "ascii")


@dataclass(frozen=True, slots=True)
class Text:
    """Characters as they stand, or brought to one form. Codes are text too: a leading zero is part
    of a code."""

    case: str = "as_is"
    letters: str = "as_is"
    fill: int = 0
    """Codes are filled with zeros up to this width, on reading as well."""
    first: int = 0
    """So many characters are the code, and what follows is not; 0 for all."""
    dtype: ClassVar[pl.DataType] = pl.String()
    flaw: ClassVar[FindingCode] = FindingCode.UNDECODABLE
    expected: ClassVar[str] = "text"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Everything that prints in one way."""
        return not dtype.is_nested() and not dtype.is_float()

    def decode(self, text: pl.Expr) -> pl.Expr:
        """The text in its form."""
        match self.letters:
            case "composed":
                text = text.str.normalize("NFC")
            case "compatible":
                text = text.str.normalize("NFKC")
            case "ascii":
                text = text.str.normalize("NFKD").str.replace_all(r"\p{M}", "")
        match self.case:
            case "upper":
                text = text.str.to_uppercase()
            case "lower":
                text = text.str.to_lowercase()
        text = text.str.head(self.first) if self.first else text
        return text.str.pad_start(self.fill, "0") if self.fill else text

    def encode(self, value: pl.Expr) -> pl.Expr:
        """The text in its form; numbers and dates are written as they print."""
        text = value.cast(pl.String)
        if self.first:
            text = pl.when(text.str.len_chars() <= self.first).then(text)
        return self.decode(text)


@dataclass(frozen=True, slots=True)
class Codes:
    """Several codes in one place: each of a fixed width, or between marks."""

    each: int
    between: str
    dtype: ClassVar[pl.DataType] = pl.String()
    flaw: ClassVar[FindingCode] = FindingCode.BAD_CODES

    @property
    def expected(self) -> str:
        """What should stand there, for people."""
        return f"codes of {self.each} characters" if self.each else f"codes between {self.between}"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Texts."""
        return dtype in (pl.String(), pl.Null())

    def decode(self, text: pl.Expr) -> pl.Expr:
        """Codes side by side to codes with a mark between them; blanks and zeros are none."""
        if self.each:
            parts = text.str.extract_all(f"(?s).{{1,{self.each}}}")
        else:
            parts = text.str.split(self.between)
        trimmed = pl.element().str.strip_chars(" ")
        codes = parts.list.eval(trimmed.filter(~trimmed.str.contains("^0*$")))
        return codes.list.join(SEVERAL)

    def encode(self, value: pl.Expr) -> pl.Expr:
        """Codes with a mark between them to codes side by side."""
        parts = value.cast(pl.String).str.split(SEVERAL)
        if not self.each:
            return parts.list.join(self.between)
        fit = parts.list.eval(pl.element().str.len_chars() <= self.each).list.all()
        padded = parts.list.eval(pl.element().str.pad_end(self.each, " "))
        return pl.when(fit).then(padded.list.join("").str.strip_chars_end(" "))


@dataclass(frozen=True, slots=True)
class Flags:
    """One character for each of some codes, `on` where the code holds."""

    codes: tuple[str, ...]
    on: str
    dtype: ClassVar[pl.DataType] = pl.String()
    flaw: ClassVar[FindingCode] = FindingCode.BAD_CODES

    @property
    def expected(self) -> str:
        """What should stand there, for people."""
        return f"at most {len(self.codes)} flags, {self.on} where they are set"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Texts."""
        return dtype in (pl.String(), pl.Null())

    def decode(self, text: pl.Expr) -> pl.Expr:
        """Flags to the codes that hold, with a mark between them."""
        held = [
            pl.when(text.str.slice(place, 1) == self.on).then(pl.lit(code))
            for place, code in enumerate(self.codes)
        ]
        short = text.str.len_chars() <= len(self.codes)
        return pl.when(short).then(pl.concat_str(held, separator=SEVERAL, ignore_nulls=True))

    def encode(self, value: pl.Expr) -> pl.Expr:
        """Codes to flags."""
        parts = value.cast(pl.String).str.split(SEVERAL)
        known = parts.list.eval(pl.element().is_in(list(self.codes))).list.all()
        marks = [
            pl.when(parts.list.contains(code)).then(pl.lit(self.on)).otherwise(pl.lit(" "))
            for code in self.codes
        ]
        return pl.when(known).then(pl.concat_str(marks))


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


def text(section: Section) -> Text:
    """A text of a layout, with its options."""
    case = section.choice("case", _CASES, "as_is")
    return Text(case, section.choice("letters", _LETTERS, "as_is"))


def code(section: Section) -> Text:
    """A code of a layout, with its options."""
    case = section.choice("case", _CASES, "as_is")
    fill, first = section.integer("fill", 0, 1, 64), section.integer("first", 0, 1, 64)
    if fill and first:
        section.mistake("first", "either first or fill, not both")
    return Text(case, fill=fill, first=first)


def codes(section: Section) -> Codes:
    """Several codes of a layout, with their options."""
    each, between = section.integer("each", 0, 1, 64), section.text("between", "")
    if bool(each) == bool(between):
        section.mistake("each", "either each, their width, or between, what parts them")
    return Codes(each, between)


def flags(section: Section) -> Flags:
    """Flags of a layout, with their options."""
    named, on = section.texts("codes"), section.text("on", "Y")
    if not named or any(SEVERAL in one or not one for one in named):
        section.mistake("codes", "a list of codes, one for each flag")
    if len(on) != 1 or on == " ":
        section.mistake("on", "the character of a flag that is set")
    return Flags(named, on)


def constant(section: Section) -> Constant:
    """A constant of a layout, with its options."""
    return Constant(section.text("value"))
