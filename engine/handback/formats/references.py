"""Reference templates: how the text that a partner quotes back carries our attempt.

A template is text with placeholders such as `HB{key:018}`: `key` is the attempt key with its check
digits (`handback.ids`), `batch`, `ordinal` and `attempt` are numbers, `date` is the day of the
batch, and any other name is a field the submit carried. `06` pads a number with zeros to six
digits, `.12` cuts a field to twelve characters, `%y%m%d` writes the day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from string import Formatter
from typing import Final

import polars as pl

from handback.errors import InvalidAgreement, InvalidRequest, Violation
from handback.ids import ATTEMPT_KEY_DIGITS, MAX_ATTEMPT, MAX_REDEMPTION_ID

MAX_REFERENCE_CHARS: Final = 140
_NUMBERS: Final = {"key": ATTEMPT_KEY_DIGITS, "batch": 18, "ordinal": 18, "attempt": 2}
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]*")
_DATE_PATTERN: Final = re.compile(r"(?:%[Yymdj])+")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One piece of a template that varies. `width` is 0 where the text is as long as it needs."""

    name: str
    width: int
    pattern: str = ""

    @property
    def is_number(self) -> bool:
        """Digits of ours, as against a submitted field or the day."""
        return self.name in _NUMBERS

    def render(self, batch: int, on: date) -> tuple[pl.Expr, pl.Expr]:
        """Its text, and whether the text does not fit."""
        if self.name == "date":
            return pl.lit(on.strftime(self.pattern)), pl.lit(False)
        if not self.is_number:
            text = pl.col(self.name).str.strip_chars()
            text = pl.when(text != "").then(text)
            return (text.str.slice(0, self.width) if self.width else text), pl.lit(False)
        number = {"key": _attempt_key(), "batch": pl.lit(batch, dtype=pl.Int64)}.get(self.name)
        number = pl.col(self.name) if number is None else number
        text = number.cast(pl.String).str.zfill(self.width)
        return text, text.str.len_chars() > (self.width or _NUMBERS[self.name])

    @property
    def is_exact(self) -> bool:
        """Always the same number of characters?"""
        return self.exact_width > 0

    @property
    def exact_width(self) -> int:
        """How many characters it always has, 0 where that varies."""
        if self.name == "date":
            return len(date(2001, 1, 1).strftime(self.pattern))
        return self.width if self.is_number else 0

    @property
    def expression(self) -> str:
        """The regular expression that its text matches, as one group."""
        if self.name == "date":
            return f"(.{{{self.exact_width}}})"
        if not self.is_number:
            return f"(.{{1,{self.width}}})" if self.width else "(.+)"
        if self.width:
            return rf"(\d{{{self.width}}})"
        return rf"(\d{{1,{_NUMBERS[self.name]}}})"


@dataclass(frozen=True, slots=True)
class ReferenceTemplate:
    """A compiled template: literal texts and placeholders in order. `of_batch` is how a batch as a
    whole is named, where that is more than its number."""

    text: str
    pieces: tuple[str | Placeholder, ...]
    of_batch: ReferenceTemplate | None = None

    @classmethod
    def parse(cls, text: str, where: str = "payout.reference.template") -> ReferenceTemplate:
        """Compile a template. Raises InvalidAgreement with every mistake, placed at `where`."""
        template = cls._compiled(text, where)
        if mistakes := template._mistakes():
            raise InvalidAgreement([Violation(where, mistake) for mistake in mistakes])
        return template

    @classmethod
    def parse_of_batch(cls, text: str, where: str = "payout.reference.batch") -> ReferenceTemplate:
        """Compile what names a batch: its number and the day. Raises InvalidAgreement."""
        template = cls._compiled(text, where)
        names = sorted(piece.name for piece in template.placeholders)
        if names not in (["batch"], ["batch", "date"]):
            told = "a template with {batch}, such as HB{batch:08}, and at most {date:…} beside it"
            raise InvalidAgreement([Violation(where, told)])
        return template

    @classmethod
    def _compiled(cls, text: str, where: str) -> ReferenceTemplate:
        try:
            return cls(text, tuple(_pieces(text)))
        except ValueError as wrong:
            raise InvalidAgreement([Violation(where, str(wrong))]) from wrong

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The pieces that vary, in order."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Placeholder))

    @property
    def has_key(self) -> bool:
        """Does the reference name redemption and attempt by itself?"""
        return any(piece.name == "key" for piece in self.placeholders)

    @property
    def fields(self) -> tuple[str, ...]:
        """The submitted fields that references are made of, in order."""
        return tuple(
            piece.name
            for piece in self.placeholders
            if not piece.is_number and piece.name != "date"
        )

    def render(self, rows: pl.DataFrame, *, batch: int, on: date) -> pl.DataFrame:
        """References for the attempts of a batch, row by row.

        `rows` has redemption_id, attempt, ordinal and a text column for each of `fields`. Answers,
        in the same order, `reference` (null where refused) and `refused`: null, `missing` (a part
        has no value), `too_long`, or `collision` (another row of the batch would get the same).
        """
        parts = [
            (pl.lit(piece), pl.lit(False)) if isinstance(piece, str) else piece.render(batch, on)
            for piece in self.pieces
        ]
        rendered = rows.with_columns(
            pl.concat_str([text for text, _ in parts]).alias("reference"),
            pl.any_horizontal([wide for _, wide in parts]).alias("wide"),
        )
        reference = pl.col("reference")
        wide = pl.col("wide") | (reference.str.len_chars() > MAX_REFERENCE_CHARS)
        refused = (
            pl.when(reference.is_null())
            .then(pl.lit("missing"))
            .when(wide)
            .then(pl.lit("too_long"))
            # A key is nobody else's.
            .when(pl.lit(False) if self.has_key else reference.is_duplicated())
            .then(pl.lit("collision"))
        )
        kept = pl.when(refused.is_null()).then(reference)
        return rendered.select(kept.alias("reference"), refused.alias("refused"))

    def name_of(self, batch: int, on: date) -> str | None:
        """What a batch is called, None where nothing says so.

        Raises InvalidRequest where its number does not fit.
        """
        if self.of_batch is None:
            return None
        text = ""
        for piece in self.of_batch.pieces:
            if isinstance(piece, str):
                text += piece
            elif piece.name == "date":
                text += on.strftime(piece.pattern)
            else:
                text += str(batch).zfill(piece.width)
        if self.of_batch.read(pl.Series([text]))["batch"].item() != batch:
            told = f"room for the number of batch {batch}"
            raise InvalidRequest([Violation("payout.reference.batch", told)])
        return text

    def read(self, references: pl.Series) -> pl.DataFrame:
        """What references say, row by row: redemption_id and attempt, 0 where they say nothing or
        the check digits disagree; batch and batch_ordinal, null where they say nothing."""
        numbers = self._numbers(references.alias("reference").to_frame())
        if self.has_key:
            numbers = _split_attempt_keys(numbers)
        else:
            numbers = numbers.with_columns(redemption_id=0)
        return numbers.select(
            pl.col("redemption_id").cast(pl.Int64),
            pl.col("attempt").fill_null(0).cast(pl.Int16),
            pl.col("batch"),
            pl.col("ordinal").alias("batch_ordinal"),
        )

    def _numbers(self, references: pl.DataFrame) -> pl.DataFrame:
        """References with each number that they may carry, null where they have another shape."""
        there = [piece.name for piece in self.placeholders if piece.is_number]
        if there and all(isinstance(piece, str) or piece.is_exact for piece in self.pieces):
            found = self._by_position(references)
        else:
            text = pl.col("reference").str
            found = references.with_columns(
                text.extract(self._expression(name), 1).cast(pl.Int64, strict=False).alias(name)
                for name in there
            )
        nothing = pl.lit(None, dtype=pl.Int64)
        return found.with_columns(nothing.alias(name) for name in _NUMBERS if name not in there)

    def _by_position(self, references: pl.DataFrame) -> pl.DataFrame:
        """The numbers where every piece has its fixed place: four times as fast as by pattern.

        In steps, for an expression that is used twice is computed twice.
        """
        text = pl.col("reference").str
        digits: dict[str, pl.Expr] = {}
        shaped, start = [], 0
        for piece in self.pieces:
            width = len(piece) if isinstance(piece, str) else piece.exact_width
            part = text.slice(start, width)
            if isinstance(piece, str):
                shaped.append(text.starts_with(piece) if start == 0 else part == piece)
            elif piece.is_number:
                digits[piece.name] = part
            start += width
        shaped.append(text.len_chars() == start)
        unsigned = [~pl.col(name).str.starts_with(sign) for name in digits for sign in "+-"]
        return (
            references.with_columns(pl.all_horizontal(shaped).alias("shaped"), **digits)
            .with_columns(
                pl.all_horizontal("shaped", *unsigned).alias("shaped"),
                pl.col(*digits).cast(pl.Int64, strict=False),
            )
            .with_columns(
                pl.when("shaped", *(pl.col(name).is_not_null() for name in digits)).then(
                    pl.col(*digits)
                )
            )
        )

    def _expression(self, wanted: str) -> str:
        """The whole template as a regular expression in which only one placeholder is a group."""
        pieces = []
        for piece in self.pieces:
            if isinstance(piece, str):
                pieces.append(pl.escape_regex(piece))
            elif piece.name == wanted:
                pieces.append(piece.expression)
            else:
                pieces.append(f"(?:{piece.expression[1:]}")
        return f"^{''.join(pieces)}$"

    def _mistakes(self) -> list[str]:
        names = [piece.name for piece in self.placeholders]
        mistakes = []
        if not ({"key"} & set(names) or {"batch", "ordinal"} <= set(names) or self.fields):
            mistakes.append("a template with {key}, or {batch} and {ordinal}, or a submitted field")
        if len(names) != len(set(names)):
            mistakes.append("a template that uses each placeholder once")
        for before, after in zip(self.pieces, self.pieces[1:], strict=False):
            if (
                isinstance(before, Placeholder)
                and isinstance(after, Placeholder)
                and not (before.is_exact or after.is_exact)
            ):
                mistakes.append(
                    f"a fixed width, or a text between {{{before.name}}} and {{{after.name}}}"
                )
        return mistakes


def _pieces(template: str) -> Iterator[str | Placeholder]:
    """The pieces of a template. Raises ValueError with what was expected."""
    for literal, name, spec, conversion in Formatter().parse(template):
        if literal:
            if not literal.isprintable():
                raise ValueError("printable characters only")
            yield literal
        if name is None:
            continue
        if conversion or not _FIELD.fullmatch(name):
            raise ValueError(f"a placeholder such as {{key:018}}, not {{{name}}}")
        yield _placeholder(name, spec or "")


def _placeholder(name: str, spec: str) -> Placeholder:
    if name == "date":
        if not _DATE_PATTERN.fullmatch(spec):
            raise ValueError("a day such as {date:%y%m%d}")
        return Placeholder(name, 0, spec)
    if name in _NUMBERS:
        width = int(spec) if re.fullmatch(r"0[1-9]\d?", spec) else 0
        if spec and not 1 <= width <= _NUMBERS[name]:
            raise ValueError(f"a width such as {{{name}:0{_NUMBERS[name]}}}, at most that")
        return Placeholder(name, width)
    if spec and not re.fullmatch(r"\.[1-9]\d?", spec):
        raise ValueError(f"a length such as {{{name}:.12}}")
    return Placeholder(name, int(spec[1:]) if spec else 0)


def _attempt_key() -> pl.Expr:
    """`ids.attempt_key` on the columns redemption_id and attempt; null outside their range."""
    redemption_id, attempt = (
        pl.col("redemption_id").cast(pl.Int64),
        pl.col("attempt").cast(pl.Int64),
    )
    payload = redemption_id * 100 + attempt
    sound = redemption_id.is_between(1, MAX_REDEMPTION_ID) & attempt.is_between(1, MAX_ATTEMPT)
    return pl.when(sound).then(payload * 100 + (98 - payload * 100 % 97))


def _split_attempt_keys(numbers: pl.DataFrame) -> pl.DataFrame:
    """`ids.split_attempt_key` on the column `key`: sets redemption_id and attempt, 0 for no key.

    In two steps, for an expression that is used twice is computed twice.
    """
    payload = pl.col("payload")
    parts = numbers.with_columns(payload=pl.col("key") // 100, check=pl.col("key") % 100)
    parts = parts.with_columns(
        redemption_id=payload // 100,
        attempt=payload % 100,
        right=pl.col("check") == 98 - payload * 100 % 97,
    )
    sound = pl.col("right") & (pl.col("attempt") > 0) & (pl.col("redemption_id") > 0)
    return parts.with_columns(
        pl.when(sound).then(name).otherwise(0).alias(name) for name in ("redemption_id", "attempt")
    )
