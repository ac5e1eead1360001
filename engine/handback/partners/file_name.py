"""Names of payout files, by an agreement's template."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from string import Formatter
from typing import Final
from zoneinfo import ZoneInfo

# Landing and delivery put a token and a suffix of their own beside a name of at most 255 bytes.
MAX_LENGTH: Final = 180
_DATE_SPEC: Final = re.compile(r"(?:%[YymdjHMS]|[A-Za-z0-9_-])+")
_SPECS: Final = {
    "sequence": re.compile(r"(?:0[1-9]\d?)?"),
    "ordinal_of_day": re.compile(r"(?:0[1-9])?"),
    "date": _DATE_SPEC,
    "unit": re.compile(""),
}
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_DAY_OF: Final = re.compile(r"%j|%m.*%d|%d.*%m")
# Of a member's or caller's text only what no file system and no shell takes for anything else.
_DOUBTFUL: Final = re.compile(r"[^A-Za-z0-9_-]")
_MAX_VALUE: Final = 40
_NO_SPEC: Final = re.compile("")
_YEAR: Final = re.compile("%[Yy]")
_LITERAL: Final = re.compile(r"[^/\\\x00-\x1f\x7f]*")


@dataclass(frozen=True, slots=True)
class FileNameTemplate:
    """Such as `SKY_{date:%Y%m%d}_{sequence:06}.csv`.

    `sequence` keeps the names apart, or a day does together with the number of the file on it.
    `field` is a field of the agreement that the name shows, None where it shows none.
    """

    text: str
    names: frozenset[str] = frozenset()
    field: str | None = None

    @classmethod
    def parse(cls, text: str) -> FileNameTemplate:
        """Raises ValueError saying what is wrong with the template."""
        names, dates, field = set(), "", None
        for literal, name, spec, conversion in Formatter().parse(text):
            if not _LITERAL.fullmatch(literal):
                raise ValueError("a file name has no slashes and no control characters")
            if name is None:
                continue
            if name not in _SPECS and field in (None, name) and _FIELD.fullmatch(name):
                field = name
            elif name not in _SPECS or conversion:
                known = "{sequence}, {date:…}, {ordinal_of_day}, {unit} and one field"
                raise ValueError(f"{{{name}}} is none of {known}")
            if conversion or not _SPECS.get(name, _NO_SPEC).fullmatch(spec or ""):
                raise ValueError(f"{{{name}:{spec}}} is not a form of {{{name}}}")
            names.add(name)
            dates += (spec or "") if name == "date" else ""
        if "sequence" not in names and not (_DAY_OF.search(dates) and _YEAR.search(dates)):
            raise ValueError("{sequence} is missing, without which two files could share a name")
        if text.startswith("."):
            raise ValueError("a name that begins with a dot is hidden")
        if len(text.encode()) > MAX_LENGTH:
            raise ValueError(f"the template has more than {MAX_LENGTH} bytes")
        return cls(text, frozenset(names), field)

    def keeps_apart(self, files_per_day: int | None) -> bool:
        """Whether no two files can share a name, if there are at most so many a day."""
        return bool({"sequence", "ordinal_of_day"} & self.names) or files_per_day == 1

    def render(
        self,
        *,
        sequence: int,
        at: datetime,
        zone: ZoneInfo,
        unit: str,
        ordinal_of_day: int = 1,
        split_value: str | None = None,
    ) -> str:
        """The name of the file with that sequence, of the partner's day in which an instant lies.

        Of `split_value`, what the field says, letters, digits, `-` and `_` are kept.
        """
        fields = {}
        if self.field is not None:
            fields[self.field] = _DOUBTFUL.sub("_", split_value or "")[:_MAX_VALUE]
        return self.text.format(
            sequence=sequence,
            date=at.astimezone(zone),
            ordinal_of_day=ordinal_of_day,
            unit=unit,
            **fields,
        )
