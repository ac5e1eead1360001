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
    "date": _DATE_SPEC,
    "unit": re.compile(""),
}
_LITERAL: Final = re.compile(r"[^/\\\x00-\x1f\x7f]*")


@dataclass(frozen=True, slots=True)
class FileNameTemplate:
    """Such as `SKY_{date:%Y%m%d}_{sequence:06}.csv`; `sequence` keeps the names apart."""

    text: str

    @classmethod
    def parse(cls, text: str) -> FileNameTemplate:
        """Raises ValueError saying what is wrong with the template."""
        names = set()
        for literal, name, spec, conversion in Formatter().parse(text):
            if not _LITERAL.fullmatch(literal):
                raise ValueError("a file name has no slashes and no control characters")
            if name is None:
                continue
            if name not in _SPECS or conversion:
                raise ValueError(f"{{{name}}} is none of {{sequence}}, {{date:…}} and {{unit}}")
            if not _SPECS[name].fullmatch(spec or ""):
                raise ValueError(f"{{{name}:{spec}}} is not a form of {{{name}}}")
            names.add(name)
        if "sequence" not in names:
            raise ValueError("{sequence} is missing, without which two files could share a name")
        if text.startswith("."):
            raise ValueError("a name that begins with a dot is hidden")
        if len(text.encode()) > MAX_LENGTH:
            raise ValueError(f"the template has more than {MAX_LENGTH} bytes")
        return cls(text)

    def render(self, *, sequence: int, at: datetime, zone: ZoneInfo, unit: str) -> str:
        """The name of the file with that sequence, opened at that instant."""
        return self.text.format(sequence=sequence, date=at.astimezone(zone), unit=unit)
