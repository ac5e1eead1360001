"""Days and instants as partners write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final

import polars as pl

from handback.clock import zone_named
from handback.formats.document import Section
from handback.formats.findings import FindingCode

_DIRECTIVE: Final = re.compile(r"%(-?.)")
_SHAPES: Final = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "m": r"\d{2}",
    "d": r"\d{2}",
    "j": r"\d{3}",
    "b": "[A-Za-z]{3}",
    "H": r"\d{2}",
    "M": r"\d{2}",
    "S": r"\d{2}",
    "-m": r"\d{1,2}",
    "-d": r"\d{1,2}",
}
_WORDS: Final = {
    "YYYY": "%Y",
    "YY": "%y",
    "MM": "%m",
    "DD": "%d",
    "JJJ": "%j",
    "MON": "%b",
    "hh": "%H",
    "mm": "%M",
    "ss": "%S",
    "M": "%-m",
    "D": "%-d",
}
_WORD: Final = re.compile("|".join(sorted(_WORDS, key=len, reverse=True)))
_LONE_DIGIT: Final = r"\b(\d)\b"
_REST: Final = "*"
_LEAP: Final = "2000"  # the year of days that do not name theirs, until somebody knows better


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day. `pattern` is strptime's, with %-d and %-m for days and months that have no
    zero in front.

    Without a year in it, days come out in the year 2000: who knows the file's day resolves them
    (`nearest`). With `rest`, whatever follows the pattern is let pass.
    """

    pattern: str
    rest: bool = False
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
    def has_year(self) -> bool:
        """Does the text name its year?"""
        return bool({"Y", "y"} & set(_DIRECTIVE.findall(self.pattern)))

    @property
    def by_number(self) -> bool:
        """Is the day told by its number in the year?"""
        return "%j" in self.pattern

    @property
    def is_writable(self) -> bool:
        """Does the pattern say all of the text?"""
        return not self.rest and not {"H", "M", "S"} & set(_DIRECTIVE.findall(self.pattern))

    def accepts(self, dtype: pl.DataType) -> bool:
        """Days, and instants whose day is meant."""
        return dtype.is_temporal() or dtype == pl.Null()

    def decode(self, text: pl.Expr) -> pl.Expr:
        """Text to days. The shape is checked: a month without its zero is not a guess."""
        shape = _shape(self.pattern)
        if self.rest:
            exact = text.str.extract(f"^({shape})", 1)
        else:
            exact = pl.when(text.str.contains(f"^{shape}$")).then(text)
        pattern = self.pattern.replace("%-", "%")
        if pattern != self.pattern:
            exact = exact.str.replace_all(_LONE_DIGIT, "0${1}")
        if not self.has_year:
            exact, pattern = exact + pl.lit(f" {_LEAP}"), f"{pattern} %Y"
        return exact.str.to_date(pattern, strict=False)

    def encode(self, value: pl.Expr) -> pl.Expr:
        """Days to text."""
        return value.cast(pl.Date).dt.strftime(self.pattern)


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment, held in UTC. Without a pattern it is ISO 8601, with or without an offset; a text
    without one is the wall clock of `zone`. Of an hour that comes twice it is the first; one that
    a clock skips is no moment."""

    pattern: str
    zone: str
    dtype: ClassVar[pl.DataType] = pl.Datetime("us", "UTC")
    flaw: ClassVar[FindingCode] = FindingCode.BAD_DATE

    @property
    def expected(self) -> str:
        """What should stand there, for people."""
        return f"a moment written {self.pattern or 'as ISO 8601 has it'}"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Instants."""
        return isinstance(dtype, pl.Datetime) or dtype == pl.Null()

    def decode(self, text: pl.Expr) -> pl.Expr:
        """Text to instants."""
        if self.pattern:
            exact = pl.when(text.str.contains(f"^{_shape(self.pattern)}$")).then(text)
            return self._placed(exact.str.to_datetime(self.pattern, strict=False, time_unit="us"))
        shape = r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?$"
        clock = pl.concat_str(
            text.str.extract(shape, 1), text.str.extract(shape, 2), separator=" "
        ).str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")
        fraction = text.str.extract(shape, 3).fill_null("").str.slice(1, 6).str.pad_end(6, "0")
        local = clock + pl.duration(microseconds=fraction.cast(pl.Int64))
        offset = text.str.extract(shape, 4).str.replace("Z", "+0000", literal=True)
        offset = offset.str.replace(":", "", literal=True)
        minutes = offset.str.slice(1, 2).cast(pl.Int64) * 60 + offset.str.slice(3, 2).cast(pl.Int64)
        minutes = pl.when(offset.str.starts_with("-")).then(-minutes).otherwise(minutes)
        absolute = (local - pl.duration(minutes=minutes)).dt.replace_time_zone("UTC")
        return pl.when(offset.is_null()).then(self._placed(local)).otherwise(absolute)

    def _placed(self, local: pl.Expr) -> pl.Expr:
        there = local.dt.replace_time_zone(self.zone, ambiguous="earliest", non_existent="null")
        return there.dt.convert_time_zone("UTC")

    def encode(self, value: pl.Expr) -> pl.Expr:
        """Instants to text, in the clock of `zone`."""
        local = value.cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(self.zone)
        return local.dt.strftime(self.pattern or "%Y-%m-%dT%H:%M:%S%:z")


@dataclass(frozen=True, slots=True)
class DayOfInstant:
    """The day on which a moment falls in the zone `days_of`."""

    instant: Instant
    days_of: str
    dtype: ClassVar[pl.DataType] = pl.Date()
    flaw: ClassVar[FindingCode] = FindingCode.BAD_DATE

    @property
    def expected(self) -> str:
        """What should stand there, for people."""
        return self.instant.expected

    def accepts(self, dtype: pl.DataType) -> bool:
        """Nothing: a day does not say which moment of it is meant."""
        return dtype == pl.Null()

    def decode(self, text: pl.Expr) -> pl.Expr:
        """Text to days."""
        return self.instant.decode(text).dt.convert_time_zone(self.days_of).dt.date()

    def encode(self, value: pl.Expr) -> pl.Expr:
        """Null: it is read and never written."""
        return pl.lit(None, dtype=pl.String)


def nearest(days: pl.Expr, to: date | None, *, by_number: bool = False) -> pl.Expr:
    """Days of the year 2000 in the year that brings them nearest to a day; null where no year near
    has them, or nobody knows to which day. They keep their month and day, or (`by_number`) their
    number in the year."""
    if to is None:
        return pl.lit(None, dtype=pl.Date)
    found = [_in_year(days, year, by_number) for year in (to.year - 1, to.year, to.year + 1)]
    distance = [(one - pl.lit(to)).dt.total_days().abs() for one in found]
    best = pl.min_horizontal(distance)
    return pl.coalesce(
        pl.when(gap == best).then(one) for gap, one in zip(distance, found, strict=True)
    )


def _in_year(days: pl.Expr, year: int, by_number: bool) -> pl.Expr:
    if not by_number:
        return days.dt.strftime(f"{year}-%m-%d").str.to_date("%Y-%m-%d", strict=False)
    day = pl.lit(date(year, 1, 1)) + pl.duration(days=days.dt.ordinal_day() - 1)
    return pl.when(day.dt.year() == year).then(day.cast(pl.Date))


def _shape(pattern: str) -> str:
    """A regular expression of texts as wide as the pattern asks."""
    pieces = _DIRECTIVE.split(pattern)  # literal, directive, literal, ...
    shapes = [
        _SHAPES[piece] if number % 2 else pl.escape_regex(piece)
        for number, piece in enumerate(pieces)
    ]
    return "".join(shapes)


def day(section: Section) -> Day:
    """`pattern` as strptime writes it, or in words: YYYYMMDD, DD.MM.YY, YYJJJ, MMDD."""
    written = section.text("pattern", "YYYYMMDD")
    pattern = _directives(written.removesuffix(_REST))
    directives = _DIRECTIVE.findall(pattern)
    parts = {one.removeprefix("-") for one in directives}
    whole = {"m", "d"} <= parts or {"b", "d"} <= parts or "j" in parts
    years = len({"Y", "y"} & parts)
    if not (_is_known(directives) and whole and years <= 1 and _is_parted(pattern)):
        told = "a day such as YYYYMMDD, DD/MM/YY, D.M.YYYY, YYJJJ, MMDD or %d%m%Y"
        section.mistake("pattern", told)
        return Day("%Y%m%d")
    return Day(pattern, rest=written.endswith(_REST))


def instant(section: Section) -> Instant | DayOfInstant:
    """`pattern` in the same words, or ISO 8601 where there is none; zones by their names."""
    pattern = _directives(section.text("pattern", ""))
    directives = _DIRECTIVE.findall(pattern)
    known = _is_known(directives) and not {"-d", "-m"} & set(directives)
    if pattern and not (known and {"H", "M", "d"} <= set(directives)):
        section.mistake("pattern", "a day and a time such as YYYYMMDDhhmmss")
        pattern = ""
    made = Instant(pattern, _zone(section, "zone"))
    return DayOfInstant(made, _zone(section, "days_of")) if section.has("days_of") else made


def _zone(section: Section, key: str) -> str:
    zone = section.text(key, "UTC")
    if zone_named(zone) is None:
        section.mistake(key, "a time zone such as Europe/Madrid")
        return "UTC"
    return zone


def _directives(pattern: str) -> str:
    return pattern if "%" in pattern else _WORD.sub(lambda word: _WORDS[word[0]], pattern)


def _is_known(directives: list[str]) -> bool:
    parts = [one.removeprefix("-") for one in directives]
    return set(directives) <= set(_SHAPES) and len(parts) == len(set(parts))


def _is_parted(pattern: str) -> bool:
    """Does a mark stand on both sides of every part whose width varies?"""
    pieces = _DIRECTIVE.split(pattern)
    return all(
        (at == 1 or re.search(r"\W$", pieces[at - 1]))
        and (at == len(pieces) - 2 or re.match(r"\W", pieces[at + 1]))
        for at in range(1, len(pieces), 2)
        if pieces[at].startswith("-")
    )
